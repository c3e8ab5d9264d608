package journal

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/queue"
	"github.com/fastpix-operator/fastpix-operator/internal/apiserver"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// Reasons why a record could not be folded, in status.failed of a batch.
const (
	// ReasonNameTaken: an object of the right name has another id.
	ReasonNameTaken = "NameTaken"
	// ReasonRefused: the API server refuses the object, by validation, admission, quota or size.
	ReasonRefused = "Refused"
	// ReasonNewerVersion: a newer operator wrote the record.
	ReasonNewerVersion = "NewerVersion"
	// ReasonReceivedLater: the record says that it was received in the future.
	ReasonReceivedLater = "ReceivedLater"
	// ReasonUnreadable: the text is not a valid record.
	ReasonUnreadable = "Unreadable"
)

const (
	// MinFailedRetry is the pause before the first retry of failed records. It doubles with each retry.
	MinFailedRetry = 30 * time.Second
	// MaxFailedRetry bounds that pause, and so how long a failed record waits after its cause was removed.
	MaxFailedRetry = time.Hour
)

// Discarder deletes batches that have no open entry left. Before that, it moves the changes that failed into new batches, each of which holds
// only failed changes of one endpoint. There they block nothing else, and their retries do not fold the other records of the batch again.
type Discarder struct {
	Client    client.Client
	Live      client.Reader
	Namespace string
	Ledger    *Ledger
	Backlog   *Backlog
	Report    *FailureReport
	// RequeueAt enqueues a batch at a time.
	RequeueAt func(types.UID, time.Time)
	Now       func() time.Time
}

// Reconcile ends a batch: it deletes the batch, keeps a batch that failed again, or schedules a retry.
func (d *Discarder) Reconcile(ctx context.Context, uid types.UID) (reconcile.Result, error) {
	// Gather: the batch and its failures, from memory.
	b, inMemory := d.Ledger.get(uid)
	switch {
	case !inMemory:
		return d.requeue(uid), nil
	case !d.Ledger.ended(b):
		return reconcile.Result{}, nil // the batch is enqueued again when its last entry is resolved
	}
	defer d.Ledger.forget(uid) // in every case: a batch that cannot be deleted must not take the memory that others need

	// Decide: a batch stays only if all of its changes failed again. A change that was folded must not be folded at every retry.
	if b.onlyFailed && len(b.failures) == b.changes {
		return d.keepFailed(ctx, b)
	}

	// Act.
	if err := d.finish(ctx, b); err != nil {
		return d.retryLater(ctx, b, err)
	}
	d.Backlog.Remove(uid)
	return reconcile.Result{}, nil
}

// requeue queues a batch that is not in memory to be read again, because its retry is due. It does nothing for a batch that was deleted.
func (d *Discarder) requeue(uid types.UID) reconcile.Result {
	if d.Backlog.Requeue(uid) && d.Backlog.isScheduled(uid) { // the batch is being joined with others
		return reconcile.Result{RequeueAfter: MinFailedRetry}
	}
	return reconcile.Result{}
}

// finish moves the failed changes and deletes the batch. The order matters: the journal holds the copy of a failed change before the original
// is deleted.
func (d *Discarder) finish(ctx context.Context, b *Batch) error {
	if err := d.moveFailures(ctx, b); err != nil {
		return fmt.Errorf("move failed records: %w", err)
	}
	return deleteBatch(ctx, d.Client, d.Namespace, b.Name, b.UID)
}

// deleteBatch deletes the batch with that UID, and no other batch of that name.
func deleteBatch(ctx context.Context, c client.Client, namespace, name string, uid types.UID) error {
	err := c.Delete(ctx, &fastpixv1.EventBatch{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}, client.Preconditions{UID: &uid})
	if apiserver.IgnoreNotFound(err) != nil && !apierrors.IsConflict(err) { // a conflict means that another batch has the name
		return fmt.Errorf("delete batch: %w", err)
	}
	return nil
}

// retryLater schedules another read of a batch that could not be deleted. Only its changes that were not moved yet are folded again.
func (d *Discarder) retryLater(ctx context.Context, b *Batch, err error) (reconcile.Result, error) {
	if ctx.Err() != nil {
		return reconcile.Result{}, err
	}
	state := retryStateOf(b)
	state.open, state.oldest = map[ChangeIndex]bool{}, b.oldest
	for at, f := range b.failures {
		state.open[at] = f.Creates
	}
	result := d.scheduleRetry(b.UID, state, queue.MinBackoff, queue.MaxBackoff)
	d.Report.batchStuck(ctx, err, b)
	return result, nil
}

// scheduleRetry schedules the next retry of a batch. The pause doubles with each retry.
func (d *Discarder) scheduleRetry(uid types.UID, state *retryState, shortest, longest time.Duration) reconcile.Result {
	state.tries = d.Backlog.tries(uid) + 1
	pause := min(longest, shortest<<min(state.tries-1, 10))
	state.due = d.Now().Add(pause)
	d.Backlog.scheduleRetry(uid, state)
	return reconcile.Result{RequeueAfter: pause}
}

// keepFailed keeps a batch of failed records, updates its status, and schedules its next retry.
func (d *Discarder) keepFailed(ctx context.Context, b *Batch) (reconcile.Result, error) {
	object := &fastpixv1.EventBatch{}
	err := d.Live.Get(ctx, types.NamespacedName{Namespace: d.Namespace, Name: b.Name}, object)
	if apiserver.IsNotFound(err) || err == nil && object.UID != b.UID {
		d.Backlog.Remove(b.UID)
		return reconcile.Result{}, nil
	}
	if err == nil {
		err = d.writeFailures(ctx, object, b.failures)
	}
	if apiserver.IgnoreNotFound(err) != nil {
		return d.retryLater(ctx, b, fmt.Errorf("write status of failed records: %w", err))
	}
	return d.scheduleRetry(b.UID, retryStateOf(b), MinFailedRetry, MaxFailedRetry), nil
}

// moveFailures writes the failed changes of a batch into new batches, one for each group.
func (d *Discarder) moveFailures(ctx context.Context, b *Batch) error {
	groups := map[failedGroup][]ChangeIndex{}
	for at, f := range b.failures {
		group := f.group()
		if f.Reason == ReasonUnreadable || f.Reason == ReasonNewerVersion {
			group.endpoint = d.Backlog.Endpoints.known(group.endpoint)
		}
		groups[group] = append(groups[group], at)
	}
	byName := func(x, y failedGroup) int {
		return cmp.Or(cmp.Compare(x.endpoint.String(), y.endpoint.String()), cmp.Compare(x.failedChanges, y.failedChanges))
	}
	for _, group := range slices.SortedFunc(maps.Keys(groups), byName) {
		if err := d.moveGroup(ctx, b, group, groups[group]); err != nil {
			return err
		}
		d.Ledger.removeFailures(b, groups[group])
	}
	return nil
}

// moveGroup writes the failed changes of one group into a new batch.
func (d *Discarder) moveGroup(ctx context.Context, b *Batch, group failedGroup, at []ChangeIndex) error {
	moved := b.subset(at)
	object := newFailedBatch(d.Namespace, group, moved.Records)
	// The name follows from the content, so that a second attempt after a crash creates no second copy.
	object.Name = failedName(string(b.UID), moved.Records...)
	state := retryStateOf(moved)
	state.tries = 1
	state.due = d.Now().Add(MinFailedRetry)
	if err := createFailedBatch(ctx, d.Client, d.Live, d.Backlog, object, state); err != nil {
		return err
	}
	d.RequeueAt(object.UID, state.due)
	d.Report.failed(ctx, group.endpoint, moved.failures)
	return apiserver.IgnoreStale(d.writeFailures(ctx, object, moved.failures)) // the next retry writes a status that this write does not
}

// subset returns a batch that holds only the changes at these positions.
func (b *Batch) subset(at []ChangeIndex) *Batch {
	changes := map[int][]int{}
	for _, i := range at {
		changes[i.Index] = append(changes[i.Index], i.Change)
	}
	subset := &Batch{}
	for _, index := range slices.Sorted(maps.Keys(changes)) {
		slices.Sort(changes[index])
		text := b.Records[index]
		if part, err := record.Part(text, changes[index]); err == nil { // a record that cannot be read is kept as it is
			text = part
		}
		for to, from := range changes[index] {
			subset.addFailure(ChangeIndex{len(subset.Records), to}, b.failures[ChangeIndex{index, from}])
		}
		subset.Records = append(subset.Records, text)
		subset.bytes += int64(len(text))
	}
	return subset
}

// writeFailures writes the failures into the status of a batch of failed records.
func (d *Discarder) writeFailures(ctx context.Context, object *fastpixv1.EventBatch, failures map[ChangeIndex]Failure) error {
	object.Status.Failed = nil
	for _, at := range slices.SortedFunc(maps.Keys(failures), ChangeIndex.compare) {
		f := failures[at]
		failed := fastpixv1.FailedEvent{
			Index:   int32(at.Index), //nolint:gosec // a batch holds at most 256 records
			EventID: f.EventID, Reason: f.Reason, Message: truncate(f.Message, 1024),
		}
		if f.Object != (record.Key{}) {
			failed.Object = f.Object.String()
		}
		object.Status.Failed = append(object.Status.Failed, failed)
	}
	now := metav1.NewTime(d.Now())
	object.Status.LastAttemptTime = &now
	return d.Client.Status().Update(ctx, object)
}

// truncate cuts a message to at most n bytes, at the end of a character.
func truncate(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n-3], "") + "..."
}
