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
	pauseCheckInterval = 500 * time.Millisecond
	// maxPause is how long the process may be paused. A lease lasts 15 seconds and is renewed every two seconds. After a longer pause another
	// process may be the leader, and may have folded, discarded and purged what this process still holds in memory.
	maxPause = 4 * time.Second
)

// pauseDetector detects that the whole process was paused, for example with its node or its virtual machine. A paused leader notices only
// seconds later that it lost its lease. Until then its updates and deletes are harmless, because each names the version of its object. A
// create would restore what was deleted meanwhile: a mirror that a user deleted, or one in a namespace that now belongs to another tenant.
type pauseDetector struct {
	now  func() time.Time
	last atomic.Pointer[time.Time]
}

// Start checks until the context ends. It returns an error after a pause, which ends the manager of the controllers.
func (p *pauseDetector) Start(ctx context.Context) error {
	for ; ctx.Err() == nil; clock.Sleep(ctx, pauseCheckInterval) {
		if err := p.check(); err != nil {
			return err
		}
		p.last.Store(new(p.now()))
	}
	return nil
}

// NeedLeaderElection is false: the detector runs before anything is written.
func (*pauseDetector) NeedLeaderElection() bool { return false }

// check returns an error once the process was paused.
func (p *pauseDetector) check() error {
	last := p.last.Load()
	if last == nil {
		return nil
	}
	now := p.now()
	gap := max(now.Sub(*last), now.Round(0).Sub(last.Round(0))) // while a virtual machine is paused only the wall clock goes on
	if gap > maxPause {
		return fmt.Errorf("the process was paused for %s: another process may be the leader", gap.Round(time.Second))
	}
	return nil
}

// guardedClient is a client that creates nothing after a pause.
type guardedClient struct {
	client.Client
	pauses *pauseDetector
}

// Create implements client.Client.
func (c guardedClient) Create(ctx context.Context, object client.Object, opts ...client.CreateOption) error {
	if err := c.pauses.check(); err != nil {
		return err
	}
	return c.Client.Create(ctx, object, opts...)
}
