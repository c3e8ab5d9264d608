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
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
)

// member is one process of the operator and the links to it that can fail.
type member struct {
	*controlplane.Operator
	api   *proxy // between it and the API server
	front *proxy // between the sender and it; nil for controllers

	mu     sync.Mutex   // held by the one fault that stops, starts or pauses it
	ending *atomic.Bool // whether its exit is wanted; one for each incarnation
	up     atomic.Bool
	starts atomic.Int64
}

// newMember prepares a process whose way to the API server, and from the sender, leads through proxies.
func newMember(r *rig, name string, identity controlplane.Identity, receives bool, args ...string) (*member, error) {
	m := &member{}
	var err error
	if m.api, err = newProxy(strings.TrimPrefix(r.plane.Config().Host, "https://")); err != nil {
		return nil, err
	}
	config, err := clientcmd.LoadFromFile(identity.Kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig of %s: %w", name, err)
	}
	for _, c := range config.Clusters {
		c.Server = "https://" + m.api.address()
	}
	identity.Kubeconfig = r.path(name + ".kubeconfig")
	if err := clientcmd.WriteToFile(*config, identity.Kubeconfig); err != nil {
		return nil, fmt.Errorf("write kubeconfig of %s: %w", name, err)
	}
	if m.Operator, err = r.plane.NewOperator(name, r.binary, identity, append(args, "--operator-namespace="+operatorNamespace)...); err != nil {
		return nil, err
	}
	m.Env = []string{"GOMEMLIMIT=230MiB"} // as in config/
	if receives {
		m.front, err = newProxy(strings.TrimPrefix(m.ReceiverURL, "http://"))
	}
	return m, err
}

// begin starts the process and has its exits watched. Whoever calls it holds mu.
func (m *member) begin(ctx context.Context, r *rig) error {
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
				m.crashed(r)
			}
		}
	})
	return nil
}

// crashed tells of an exit that nobody wanted, and starts the process again as Kubernetes would.
func (m *member) crashed(r *rig) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.up.Store(false)
	r.fail("%s ended by itself; its log ends:\n%s", m.Name, controlplane.Tail(m.Log, 15))
	m.insist(r.ctx, r)
}

// insist starts the process until it runs. Whoever calls it holds mu.
func (m *member) insist(ctx context.Context, r *rig) {
	for ctx.Err() == nil && !m.Running() {
		excused := r.outage.Load()
		if err := m.begin(ctx, r); err != nil && ctx.Err() == nil {
			if !excused && !r.outage.Load() {
				r.fail("%s does not start: %v", m.Name, err)
			}
			clock.Sleep(ctx, time.Second)
		}
	}
}

// die ends the process between two instructions.
func (m *member) die() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dieLocked()
}

func (m *member) dieLocked() {
	m.ending.Store(true)
	m.up.Store(false)
	m.Kill()
}

// kill ends the process between two instructions and starts it again after a while.
func (m *member) kill(ctx context.Context, r *rig, away time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dieLocked()
	clock.Sleep(ctx, away)
	m.insist(ctx, r)
}

// stop asks the process to end, and starts it again after a while.
func (m *member) stop(ctx context.Context, r *rig, away time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ending.Store(true)
	m.up.Store(false)
	begun := time.Now()
	if err := m.Stop(); err != nil {
		r.fail("%s did not obey SIGTERM well, after %v: %v; its log ends:\n%s", m.Name, time.Since(begun).Round(time.Second), err, controlplane.Tail(m.Log, 15))
	}
	clock.Sleep(ctx, away)
	m.insist(ctx, r)
}

// freeze stops the process from running for a while.
func (m *member) freeze(ctx context.Context, length time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.Running() {
		return
	}
	m.Pause()
	clock.Sleep(ctx, length)
	m.Resume()
}

// heal lets both links forward.
func (m *member) heal() {
	m.api.become(linkFault{})
	if m.front != nil {
		m.front.become(linkFault{})
	}
}
