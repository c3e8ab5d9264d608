package framework

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// Eventually polls in this interval, for this time.
const (
	PollInterval = 20 * time.Millisecond
	PollTimeout  = time.Minute
)

// Eventually waits until check returns nil. It fails the test after a minute, with the last error of check.
func Eventually(t *testing.T, what string, check func(context.Context) error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), PollInterval, PollTimeout, true, func(ctx context.Context) (bool, error) {
		err := check(ctx)
		if ctx.Err() == nil {
			last = err // not the error that the time is up
		}
		return err == nil, nil
	})
	if err != nil {
		t.Fatalf("wait until %s: %v", what, errors.Join(err, last))
	}
}

// InParallel calls do with 0 to n-1, four at a time, and fails the test if a call fails.
func InParallel(t *testing.T, n int, do func(int) error) {
	t.Helper()
	numbers := make(chan int)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range numbers {
				if err := do(i); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range n {
		numbers <- i
	}
	close(numbers)
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
}
