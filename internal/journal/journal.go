package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/clock"
)

const (
	// maxCommits is how many commits run at once. The second one uses the API server while the first one waits for the disk. More commits
	// made smaller batches and were slower.
	maxCommits = 2
	// gatherTimeout is how long the next commit waits for the senders whom the commit before has answered. It checks every gatherInterval.
	gatherTimeout  = 2 * time.Millisecond
	gatherInterval = 200 * time.Microsecond
	// attemptTimeout bounds one attempt to commit, so that a hanging connection leaves time for another attempt.
	attemptTimeout = 2 * time.Second
	// commitTimeout bounds a commit whose waiters have no deadline.
	commitTimeout = 10 * time.Second
	// denialTimeout is how long a commit is retried that the API server does not allow. An API server that starts may forbid for a moment
	// what it allows later. An exceeded quota or a missing permission stays.
	denialTimeout = 2 * time.Second
)

var (
	// ErrNotCommitted means that the event was not committed in time. It may be in the journal nevertheless.
	ErrNotCommitted = errors.New("not committed to the journal")
	// ErrRefused means that the API server does not accept the record.
	ErrRefused = errors.New("the API server refuses the record")
)

// Journal appends events in batches. An event that arrives alone is committed at once. Events that arrive while commits run are committed
// together by the next commit.
type Journal struct {
	create    func(context.Context, *fastpixv1.EventBatch) error
	namespace string
	onCommit  func(counts map[types.NamespacedName]int64)
	now       func() time.Time

	mu         sync.Mutex
	waiting    []*entry
	committing int
}

// New returns a journal that creates its batches in that namespace. It calls onCommit after each commit.
func New(
	create func(context.Context, *fastpixv1.EventBatch) error, namespace string,
	onCommit func(counts map[types.NamespacedName]int64), now func() time.Time,
) *Journal {
	return &Journal{create: create, namespace: namespace, onCommit: onCommit, now: now}
}

// entry is one event that waits for its commit.
type entry struct {
	ctx      context.Context // of the caller of Append
	endpoint types.NamespacedName
	record   string
	done     chan error
}

// Append returns nil only when the event can no longer be lost. After an error the event may or may not be in the journal; appending an
// event twice changes nothing. Append returns soon after the context ends.
func (j *Journal) Append(ctx context.Context, endpoint types.NamespacedName, record string) error {
	e := &entry{ctx: ctx, endpoint: endpoint, record: record, done: make(chan error, 1)}
	j.enqueue(e) //nolint:contextcheck // a commit outlives the caller that began it
	select {
	case err := <-e.done:
		return err
	case <-ctx.Done():
		j.remove(e)
		return fmt.Errorf("%w: %w", ErrNotCommitted, ctx.Err())
	}
}

// remove takes an event out of the queue if its commit has not begun. While the API server hangs, no commit takes it out for seconds.
func (j *Journal) remove(e *entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if i := slices.Index(j.waiting, e); i >= 0 {
		j.waiting = slices.Delete(j.waiting, i, i+1)
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

// commitAll commits until no event waits.
func (j *Journal) commitAll() {
	for {
		entries := j.nextBatch()
		if entries == nil {
			return
		}
		j.commit(entries)
		j.gather(len(entries))
	}
}

// gather waits until as many events wait as the last commit has answered, for at most gatherTimeout. Most senders send their next event at
// once. It then joins the next batch instead of making a small batch of its own.
func (j *Journal) gather(answered int) {
	for begun := j.now(); j.waitingCount() < answered && j.now().Sub(begun) < gatherTimeout; {
		time.Sleep(gatherInterval)
	}
}

func (j *Journal) waitingCount() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.waiting)
}

// nextBatch returns the entries of the next batch. It returns nil if no entry waits; the caller must end then. It leaves out entries whose
// caller has given up: their sender sends them again.
func (j *Journal) nextBatch() []*entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	var taken []*entry
	size, n := 0, 0
	for _, e := range j.waiting {
		if e.ctx.Err() != nil {
			n++
			continue
		}
		bytes := encodedBytes(e.record)
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

// commit commits entries as one batch, or one by one if the API server refuses the batch, and answers their callers.
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
		j.onCommit(counts(entries))
	}
	for _, e := range entries {
		e.done <- err
	}
}

// createBatch creates one EventBatch. It retries while a caller waits. Every attempt uses the same name: if an answer was lost, the next
// attempt gets AlreadyExists, which means committed.
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
		if isDenial(err) && j.now().Sub(start) > denialTimeout || !clock.Sleep(ctx, max(backoff.Step(), suggestedDelay(err))) {
			return fmt.Errorf("%w: %w", ErrNotCommitted, err)
		}
	}
}

func (j *Journal) attempt(ctx context.Context, batch *fastpixv1.EventBatch) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	return j.create(ctx, batch.DeepCopy()) // the client may write into the object that it sends
}

// deadline returns when the last caller gives up.
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

// isRefusal reports that the API server never accepts this content.
func isRefusal(err error) bool {
	return apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsRequestEntityTooLargeError(err)
}

// isDenial reports that the API server accepts nothing from this receiver.
func isDenial(err error) bool {
	return apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) || apierrors.IsNotFound(err)
}

// suggestedDelay returns how long the API server asks to wait.
func suggestedDelay(err error) time.Duration {
	seconds, _ := apierrors.SuggestsClientDelay(err)
	return time.Duration(seconds) * time.Second
}
