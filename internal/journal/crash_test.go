// This test protects acknowledged events: whichever call to the API server fails, before its effect or after it, and whenever the process
// crashes, every acknowledged event is in the journal. An event that was not acknowledged is in the journal after its sender has sent it
// again.
package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/receivertest"
)

func TestJournalSurvivesACrashAtEveryCall(t *testing.T) {
	t.Parallel()
	const events = 12
	failures := map[string]error{
		"reset":    errors.New("connection reset by peer"),
		"error":    apierrors.NewInternalError(errors.New("etcd: leader changed")),
		"overload": apierrors.NewTooManyRequests("later", 1),
		"timeout":  context.DeadlineExceeded,
	}
	for name, failure := range failures {
		for _, after := range []bool{false, true} {
			for _, crashes := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, after its effect: %t, and the process crashes: %t", name, after, crashes), func(t *testing.T) {
					t.Parallel()
					for at := 1; ; at++ {
						calls := 0
						synctest.Test(t, func(t *testing.T) { calls = interruptAppends(t, events, at, failure, after, crashes) })
						if calls < at {
							if at < 4 {
								t.Errorf("only %d calls were made", at-1)
							}
							return
						}
					}
				})
			}
		}
	}
}

// interruptAppends appends events while the at-th call to the API server fails, and then appends those again that were not acknowledged, in
// a second process if the first one crashes. It returns how many calls the first process made.
func interruptAppends(t *testing.T, events, at int, failure error, after, crashes bool) int {
	t.Helper()
	s := newStore()
	s.delay = time.Millisecond
	var mu sync.Mutex
	calls, crashed := 0, false
	fail := func(effective bool) error {
		mu.Lock()
		defer mu.Unlock()
		if crashed || effective == after && calls == at {
			crashed = crashes
			return failure
		}
		return nil
	}
	s.before = func(*fastpixv1.EventBatch) error {
		mu.Lock()
		calls++
		mu.Unlock()
		return fail(false)
	}
	s.after = func(*fastpixv1.EventBatch) error { return fail(true) }

	var want []string
	for i := range events {
		want = append(want, fmt.Sprintf("%02d", i))
	}
	left := appendAll(t, s, want)
	made := calls
	mu.Lock()
	crashed = false
	mu.Unlock()
	for acknowledged := range slices.Values(want) {
		if !slices.Contains(left, acknowledged) && !slices.Contains(s.events(t), acknowledged) {
			t.Errorf("call %d: %s was acknowledged and is not in the journal", at, acknowledged)
		}
	}
	if left = appendAll(t, s, left); len(left) > 0 { // a second process
		t.Errorf("call %d: %v are not appended although nothing fails", at, left)
	}
	if got := slices.Compact(s.events(t)); !slices.Equal(got, want) {
		t.Errorf("call %d: the journal holds %v", at, got)
	}
	return made
}

// appendAll appends events to a new journal, some at once and some later. It returns those that were not acknowledged.
func appendAll(t *testing.T, s *store, events []string) (left []string) {
	t.Helper()
	j := s.journal(t)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i, text := range events {
		wg.Go(func() {
			time.Sleep(time.Duration(i) * 300 * time.Microsecond) // the time of arrival, on the clock of the test
			ctx, cancel := context.WithTimeout(t.Context(), appendTimeout)
			defer cancel()
			if j.Append(ctx, receivertest.Name, text) != nil {
				mu.Lock()
				defer mu.Unlock()
				left = append(left, text)
			}
		})
	}
	wg.Wait()
	synctest.Wait()
	slices.Sort(left)
	return left
}
