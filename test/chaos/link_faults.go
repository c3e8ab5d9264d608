package main

import (
	"context"
	"time"

	"github.com/fastpix-operator/fastpix-operator/internal/clock"
	"github.com/fastpix-operator/fastpix-operator/test/chaos/proxy"
)

// The most that a slow link delays each piece of data.
const maxDelay = 300 * time.Millisecond

// Each of these makes a fault of a link.
func reset() proxy.Fault { return proxy.Fault{Reset: true} }
func slow() proxy.Fault  { return proxy.Fault{Delay: maxDelay} }
func hole() proxy.Fault  { return proxy.Fault{Hole: make(chan struct{})} }

// onAPILink disturbs the link of a process to the API server.
func onAPILink(made func() proxy.Fault) func(context.Context, *round, fault) error {
	return func(ctx context.Context, n *round, f fault) error {
		return disturb(ctx, n.env.processes[f.target].api, made(), f.length)
	}
}

// onFrontLink disturbs the link of the senders to a receiver.
func onFrontLink(made func() proxy.Fault) func(context.Context, *round, fault) error {
	return func(ctx context.Context, n *round, f fault) error {
		return disturb(ctx, n.env.processes[f.target].front, made(), f.length)
	}
}

// disturb makes a link fail for a while. Of two faults at once the later one counts, and the first end ends both.
func disturb(ctx context.Context, p *proxy.Proxy, f proxy.Fault, length time.Duration) error {
	p.SetFault(f)
	clock.Sleep(ctx, length)
	p.SetFault(proxy.Fault{})
	return nil
}
