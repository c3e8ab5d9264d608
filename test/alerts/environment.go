package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fastpix-operator/fastpix-operator/internal/operator"
	"github.com/fastpix-operator/fastpix-operator/test/chaos/proxy"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fastpixfake"
	"github.com/fastpix-operator/fastpix-operator/test/framework/process"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

// maxPending is the bound on pending events of an endpoint.
const maxPending = 200

// env is a control plane, the operator beside it as config/default deploys it, and a Prometheus.
type env struct {
	options    options
	plane      *controlplane.ControlPlane
	admin      client.Client
	asReceiver client.Client // has the receiver's identity, as if it were stolen

	receiver, controllers, syncer *controlplane.Operator
	// apiLink is the way of the receiver to the API server.
	apiLink *proxy.Proxy
	fastpix *fastpixfake.Server

	prometheus *prometheus
	alerts     []string // the names of all alerts of the chart

	// video is the namespace whose endpoint gets events all the time, unless silent is locked.
	video  string
	silent sync.Mutex
	wg     sync.WaitGroup
	cancel context.CancelFunc

	workspace *fastpixfake.Workspace // of synced
	access    fastpixfake.Access
	synced    string // the namespace whose endpoint is compared with a workspace
}

// newEnv starts a control plane and prepares the processes. On an error nothing is left running.
func newEnv(ctx context.Context, o options) (_ *env, err error) {
	progress("starting etcd and kube-apiserver")
	plane, err := controlplane.Start(ctx, controlplane.Options{NoSync: true})
	if err != nil {
		return nil, err
	}
	e := &env{options: o, plane: plane, cancel: func() {}}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.close(false))
		}
	}()
	if err := plane.Apply(ctx, "config/default"); err != nil {
		return nil, err
	}
	if e.admin, err = client.New(plane.Config(), client.Options{Scheme: operator.NewScheme()}); err != nil {
		return nil, err
	}
	if e.fastpix, err = fastpixfake.Serve(fastpixfake.New(), "127.0.0.1:0"); err != nil {
		return nil, err
	}
	if err := e.prepareProcesses(ctx); err != nil {
		return nil, err
	}
	return e, e.preparePrometheus(ctx)
}

// prepareProcesses prepares the receiver, the controllers and the syncer.
func (e *env) prepareProcesses(ctx context.Context) (err error) {
	binary := e.options.binary
	if binary == "" {
		if binary, err = controlplane.BuildOperator(ctx, filepath.Join(e.plane.Dir, "bin")); err != nil {
			return err
		}
	}
	var identities [3]controlplane.Identity
	for i, account := range []string{tenant.ReceiverAccount, tenant.ControllersAccount, tenant.SyncerAccount} {
		if identities[i], err = e.plane.ServiceAccount(ctx, tenant.OperatorNamespace, account); err != nil {
			return err
		}
	}
	if e.asReceiver, err = client.New(identities[0].Config, client.Options{Scheme: operator.NewScheme()}); err != nil {
		return err
	}
	if e.apiLink, err = proxy.New(strings.TrimPrefix(e.plane.Config().Host, "https://")); err != nil {
		return err
	}
	if identities[0].Kubeconfig, err = e.kubeconfigThrough(identities[0].Kubeconfig, e.apiLink); err != nil {
		return err
	}
	if e.receiver, err = e.plane.NewOperator("receiver", binary, identities[0], "--controllers=false", "--syncer=false", "--drain-delay=0s",
		fmt.Sprintf("--max-pending-events-per-endpoint=%d", maxPending)); err != nil {
		return err
	}
	if e.controllers, err = e.plane.NewOperator("controllers", binary, identities[1], "--receiver=false", "--syncer=false", "--leader-elect"); err != nil {
		return err
	}
	e.syncer, err = e.plane.NewOperator("syncer", binary, identities[2], "--receiver=false", "--controllers=false", "--leader-elect",
		"--fastpix-api-url="+e.fastpix.URL(), "--sync-grace=1s", "--sync-rate=1000")
	return err
}

// kubeconfigThrough returns a kubeconfig that leads to the API server through a link.
func (e *env) kubeconfigThrough(kubeconfig string, link *proxy.Proxy) (string, error) {
	config, err := clientcmd.LoadFromFile(kubeconfig)
	if err != nil {
		return "", err
	}
	for _, c := range config.Clusters {
		c.Server = "https://" + link.Address()
	}
	file := kubeconfig + ".link"
	return file, clientcmd.WriteToFile(*config, file)
}

// start starts the processes, makes the tenants, and waits until all is well: no alert is active.
func (e *env) start(ctx context.Context) error {
	progress("starting a receiver, controllers, a syncer and Prometheus")
	for _, o := range []*controlplane.Operator{e.receiver, e.controllers, e.syncer} {
		if err := o.Start(ctx); err != nil {
			return err
		}
	}
	if err := e.prometheus.Start(ctx); err != nil {
		return err
	}
	var err error
	if e.video, err = e.newTenant(ctx, "video", signingSecret); err != nil {
		return err
	}
	background, cancel := context.WithCancel(ctx)
	e.cancel = cancel
	e.wg.Go(func() { e.deliverAllTheTime(background) })
	if err := e.newSyncedTenant(ctx); err != nil {
		return err
	}
	progress("waiting until no alert is active")
	return e.prometheus.waitQuiet(ctx)
}

// close ends every process and removes every file, but keeps the logs of a run that failed.
func (e *env) close(failed bool) error {
	e.cancel()
	e.wg.Wait()
	var errs []error
	if failed || e.options.keepLogs {
		dir, err := os.MkdirTemp("", "fastpix-alerts-logs-")
		errs = append(errs, err)
		if err == nil {
			progress("the logs are kept in %s", dir)
			errs = append(errs, os.CopyFS(dir, os.DirFS(e.plane.LogDir())))
		}
	}
	if e.prometheus != nil {
		e.prometheus.Kill()
	}
	for _, o := range []*controlplane.Operator{e.receiver, e.controllers, e.syncer} {
		if o != nil {
			o.Kill()
		}
	}
	errs = append(errs, e.plane.Close())
	if e.apiLink != nil {
		errs = append(errs, e.apiLink.Close())
	}
	if e.fastpix != nil {
		errs = append(errs, e.fastpix.Close())
	}
	return errors.Join(errs...)
}

// restore ends what a fault left behind that could not be induced.
func (e *env) restore(ctx context.Context) error {
	e.apiLink.SetFault(proxy.Fault{})
	e.fastpix.Heal()
	return ensureRunning(ctx, e.plane.APIServer, e.receiver.Process, e.controllers.Process, e.syncer.Process)
}

// ensureRunning starts processes that do not run.
func ensureRunning(ctx context.Context, processes ...*process.Process) error {
	for _, p := range processes {
		if p.Running() {
			continue
		}
		if err := p.Start(ctx); err != nil {
			return err
		}
	}
	return nil
}
