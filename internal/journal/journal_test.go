// These tests protect the promise of Append: it returns nil only when the event is in the API server.
package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/receivertest"
)

const (
	// appendTimeout is how long the handler waits for the journal.
	appendTimeout = 3 * time.Second
	// deadline is how long the handler handles one delivery at most.
	deadline = 10 * time.Second
)

var batchGVR = schema.GroupResource{Group: fastpixv1.GroupVersion.Group, Resource: "eventbatches"}

// store is an API server that keeps batches. A test decides which calls fail.
type store struct {
	api    client.Client
	delay  time.Duration                     // duration of an attempt, on the clock of the test
	before func(*fastpixv1.EventBatch) error // answers instead of the API server
	after  func(*fastpixv1.EventBatch) error // replaces the answer of the API server after the batch is committed

	mu              sync.Mutex
	names           []string // of every attempt
	underWay        int
	maxUnder        int
	committedCounts map[types.NamespacedName]int64
}

func newStore() *store {
	return &store{api: fake.NewClientBuilder().WithScheme(receivertest.Scheme()).Build(), committedCounts: map[types.NamespacedName]int64{}}
}

// journal returns a journal and waits for its last commit before the test ends.
func (s *store) journal(t *testing.T) *Journal {
	t.Helper()
	j := New(s.create, "fastpix-system", s.committed, time.Now)
	t.Cleanup(func() { waitIdle(t, j) })
	return j
}

// waitIdle waits until no commit is running.
func waitIdle(t *testing.T, j *Journal) {
	t.Helper()
	idle := func() bool {
		j.mu.Lock()
		defer j.mu.Unlock()
		return j.committing == 0
	}
	for end := time.Now().Add(time.Minute); !idle(); time.Sleep(gatherInterval) {
		if time.Now().After(end) {
			t.Fatal("a commit is still running although every event is committed")
		}
	}
}

func (s *store) create(ctx context.Context, batch *fastpixv1.EventBatch) error {
	s.mu.Lock()
	s.names = append(s.names, batch.Name)
	s.underWay++
	s.maxUnder = max(s.maxUnder, s.underWay)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.underWay--
	}()
	time.Sleep(s.delay)
	if s.before != nil {
		if err := s.before(batch); err != nil {
			return err
		}
	}
	if err := s.api.Create(ctx, batch); err != nil {
		return err
	}
	if s.after != nil {
		return s.after(batch)
	}
	return nil
}

func (s *store) committed(counts map[types.NamespacedName]int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, n := range counts {
		s.committedCounts[name] += n
	}
}

func (s *store) batches(t *testing.T) []fastpixv1.EventBatch {
	t.Helper()
	var list fastpixv1.EventBatchList
	if err := s.api.List(t.Context(), &list); err != nil {
		t.Fatal(err)
	}
	return list.Items
}

func (s *store) events(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, b := range s.batches(t) {
		all = append(all, b.Spec.Events...)
	}
	slices.Sort(all)
	return all
}

func TestLostAnswerIsRepeatedByTheSameName(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		lost := 2
		s.after = func(*fastpixv1.EventBatch) error {
			lost--
			return errors.New("connection reset")
		}
		if err := s.journal(t).Append(t.Context(), receivertest.Name, "a"); err != nil {
			t.Fatal(err)
		}
		if len(s.batches(t)) != 1 || len(s.names) != 2 || s.names[0] != s.names[1] {
			t.Errorf("got %d batches after attempts %v, want one", len(s.batches(t)), s.names)
		}
		if s.committedCounts[receivertest.Name] != 1 {
			t.Errorf("%d commits were reported, want 1", s.committedCounts[receivertest.Name])
		}
	})
}

func TestBurstIsCommittedInBatchesOfWhatGathered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		s.delay = 10 * time.Millisecond
		j := s.journal(t)
		var wg sync.WaitGroup
		var want []string
		for i := range 600 {
			text := fmt.Sprintf("%03d", i)
			want = append(want, text)
			endpoint := types.NamespacedName{Namespace: "video", Name: "e" + text[:1]}
			wg.Go(func() {
				if err := j.Append(t.Context(), endpoint, text); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		synctest.Wait()
		if got := s.events(t); !slices.Equal(got, want) {
			t.Errorf("the journal holds %d events, want %d", len(got), len(want))
		}
		batches := s.batches(t)
		if len(batches) > 5 || s.maxUnder != maxCommits {
			t.Errorf("got %d batches, %d at once; want at most 5, %d at once", len(batches), s.maxUnder, maxCommits)
		}
		for _, b := range batches {
			if len(b.Spec.Events) > fastpixv1.MaxBatchEvents || !strings.HasPrefix(b.Annotations[fastpixv1.EventCountsAnnotation], "video/e") {
				t.Errorf("got %d events with counts %q", len(b.Spec.Events), b.Annotations[fastpixv1.EventCountsAnnotation])
			}
		}
		waitIdle(t, j)
		if j.waiting != nil || j.committing != 0 {
			t.Errorf("%d wait and %d commit although every event is committed", len(j.waiting), j.committing)
		}
	})
}

// TestSendersThatSendAgainShareABatch protects the API server from one batch for each sender: senders that were answered together send
// their next events together.
func TestSendersThatSendAgainShareABatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const senders, events = 40, 20
		s := newStore()
		s.delay = 10 * time.Millisecond
		j := s.journal(t)
		var wg sync.WaitGroup
		for i := range senders {
			wg.Go(func() {
				for n := range events {
					if err := j.Append(t.Context(), receivertest.Name, fmt.Sprintf("%d of %d", n, i)); err != nil {
						t.Error(err)
					}
					time.Sleep(time.Duration(500+20*i) * time.Microsecond)
				}
			})
		}
		wg.Wait()
		if got := len(s.events(t)); got != senders*events {
			t.Errorf("the journal holds %d events, want %d", got, senders*events)
		}
		if got := len(s.batches(t)); got > 5*events/2 {
			t.Errorf("%d batches for %d events of %d senders each", got, events, senders)
		}
	})
}

// TestSingleSenderDoesNotWait protects a single delivery from a pause that helps only a burst.
func TestSingleSenderDoesNotWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		j := s.journal(t)
		for i := range 10 {
			begun := time.Now()
			if err := j.Append(t.Context(), receivertest.Name, fmt.Sprint(i)); err != nil {
				t.Error(err)
			}
			if took := time.Since(begun); took > gatherInterval {
				t.Errorf("an event alone took %v", took)
			}
			time.Sleep(time.Duration(i) * time.Millisecond)
		}
	})
}

func TestBatchIsBoundedInBytesAsTheyAreSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		s.delay = time.Millisecond
		s.before = func(b *fastpixv1.EventBatch) error {
			text, err := json.Marshal(b.Spec.Events)
			if err != nil || len(text) > maxBatchBytes+2 {
				t.Errorf("a batch has %d bytes: %v", len(text), err)
			}
			return nil
		}
		j := s.journal(t)
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() {
				if err := j.Append(t.Context(), receivertest.Name, strings.Repeat(`<"`, 8000)+fmt.Sprint(i)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		synctest.Wait()
		if got := len(s.events(t)); got != 40 {
			t.Errorf("the journal holds %d events, want 40", got)
		}
	})
}

func TestRefusedBatchIsCommittedOneByOne(t *testing.T) {
	t.Parallel()
	refusals := map[string]error{
		"invalid":   apierrors.NewInvalid(schema.GroupKind{Kind: "EventBatch"}, "b", nil),
		"strict":    apierrors.NewBadRequest("unknown field"),
		"too large": apierrors.NewRequestEntityTooLargeError("limit is 3145728"),
	}
	for name, refusal := range refusals {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newStore()
				s.delay = time.Millisecond
				s.before = func(b *fastpixv1.EventBatch) error {
					if slices.Contains(b.Spec.Events, "culprit") {
						return refusal
					}
					return nil
				}
				j := s.journal(t)
				var wg sync.WaitGroup
				for i := range 20 {
					text := fmt.Sprint(i)
					if i == 10 {
						text = "culprit"
					}
					wg.Go(func() {
						err := j.Append(t.Context(), receivertest.Name, text)
						if (err != nil) != (text == "culprit") || err != nil && !errors.Is(err, ErrRefused) {
							t.Errorf("%s: got %v", text, err)
						}
					})
				}
				wg.Wait()
				synctest.Wait()
				synctest.Wait()
				if got := len(s.events(t)); got != 19 {
					t.Errorf("the journal holds %d events, want 19", got)
				}
			})
		})
	}
}

func TestCommitIsTriedAgainUntilTheDeadline(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err     error
		lasting time.Duration // duration of the failure
		wantErr bool
		wantMax time.Duration
	}{
		"short outage":         {err: errors.New("connection refused"), lasting: 3 * time.Second, wantMax: 5 * time.Second},
		"long outage":          {err: errors.New("connection refused"), lasting: time.Hour, wantErr: true, wantMax: 10 * time.Second},
		"overload":             {err: apierrors.NewTooManyRequests("later", 2), lasting: time.Second, wantMax: 3 * time.Second},
		"server error":         {err: apierrors.NewInternalError(errors.New("etcd")), lasting: time.Second, wantMax: 3 * time.Second},
		"forbids at start":     {err: apierrors.NewForbidden(batchGVR, "b", errors.New("not yet")), lasting: time.Second, wantMax: 3 * time.Second},
		"quota is used up":     {err: apierrors.NewForbidden(batchGVR, "b", errors.New("quota")), lasting: time.Hour, wantErr: true, wantMax: 4 * time.Second},
		"namespace is deleted": {err: apierrors.NewNotFound(batchGVR, "b"), lasting: time.Hour, wantErr: true, wantMax: 4 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, start := newStore(), time.Now()
				s.before = func(*fastpixv1.EventBatch) error {
					if time.Since(start) < tc.lasting {
						return tc.err
					}
					return nil
				}
				ctx, cancel := context.WithTimeout(t.Context(), deadline)
				defer cancel()
				err := s.journal(t).Append(ctx, receivertest.Name, "a")
				if took := time.Since(start); (err != nil) != tc.wantErr || took > tc.wantMax {
					t.Errorf("got %v after %v", err, took)
				}
				if err != nil && !errors.Is(err, ErrNotCommitted) {
					t.Errorf("got %v, want errNotCommitted", err)
				}
				synctest.Wait()
			})
		})
	}
}

func TestHangingAttemptLeavesTimeForAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		j := newStore().journal(t)
		j.create = func(ctx context.Context, _ *fastpixv1.EventBatch) error {
			if attempts++; attempts == 1 {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), deadline)
		defer cancel()
		if err := j.Append(ctx, receivertest.Name, "a"); err != nil || attempts != 2 {
			t.Errorf("got %v after %d attempts", err, attempts)
		}
	})
}

func TestEventWhoseWaiterTimedOutIsNotCommitted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		s.delay = time.Second
		j := s.journal(t)
		var wg sync.WaitGroup
		for i := range maxCommits {
			wg.Go(func() { _ = j.Append(t.Context(), receivertest.Name, fmt.Sprint(i)) })
			synctest.Wait() // until its commit runs
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if err := j.Append(ctx, receivertest.Name, "timed out"); !errors.Is(err, ErrNotCommitted) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		wg.Wait()
		synctest.Wait()
		if got := s.events(t); !slices.Equal(got, []string{"0", "1"}) {
			t.Errorf("the journal holds %v", got)
		}
	})
}
