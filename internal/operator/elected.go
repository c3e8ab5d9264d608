package operator

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"time"

	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/fastpix-operator/fastpix-operator/internal/apiserver"
	"github.com/fastpix-operator/fastpix-operator/internal/clock"
)

// renewDeadline is how long a leader may fail to renew its lease before it stops.
const renewDeadline = 10 * time.Second

const (
	// restartPause comes before a part starts again.
	restartPause = time.Second
	// restartLogInterval is how often the log says why a part stopped: while the API server is unavailable it stops every few seconds.
	restartLogInterval = 30 * time.Second
)

// leaderIdentity stays the same when a part starts again in this process, so that it need not wait for its own lease to expire.
var leaderIdentity = func() string {
	host, _ := os.Hostname()
	return host + "_" + rand.Text()
}()

// runElected makes a manager with leader election and runs it until the context ends or the lease is lost. Until the API server has told the
// manager what there is, it writes nothing, and is not waited for when the context ends: neither the calls that ask what the API server serves
// nor the manager that waits for its caches can be told to stop.
func runElected(ctx context.Context, newManager func(context.Context) (manager.Manager, error)) error {
	ended, began := make(chan error, 1), make(chan struct{})
	go func() {
		mgr, err := newManager(ctx)
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

// newElected returns a manager that elects its leader by a lease. It serves neither metrics nor probes: the process's manager does.
func newElected(restConfig *rest.Config, o Options, lease string, cacheOptions cache.Options) (manager.Manager, error) {
	lock, err := newLease(restConfig, o.OperatorNamespace, lease)
	if err != nil {
		return nil, err
	}
	restConfig = rest.CopyConfig(restConfig)
	restConfig.Wrap(apiserver.BoundPages)
	mgr, err := ctrl.NewManager(restConfig, ctrl.Options{
		Scheme:                              NewScheme(),
		Metrics:                             metricsserver.Options{BindAddress: "0"},
		HealthProbeBindAddress:              "0",
		Cache:                               cacheOptions,
		LeaderElection:                      o.LeaderElect,
		LeaderElectionID:                    lease, // names the lease in metrics
		LeaderElectionResourceLockInterface: lock,
		RenewDeadline:                       new(renewDeadline),
		LeaderElectionReleaseOnCancel:       true, // everything that writes has stopped by then: see Manager.Start
	})
	if err != nil {
		return nil, fmt.Errorf("make the manager %s: %w", lease, err)
	}
	return mgr, nil
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

// restarting is a runnable that starts a part of the operator again whenever it ends before the context does.
type restarting struct {
	part string // its name in the log
	run  func(context.Context) error
}

// Start runs until the context ends.
func (r restarting) Start(ctx context.Context) error {
	var logged time.Time
	for {
		err := r.run(ctx)
		if ctx.Err() != nil {
			return err
		}
		if now := time.Now(); now.Sub(logged) >= restartLogInterval {
			logged = now
			ctrl.Log.Error(err, "A part of the operator stopped and will start again", "part", r.part)
		}
		clock.Sleep(ctx, restartPause)
	}
}

// NeedLeaderElection is false: each part elects its leader itself.
func (restarting) NeedLeaderElection() bool { return false }
