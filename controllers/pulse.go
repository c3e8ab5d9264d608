package controllers

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fastpix-operator/fastpix-operator/internal/clock"
)

const (
	pulseInterval = 500 * time.Millisecond
	// maxStandstill is how long the process may stand still. A lease lasts 15 seconds and is renewed every two: after a longer standstill
	// another process may lead, and may have folded, discarded and purged what this one still holds in memory.
	maxStandstill = 4 * time.Second
)

// pulse notices that the whole process stood still, as it does on a node or in a virtual machine that was paused. Whoever leads finds out by
// its lease only seconds later. Until then updates and deletes are harmless, because each names the version that it is about. A create would
// bring back what is gone: a mirror that was deleted by hand, or one in a namespace that another tenant has by now.
type pulse struct {
	now  func() time.Time
	last atomic.Pointer[time.Time]
}

// Start beats until the context ends, and returns an error after a standstill, which ends the controllers' manager.
func (p *pulse) Start(ctx context.Context) error {
	for ; ctx.Err() == nil; clock.Sleep(ctx, pulseInterval) {
		if err := p.check(); err != nil {
			return err
		}
		p.last.Store(new(p.now()))
	}
	return nil
}

// NeedLeaderElection is false: it has to beat before anything is written.
func (*pulse) NeedLeaderElection() bool { return false }

// check returns an error if the process stood still, from then on.
func (p *pulse) check() error {
	last := p.last.Load()
	if last == nil {
		return nil
	}
	now := p.now()
	gap := max(now.Sub(*last), now.Round(0).Sub(last.Round(0))) // only the clock on the wall goes on while a virtual machine is paused
	if gap > maxStandstill {
		return fmt.Errorf("the process stood still for %s: another may lead by now", gap.Round(time.Second))
	}
	return nil
}

// pulsedClient is a client that creates nothing after a standstill.
type pulsedClient struct {
	client.Client
	pulse *pulse
}

// Create implements client.Client.
func (c pulsedClient) Create(ctx context.Context, object client.Object, opts ...client.CreateOption) error {
	if err := c.pulse.check(); err != nil {
		return err
	}
	return c.Client.Create(ctx, object, opts...)
}
