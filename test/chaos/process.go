package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/fastpix-operator/fastpix-operator/internal/clock"
	"github.com/fastpix-operator/fastpix-operator/test/chaos/proxy"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/process"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

// operatorProcess is one process of the operator and the links to it that can fail.
type operatorProcess struct {
	*controlplane.Operator
	part  string       // of the operator: what processes with the same flags have in common
	api   *proxy.Proxy // between it and the API server
	front *proxy.Proxy // between the sender and it; nil for controllers and syncers

	mu     sync.Mutex   // held by the one fault that stops, starts or pauses it
	ending *atomic.Bool // whether its exit is wanted; one for each incarnation
	up     atomic.Bool
	starts atomic.Int64
}

// newOperatorProcess prepares a process whose way to the API server, and from the sender, leads through proxies.
func newOperatorProcess(r *testEnv, name string, identity controlplane.Identity, receives bool, args ...string) (*operatorProcess, error) {
	m := &operatorProcess{}
	m.part, _, _ = strings.Cut(name, "-")
	var err error
	if m.api, err = proxy.New(strings.TrimPrefix(r.plane.Config().Host, "https://")); err != nil {
		return nil, err
	}
	config, err := clientcmd.LoadFromFile(identity.Kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig of %s: %w", name, err)
	}
	for _, c := range config.Clusters {
		c.Server = "https://" + m.api.Address()
	}
	identity.Kubeconfig = r.path(name + ".kubeconfig")
	if err := clientcmd.WriteToFile(*config, identity.Kubeconfig); err != nil {
		return nil, fmt.Errorf("write kubeconfig of %s: %w", name, err)
	}
	if m.Operator, err = r.plane.NewOperator(name, r.binary, identity, append(args, "--operator-namespace="+tenant.OperatorNamespace)...); err != nil {
		return nil, err
	}
	m.Env = []string{controlplane.GoMemoryLimit}
	if receives {
		m.Env = []string{controlplane.ReceiverGoMemoryLimit}
		m.front, err = proxy.New(strings.TrimPrefix(m.ReceiverURL, "http://"))
	}
	return m, err
}

// launch starts the process and has its exits watched. The caller holds mu.
func (m *operatorProcess) launch(ctx context.Context, r *testEnv) error {
	ending := &atomic.Bool{}
	m.ending = ending
	if err := m.Start(ctx); err != nil {
		return err
	}
	m.starts.Add(1)
	m.up.Store(true)
	exited := m.Exited()
	r.wg.Go(func() {
		select {
		case <-r.ctx.Done():
		case <-exited:
			if !ending.Load() {
				m.restartAfterExit(r)
			}
		}
	})
	return nil
}

// restartAfterExit reports an unwanted exit, and starts the process again as Kubernetes would.
func (m *operatorProcess) restartAfterExit(r *testEnv) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.up.Store(false)
	r.fail("%s ended by itself; its log ends:\n%s", m.Name, process.Tail(m.Log, 15))
	m.ensureRunning(r.ctx, r)
}

// retry starts the process until it runs. The caller holds mu.
func (m *operatorProcess) ensureRunning(ctx context.Context, r *testEnv) {
	for ctx.Err() == nil && !m.Running() {
		excused := r.outage.Load()
		if err := m.launch(ctx, r); err != nil && ctx.Err() == nil {
			if !excused && !r.outage.Load() {
				r.fail("%s does not start: %v", m.Name, err)
			}
			clock.Sleep(ctx, time.Second)
		}
	}
}

// crash ends the process between two instructions.
func (m *operatorProcess) crash() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.crashLocked()
}

func (m *operatorProcess) crashLocked() {
	m.ending.Store(true)
	m.up.Store(false)
	m.Kill()
}

// crashAndRestart ends the process between two instructions and starts it again after a while.
func (m *operatorProcess) crashAndRestart(ctx context.Context, r *testEnv, away time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.crashLocked()
	clock.Sleep(ctx, away)
	m.ensureRunning(ctx, r)
}

// stopAndRestart asks the process to end, and starts it again after a while.
func (m *operatorProcess) stopAndRestart(ctx context.Context, r *testEnv, away time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ending.Store(true)
	m.up.Store(false)
	begun := time.Now()
	if err := m.Stop(); err != nil {
		r.fail("%s did not obey SIGTERM well, after %v: %v; its log ends:\n%s", m.Name, time.Since(begun).Round(time.Second), err, process.Tail(m.Log, 15))
	}
	clock.Sleep(ctx, away)
	m.ensureRunning(ctx, r)
}

// freeze stops the process from running for a while.
func (m *operatorProcess) freeze(ctx context.Context, length time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.Running() {
		return
	}
	m.Pause()
	clock.Sleep(ctx, length)
	m.Resume()
}

// restoreLinks lets both links forward.
func (m *operatorProcess) restoreLinks() {
	m.api.SetFault(proxy.Fault{})
	if m.front != nil {
		m.front.SetFault(proxy.Fault{})
	}
}
