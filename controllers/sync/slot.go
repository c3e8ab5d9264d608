package sync

import (
	"context"
	gosync "sync"
	"time"

	"github.com/fastpix-operator/fastpix-operator/internal/clock"
)

const (
	// maxRuns is how many runs work at once. It bounds the memory of their windows.
	maxRuns = 8
	// maxTenantRuns is how many runs of one namespace do. Large workspaces of one tenant must not stop the others.
	maxTenantRuns = 2
)

// slots bounds the runs that work at once.
type slots struct {
	all chan struct{}

	mu      gosync.Mutex
	tenants map[string]chan struct{} // by namespace
}

func newSlots() *slots {
	return &slots{all: make(chan struct{}, maxRuns), tenants: map[string]chan struct{}{}}
}

// slot returns the right to work of a run of a namespace, which it does not hold yet.
func (s *slots) slot(namespace string) *slot {
	s.mu.Lock()
	defer s.mu.Unlock()
	tenant := s.tenants[namespace]
	if tenant == nil {
		tenant = make(chan struct{}, maxTenantRuns)
		s.tenants[namespace] = tenant
	}
	return &slot{all: s.all, tenant: tenant}
}

// slot is the right to work of one run. A run gives it back while it waits, so that others work meanwhile. A nil slot bounds nothing.
type slot struct {
	all, tenant chan struct{}
	held        bool
}

// acquire waits for the right to work.
func (s *slot) acquire(ctx context.Context) error {
	if s == nil {
		return nil
	}
	select {
	case s.tenant <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case s.all <- struct{}{}:
		s.held = true
		return nil
	case <-ctx.Done():
		<-s.tenant
		return ctx.Err()
	}
}

// release gives the right back, if it is held.
func (s *slot) release() {
	if s != nil && s.held {
		s.held = false
		<-s.all
		<-s.tenant
	}
}

// sleep gives the right back for that long. It returns an error, without the right, if the context ends.
func (s *slot) sleep(ctx context.Context, d time.Duration) error {
	s.release()
	if !clock.Sleep(ctx, d) {
		return ctx.Err()
	}
	return s.acquire(ctx)
}
