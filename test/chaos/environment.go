package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fastpix-operator/fastpix-operator/internal/clock"
	"github.com/fastpix-operator/fastpix-operator/internal/operator"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
	"github.com/fastpix-operator/fastpix-operator/test/chaos/oracle"
	"github.com/fastpix-operator/fastpix-operator/test/chaos/proxy"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fastpixfake"
	"github.com/fastpix-operator/fastpix-operator/test/framework/process"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

const (
	controllerCount = 2
	receiverCount   = 3
	syncerCount     = 2
	processCount    = controllerCount + receiverCount + syncerCount
)

// env is a control plane with the operator beside it, as config/default deploys it.
type testEnv struct {
	options options
	plane   *controlplane.ControlPlane
	admin   client.Client // not through a proxy: it is the harness's own
	// asReceiver has the receivers' identity, as if it were stolen.
	asReceiver client.Client
	binary     string
	// fastpix is the management API that the syncers ask, through a proxy that can fail.
	fastpix     *fastpixfake.Server
	fastpixLink *proxy.Proxy
	// processes are the controllers, then the receivers, then the syncers. The last of each is never asked to end before everything was checked, so that one process
	// of each part runs through all faults of its connections: leaks show with time only.
	processes []*operatorProcess
	baselines map[string]resources
	verified  map[record.Key][sha256.Size]byte // every mirror that was compared with the oracle, as it was then

	journal         *oracle.Journal
	outage          atomic.Bool      // the API server is away for so long that no process becomes ready in time
	planeMu         sync.Mutex       // held by the one fault that stops and starts etcd or the API server
	kubeControllers *process.Process // which count quotas
	quotaMu         sync.Mutex       // held by the one fault that uses up the journal's quota

	ctx    context.Context // lasts as long as exits of processes are unwanted
	end    context.CancelFunc
	wg     sync.WaitGroup
	failMu sync.Mutex
	failed []error
}

// newTestEnv starts a control plane and prepares the operator's processes. On an error nothing is left running.
func newTestEnv(ctx context.Context, o options) (_ *testEnv, err error) {
	progress("starting etcd, kube-apiserver and kube-controller-manager")
	plane, err := controlplane.Start(ctx, controlplane.Options{})
	if err != nil {
		return nil, err
	}
	r := &testEnv{options: o, plane: plane, binary: o.binary, journal: oracle.NewJournal(), verified: map[record.Key][sha256.Size]byte{}}
	r.ctx, r.end = context.WithCancel(ctx)
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close(false))
		}
	}()
	if err := plane.Apply(ctx, "config/default"); err != nil {
		return nil, err
	}
	if err := plane.Apply(ctx, "config/quota"); err != nil {
		return nil, err
	}
	if r.admin, err = client.New(plane.Config(), client.Options{Scheme: operator.NewScheme()}); err != nil {
		return nil, err
	}
	if r.kubeControllers, err = plane.ControllerManager(); err != nil {
		return nil, err
	}
	if err := r.kubeControllers.Start(ctx); err != nil {
		return nil, err
	}
	if err := r.serveFastPix(); err != nil {
		return nil, err
	}
	if r.binary == "" {
		if r.binary, err = controlplane.BuildOperator(ctx, r.path("bin")); err != nil {
			return nil, err
		}
	}
	return r, r.prepare(ctx)
}

func (r *testEnv) path(name string) string { return filepath.Join(r.plane.Dir, name) }

// prepare prepares the operator's processes.
func (r *testEnv) prepare(ctx context.Context) error {
	controllers, err := r.plane.ServiceAccount(ctx, tenant.OperatorNamespace, tenant.ControllersAccount)
	if err != nil {
		return err
	}
	receivers, err := r.plane.ServiceAccount(ctx, tenant.OperatorNamespace, tenant.ReceiverAccount)
	if err != nil {
		return err
	}
	if r.asReceiver, err = client.New(receivers.Config, client.Options{Scheme: operator.NewScheme()}); err != nil {
		return err
	}
	for i := range controllerCount {
		m, err := newOperatorProcess(r, fmt.Sprintf("controllers-%d", i+1), controllers, false, "--receiver=false", "--syncer=false", "--leader-elect")
		if err != nil {
			return err
		}
		r.processes = append(r.processes, m)
	}
	for i := range receiverCount {
		m, err := newOperatorProcess(r, fmt.Sprintf("receiver-%d", i+1), receivers, true, "--controllers=false", "--syncer=false", "--drain-delay=1s")
		if err != nil {
			return err
		}
		r.processes = append(r.processes, m)
	}
	return r.prepareSyncers(ctx)
}

func (r *testEnv) controllers() []*operatorProcess { return r.processes[:controllerCount] }
func (r *testEnv) receivers() []*operatorProcess {
	return r.processes[controllerCount : controllerCount+receiverCount]
}
func (r *testEnv) syncers() []*operatorProcess { return r.processes[controllerCount+receiverCount:] }

// start starts every process, and follows the journal.
func (r *testEnv) start(ctx context.Context) error {
	r.wg.Go(func() { r.journal.Follow(r.ctx, r.plane) })
	progress("starting two controllers, three receivers and two syncers")
	for _, m := range r.processes {
		m.mu.Lock()
		err := m.launch(ctx, r)
		m.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// restoreLinks ends every fault that may still last, and returns when everything runs.
func (r *testEnv) restoreAll(ctx context.Context) error {
	for _, m := range r.processes {
		m.restoreLinks()
	}
	r.restoreFastPix()
	if err := r.startControlPlane(ctx); err != nil {
		return err
	}
	for _, m := range r.processes {
		m.mu.Lock()
		m.ensureRunning(ctx, r)
		m.mu.Unlock()
	}
	return ctx.Err()
}

// startControlPlane starts what does not run of the control plane.
func (r *testEnv) startControlPlane(ctx context.Context) error {
	r.planeMu.Lock()
	defer r.planeMu.Unlock()
	return r.startControlPlaneLocked(ctx)
}

func (r *testEnv) startControlPlaneLocked(ctx context.Context) error {
	var err error
	for range 3 { // the API server may have ended itself because etcd was away, or be about to
		err = nil
		for _, p := range []*process.Process{r.plane.Etcd, r.plane.APIServer} {
			if !p.Running() {
				err = errors.Join(err, p.Start(ctx))
			}
		}
		if err == nil {
			err = r.plane.APIServer.WaitReady(ctx)
		}
		if err == nil && !r.kubeControllers.Running() {
			err = r.kubeControllers.Start(ctx)
		}
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	return err
}

// maxFailures is how many failures are reported: the first ones say what is wrong.
const maxFailures = 20

// fail notes something that must not happen.
func (r *testEnv) fail(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	r.failMu.Lock()
	defer r.failMu.Unlock()
	if len(r.failed) < maxFailures {
		progress("FAILURE: %v", err)
		r.failed = append(r.failed, err)
	}
}

// logPatterns are texts that no log may contain: a panic, also one that a process caught, and records that controllers drop, as they do after a
// namespace was deleted or a mirror purged, of which nothing happens here.
var logPatterns = []string{"panic", "Discarded records"}

// searchLogs looks for what must not happen in the logs, and reports the first of each.
func (r *testEnv) searchLogs() {
	for _, m := range r.processes {
		content, err := os.ReadFile(m.Log)
		if err != nil {
			r.fail("read the log of %s: %v", m.Name, err)
		}
		for _, pattern := range logPatterns {
			for line := range bytes.Lines(content) {
				if bytes.Contains(line, []byte(pattern)) {
					r.fail("the log of %s contains %q: %.400s", m.Name, pattern, line)
					break
				}
			}
		}
	}
}

// failures returns everything that must not have happened.
func (r *testEnv) failures() error {
	r.failMu.Lock()
	defer r.failMu.Unlock()
	return errors.Join(r.failed...)
}

// Close ends every process and removes every file, but keeps the logs of a run that failed.
func (r *testEnv) close(failed bool) error {
	r.end()
	r.wg.Wait()
	var errs []error
	if failed || r.options.keepLogs || r.failures() != nil {
		errs = append(errs, r.keepLogs())
	}
	for _, m := range r.processes {
		// What is frozen or cut off now has no time to end well.
		m.Kill()
	}
	errs = append(errs, r.plane.Close(), r.closeFastPix())
	for _, m := range r.processes {
		errs = append(errs, m.closeLinks())
	}
	return errors.Join(errs...)
}

func (r *testEnv) keepLogs() error {
	dir, err := os.MkdirTemp("", "fastpix-chaos-logs-")
	if err != nil {
		return err
	}
	progress("the logs are kept in %s", dir)
	return os.CopyFS(dir, os.DirFS(r.plane.LogDir()))
}

func (m *operatorProcess) closeLinks() error {
	err := m.api.Close()
	if m.front != nil {
		err = errors.Join(err, m.front.Close())
	}
	return err
}

// retry does something until it succeeds: the API server may be away.
func retry(ctx context.Context, do func(context.Context) error) error {
	for {
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := do(attempt)
		cancel()
		if err == nil || !clock.Sleep(ctx, 100*time.Millisecond) {
			return err
		}
	}
}
