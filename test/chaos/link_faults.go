package main

import (
	"context"
	"time"

	"github.com/fastpix-operator/fastpix-operator/internal/clock"
	"github.com/fastpix-operator/fastpix-operator/test/chaos/proxy"
)

// The most that a slow link delays each piece of data.
const maxDelay = 300 * time.Millisecond

func resetAPILink(ctx context.Context, n *round, f fault) error {
	return disturb(ctx, n.env.processes[f.target].api, proxy.Fault{Reset: true}, f.length)
}

func slowAPILink(ctx context.Context, n *round, f fault) error {
	return disturb(ctx, n.env.processes[f.target].api, proxy.Fault{Delay: maxDelay}, f.length)
}

func holeAPILink(ctx context.Context, n *round, f fault) error {
	return disturb(ctx, n.env.processes[f.target].api, proxy.Fault{Hole: make(chan struct{})}, f.length)
}

func resetFrontLink(ctx context.Context, n *round, f fault) error {
	return disturb(ctx, n.env.processes[f.target].front, proxy.Fault{Reset: true}, f.length)
}

func slowFrontLink(ctx context.Context, n *round, f fault) error {
	return disturb(ctx, n.env.processes[f.target].front, proxy.Fault{Delay: maxDelay}, f.length)
}

func holeFrontLink(ctx context.Context, n *round, f fault) error {
	return disturb(ctx, n.env.processes[f.target].front, proxy.Fault{Hole: make(chan struct{})}, f.length)
}

// disturb makes a link fail for a while. Of two faults at once the later one counts, and the first end ends both.
func disturb(ctx context.Context, p *proxy.Proxy, f proxy.Fault, length time.Duration) error {
	p.SetFault(f)
	clock.Sleep(ctx, length)
	p.SetFault(proxy.Fault{})
	return nil
}
