package sync

import (
	"context"
	"time"

	"github.com/fastpix-operator/fastpix-operator/internal/clock"
)

// maxRuns is how many runs work at once. It bounds the memory of their windows.
const maxRuns = 8

// slots bounds the runs that work at once.
type slots chan struct{}

// slot is the right to work of one run. A run gives it back while it waits, so that others work meanwhile. A nil slot bounds nothing.
type slot struct {
	of   slots
	held bool
}

// acquire waits for the right to work.
func (s *slot) acquire(ctx context.Context) error {
	select {
	case s.of <- struct{}{}:
		s.held = true
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// release gives the right back, if it is held.
func (s *slot) release() {
	if s.held {
		s.held = false
		<-s.of
	}
}

// sleep gives the right back for that long. It returns an error, without the right, if the context ends.
func (s *slot) sleep(ctx context.Context, d time.Duration) error {
	if s != nil {
		s.release()
	}
	if !clock.Sleep(ctx, d) {
		return ctx.Err()
	}
	if s == nil {
		return nil
	}
	return s.acquire(ctx)
}
