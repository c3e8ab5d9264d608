package journal

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/clock"
)

const (
	// maxCommits is how many commits are under way at once. A second one uses the API server while the first waits for the
	// disk; more would make batches smaller and were slower.
	maxCommits = 2
	// maxGather is how long the next commit waits at most for those whom the one before has answered, looking every gatherStep.
	maxGather  = 2 * time.Millisecond
	gatherStep = 200 * time.Microsecond
	// attemptTimeout bounds one attempt to commit, so that a connection that hangs leaves time for another.
	attemptTimeout = 2 * time.Second
	// commitTimeout bounds a commit whose waiters have no deadline.
	commitTimeout = 10 * time.Second
	// denialPatience is how long a commit is tried again that the API server does not allow: while it starts it may forbid
	// what it will allow in a moment; a quota or a missing right stays.
	denialPatience = 2 * time.Second
)

var (
	// ErrNotCommitted means that the journal did not take the event in time; it may be in it nevertheless.
	ErrNotCommitted = errors.New("not committed to the journal")
	// ErrRefused means that the API server will not take the record.
	ErrRefused = errors.New("the API server refuses the record")
)

// Journal commits whatever gathered while the commits before were under way: alone, an event is committed at once; a burst
// makes its own batches.
type Journal struct {
	create    func(context.Context, *fastpixv1.EventBatch) error
	namespace string
	committed func(counts map[types.NamespacedName]int64)
	now       func() time.Time

	mu         sync.Mutex
	waiting    []*entry
	committing int
}

// New makes a journal whose batches go to that namespace. It calls committed after each commit.
func New(
	create func(context.Context, *fastpixv1.EventBatch) error, namespace string,
	committed func(counts map[types.NamespacedName]int64), now func() time.Time,
) *Journal {
	return &Journal{create: create, namespace: namespace, committed: committed, now: now}
}

// entry is one event that waits for its commit.
type entry struct {
	ctx      context.Context // of the one who waits
	endpoint types.NamespacedName
	record   string
	done     chan error
}

// Append implements Journal.
func (j *Journal) Append(ctx context.Context, endpoint types.NamespacedName, record string) error {
	e := &entry{ctx: ctx, endpoint: endpoint, record: record, done: make(chan error, 1)}
	j.enqueue(e) //nolint:contextcheck // a commit outlives whoever asked for it first
	select {
	case err := <-e.done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrNotCommitted, ctx.Err())
	}
}

func (j *Journal) enqueue(e *entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.waiting = append(j.waiting, e)
	if j.committing < maxCommits {
		j.committing++
		go j.commitAll()
	}
}

// commitAll commits until nothing waits.
func (j *Journal) commitAll() {
	for {
		entries := j.take()
		if entries == nil {
			return
		}
		j.commit(entries)
		j.gather(len(entries))
	}
}

// gather waits a moment until as many wait as were answered just now. Most senders that have more to say come back at once; they take part
// in the next batch then, rather than each in a small one of its own, of which the API server bears every one.
func (j *Journal) gather(answered int) {
	for begun := j.now(); j.waiters() < answered && j.now().Sub(begun) < maxGather; {
		time.Sleep(gatherStep)
	}
}

func (j *Journal) waiters() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.waiting)
}

// take returns what the next batch holds. It returns nil, and the caller must end, when nothing waits. Entries whose waiter
// has gone are left out: their sender will come again.
func (j *Journal) take() []*entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	var taken []*entry
	size, n := 0, 0
	for _, e := range j.waiting {
		if e.ctx.Err() != nil {
			n++
			continue
		}
		bytes := wireBytes(e.record)
		if len(taken) == fastpixv1.MaxBatchEvents || len(taken) > 0 && size+bytes > maxBatchBytes {
			break
		}
		taken, size, n = append(taken, e), size+bytes, n+1
	}
	clear(j.waiting[:n])
	j.waiting = j.waiting[n:]
	if taken == nil {
		j.waiting = nil
		j.committing--
	}
	return taken
}

// commit commits entries as one batch, or one by one if the API server refuses the batch, and tells their waiters.
func (j *Journal) commit(entries []*entry) {
	start := j.now()
	err := j.createBatch(entries)
	if errors.Is(err, ErrRefused) && len(entries) > 1 {
		for i := range entries {
			j.commit(entries[i : i+1])
		}
		return
	}
	if err == nil {
		commitRecords.Observe(float64(len(entries)))
		commitSeconds.Observe(j.now().Sub(start).Seconds())
		j.committed(counts(entries))
	}
	for _, e := range entries {
		e.done <- err
	}
}

// createBatch creates one EventBatch, trying again while somebody waits for it. Every attempt uses the same name, so that when an
// answer was lost the next attempt meets AlreadyExists, which means committed.
func (j *Journal) createBatch(entries []*entry) error {
	ctx, cancel := context.WithDeadline(context.Background(), j.deadline(entries))
	defer cancel()
	batch, start := newBatch(j.namespace, j.now(), entries), j.now()
	backoff := wait.Backoff{Duration: 20 * time.Millisecond, Factor: 2, Jitter: 0.3, Steps: 7, Cap: time.Second}
	for {
		err := j.attempt(ctx, batch)
		if isCommitted(err) {
			return nil
		}
		if isRefusal(err) {
			commitFailures.WithLabelValues("refused").Inc()
			return fmt.Errorf("%w: %w", ErrRefused, err)
		}
		commitFailures.WithLabelValues("unavailable").Inc()
		if isDenial(err) && j.now().Sub(start) > denialPatience || !clock.Sleep(ctx, max(backoff.Step(), askedDelay(err))) {
			return fmt.Errorf("%w: %w", ErrNotCommitted, err)
		}
	}
}

func (j *Journal) attempt(ctx context.Context, batch *fastpixv1.EventBatch) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	return j.create(ctx, batch.DeepCopy()) // a client may write into what it sends
}

// deadline is when the last waiter gives up.
func (j *Journal) deadline(entries []*entry) time.Time {
	last := time.Time{}
	for _, e := range entries {
		deadline, ok := e.ctx.Deadline()
		if !ok {
			return j.now().Add(commitTimeout)
		}
		last = clock.Latest(last, deadline)
	}
	return last
}

// isRefusal reports that the API server will not take this content, however often it is sent.
func isRefusal(err error) bool {
	return apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsRequestEntityTooLargeError(err)
}

// isDenial reports that the API server takes nothing at all from this receiver.
func isDenial(err error) bool {
	return apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) || apierrors.IsNotFound(err)
}

// askedDelay is how long the API server asks to wait.
func askedDelay(err error) time.Duration {
	seconds, _ := apierrors.SuggestsClientDelay(err)
	return time.Duration(seconds) * time.Second
}
