package framework

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

const (
	PollInterval = 20 * time.Millisecond
	PollTimeout  = time.Minute
)

// Eventually fails the test if check does not return nil within a minute.
func Eventually(t *testing.T, what string, check func(context.Context) error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), PollInterval, PollTimeout, true, func(ctx context.Context) (bool, error) {
		err := check(ctx)
		if ctx.Err() == nil {
			last = err // not that time is up, which tells nothing
		}
		return err == nil, nil
	})
	if err != nil {
		t.Fatalf("wait until %s: %v", what, errors.Join(err, last))
	}
}

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
