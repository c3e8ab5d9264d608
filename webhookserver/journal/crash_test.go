// This test protects the first promise in the receiving half: whichever call to the API server fails, before it has an effect or with
// its answer lost, and whenever the process dies, what was acknowledged is in the journal, and what was not is there after its
// sender has come again.
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
	"github.com/fastpix-operator/fastpix-operator/webhookserver/internal/receivertest"
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
			for _, dies := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, after its effect: %t, and the process dies: %t", name, after, dies), func(t *testing.T) {
					t.Parallel()
					for at := 1; ; at++ {
						calls := 0
						synctest.Test(t, func(t *testing.T) { calls = interruptAppends(t, events, at, failure, after, dies) })
						if calls < at {
							if at < 4 {
								t.Errorf("only %d calls were there to fail", at-1)
							}
							return
						}
					}
				})
			}
		}
	}
}

// interruptAppends has events appended, of which the at-th call to the API server fails, by senders that come again, to the next process if
// the first dies. It returns how many calls the first process made.
func interruptAppends(t *testing.T, events, at int, failure error, after, dies bool) int {
	t.Helper()
	s := newStore()
	s.takes = time.Millisecond
	var mu sync.Mutex
	calls, dead := 0, false
	fail := func(effective bool) error {
		mu.Lock()
		defer mu.Unlock()
		if dead || effective == after && calls == at {
			dead = dies
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
	dead = false
	mu.Unlock()
	for acknowledged := range slices.Values(want) {
		if !slices.Contains(left, acknowledged) && !slices.Contains(s.events(t), acknowledged) {
			t.Errorf("call %d: %s was acknowledged and is not in the journal", at, acknowledged)
		}
	}
	if left = appendAll(t, s, left); len(left) > 0 { // another process
		t.Errorf("call %d: %v are not taken although nothing fails", at, left)
	}
	if got := slices.Compact(s.events(t)); !slices.Equal(got, want) {
		t.Errorf("call %d: the journal holds %v", at, got)
	}
	return made
}

// appendAll appends events to a new journal, some at once and some later, and returns those that were not acknowledged.
func appendAll(t *testing.T, s *store, events []string) (left []string) {
	t.Helper()
	j := s.journal(t)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i, text := range events {
		wg.Go(func() {
			time.Sleep(time.Duration(i) * 300 * time.Microsecond) // when it arrives, on the test's own clock
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
