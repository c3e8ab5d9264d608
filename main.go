// The FastPix operator: an in-cluster receiver of FastPix webhooks, and controllers that mirror what the events say into
// MediaAssets and LiveStreams. One binary runs either half or both.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	goruntime "runtime"
	"runtime/debug"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/fastpix-operator/fastpix-operator/internal/apiserver"
	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers"
	"github.com/fastpix-operator/fastpix-operator/internal/connlimit"
	"github.com/fastpix-operator/fastpix-operator/internal/lean"
	"github.com/fastpix-operator/fastpix-operator/internal/metricsguard"
	"github.com/fastpix-operator/fastpix-operator/internal/operator"
	"github.com/fastpix-operator/fastpix-operator/webhookserver"
)

// version is set by the build.
var version = "dev"

// renewDeadline is how long a leader may fail to renew its lease before it stops.
const renewDeadline = 10 * time.Second

// gcPercent is how much garbage Go lets come together, in percent of what is in use: half of its default. Little is in use beside text and
// bodies, which hold no pointers, so that collecting costs little. The environment variable GOGC overrides it.
const gcPercent = 50

// leaderIdentity stays the same when the controllers start anew in this process, so that they need not wait for their own lease to run out.
var leaderIdentity = func() string {
	host, _ := os.Hostname()
	return host + "_" + rand.Text()
}()

// options are the flags of the binary.
type options struct {
	receiver, controllers bool
	metricsBindAddress    string
	probeBindAddress      string
	operatorNamespace     string
	leaderElect           bool
	showVersion           bool

	receiving webhookserver.Options
	folding   controllers.Options
	zap       zap.Options
}

func (o *options) bindFlags(fs *flag.FlagSet) {
	fs.BoolVar(&o.showVersion, "version", false, "Print the version and exit.")
	fs.BoolVar(&o.receiver, "receiver", true, "Run the receiver of webhooks.")
	fs.BoolVar(&o.controllers, "controllers", true, "Run the controllers that mirror events.")
	fs.StringVar(&o.metricsBindAddress, "metrics-bind-address", ":8443", "Where metrics are served, by HTTPS to those who may get them; 0 turns them off.")
	fs.StringVar(&o.probeBindAddress, "health-probe-bind-address", ":8081", "Where /healthz and /readyz are served.")
	fs.StringVar(&o.operatorNamespace, "operator-namespace", defaultOperatorNamespace(), "The operator's own namespace, which holds its journal.")
	fs.BoolVar(&o.leaderElect, "leader-elect", false, "Elect a leader among the controllers; needed when more than one runs.")
	o.receiving.BindFlags(fs)
	o.folding.BindFlags(fs)
	o.zap.BindFlags(fs)
}

func (o *options) validate() error {
	if !o.receiver && !o.controllers {
		return errors.New("nothing to run: set --receiver or --controllers")
	}
	o.receiving.OperatorNamespace = o.operatorNamespace
	o.folding.OperatorNamespace = o.operatorNamespace
	return errors.Join(o.receiving.Validate(), o.folding.Validate())
}

func defaultOperatorNamespace() string {
	if namespace := os.Getenv("POD_NAMESPACE"); namespace != "" {
		return namespace
	}
	return "fastpix-system"
}

func main() {
	var o options
	o.bindFlags(flag.CommandLine)
	flag.Parse()
	if o.showVersion {
		fmt.Fprintln(os.Stdout, "fastpix-operator", version, goruntime.Version())
		return
	}
	ctrl.SetLogger(zap.New(zap.UseFlagOptions(&o.zap)))
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	log.SetFlags(0)
	log.SetOutput(netLog{ctrl.Log.WithName("net").V(1)})
	ctrl.Log.Info("Starting the FastPix operator", "version", version, "receiver", o.receiver, "controllers", o.controllers)
	if err := run(ctrl.SetupSignalHandler(), o); err != nil {
		ctrl.Log.Error(err, "The operator ends")
		os.Exit(1)
	}
}

// run runs the halves that are asked for until the context ends. The manager it starts holds probes, metrics and the receiver;
// the controllers have another, so that losing the lease or the API server restarts only them.
func run(ctx context.Context, o options) error {
	if err := o.validate(); err != nil {
		return err
	}
	restConfig, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("find the API server: %w", err)
	}
	restConfig.QPS = -1 // the API server's priority and fairness decides, not the client
	limiter := connlimit.New()
	mgr, err := newManager(restConfig, limiter, o)
	if err != nil {
		return err
	}
	if o.receiver {
		if err := webhookserver.AddToManager(mgr, limiter, o.receiving); err != nil {
			return fmt.Errorf("set up the receiver: %w", err)
		}
	}
	if o.controllers {
		if err := mgr.Add(restarting(func(ctx context.Context) error { return runControllers(ctx, restConfig, o) })); err != nil {
			return fmt.Errorf("set up the controllers: %w", err)
		}
	}
	return mgr.Start(ctx)
}

func newManager(restConfig *rest.Config, limiter *connlimit.Limiter, o options) (manager.Manager, error) {
	mgr, err := operator.NewManager(restConfig, ctrl.Options{
		Scheme:                  newScheme(),
		Cache:                   cache.Options{DefaultTransform: lean.Transform, NewInformer: apiserver.NewInformer},
		GracefulShutdownTimeout: new(o.receiving.DrainDelay + 30*time.Second),
	}, operator.Ports{Limiter: limiter, Probes: o.probeBindAddress, Metrics: o.metricsBindAddress, MetricsFilter: metricsguard.New})
	if err != nil {
		return nil, fmt.Errorf("make a manager: %w", err)
	}
	// A controller that waits to become leader is ready; the receiver adds its own check.
	return mgr, errors.Join(mgr.AddHealthzCheck("ping", healthz.Ping), mgr.AddReadyzCheck("ping", healthz.Ping))
}

// netLog takes what net/http says of broken connections to the ports of metrics and probes: it quotes whoever connects, as often as they
// like, so it is shown only to those who ask for it.
type netLog struct{ log logr.Logger }

// Write implements io.Writer.
func (l netLog) Write(text []byte) (int, error) {
	l.log.Info("A server tells", "text", string(text))
	return len(text), nil
}

// runControllers runs the controllers until the context ends or the lease is lost. Until the API server has told them what there is they
// write nothing, and are not waited for when the context ends: neither the calls that ask what it serves nor the manager that waits for its
// caches can be told to stop.
func runControllers(ctx context.Context, restConfig *rest.Config, o options) error {
	ended, began := make(chan error, 1), make(chan struct{})
	go func() {
		mgr, err := newControllers(ctx, restConfig, o)
		if err == nil {
			err = mgr.Add(onceSynced(func() { close(began) }))
		}
		if err == nil {
			err = mgr.Start(ctx)
		}
		ended <- err
	}()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	select {
	case <-began:
		return <-ended
	default:
		return nil
	}
}

// onceSynced is a runnable that calls a function when every cache has synced.
type onceSynced func()

// Start calls it.
func (f onceSynced) Start(context.Context) error {
	f()
	return nil
}

// NeedLeaderElection is false: who waits for the lease has synced.
func (onceSynced) NeedLeaderElection() bool { return false }

// newControllers returns the manager of the controllers.
func newControllers(ctx context.Context, restConfig *rest.Config, o options) (manager.Manager, error) {
	lock, err := resourcelock.NewFromKubeconfig(resourcelock.LeasesResourceLock, o.operatorNamespace, "fastpix-controller-manager",
		resourcelock.ResourceLockConfig{Identity: leaderIdentity}, restConfig, renewDeadline)
	if err != nil {
		return nil, fmt.Errorf("make the lease: %w", err)
	}
	mgr, err := ctrl.NewManager(restConfig, ctrl.Options{
		Scheme:                              newScheme(),
		Metrics:                             metricsserver.Options{BindAddress: "0"}, // the other manager serves the process's metrics
		HealthProbeBindAddress:              "0",
		Cache:                               controllers.CacheOptions(),
		LeaderElection:                      o.leaderElect,
		LeaderElectionResourceLockInterface: lock,
		RenewDeadline:                       new(renewDeadline),
		LeaderElectionReleaseOnCancel:       true, // everything that writes has stopped by then: see Manager.Start
	})
	if err != nil {
		return nil, fmt.Errorf("make the controllers' manager: %w", err)
	}
	if err := controllers.AddToManager(ctx, mgr, o.folding); err != nil {
		return nil, fmt.Errorf("set up the controllers: %w", err)
	}
	return mgr, nil
}

// restarting is a runnable that is started again whenever it ends before the context does.
type restarting func(context.Context) error

// Start runs until the context ends.
func (r restarting) Start(ctx context.Context) error {
	for {
		err := r(ctx)
		if ctx.Err() != nil {
			return err
		}
		ctrl.Log.Error(err, "The controllers stopped and will start again")
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// NeedLeaderElection is false: the controllers elect their leader themselves.
func (restarting) NeedLeaderElection() bool { return false }

func newScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(fastpixv1.AddToScheme(scheme))
	return scheme
}
