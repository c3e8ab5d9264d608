package journal

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
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
	// ReasonReceivedLater: the record says that it was received at a time that is still to come.
	ReasonReceivedLater = "ReceivedLater"
	// ReasonUnreadable: the record is not one.
	ReasonUnreadable = "Unreadable"
)

const (
	MinFailedRetry = 30 * time.Second
	// MaxFailedRetry bounds how long a failed record waits after its cause is gone.
	MaxFailedRetry = time.Hour
)

// Discarder ends batches that have no open entry left. A batch whose records were all folded is deleted. Changes that failed are
// first moved: into a new batch that holds only failed changes of one endpoint, so that they hold up nothing else, and so that what was
// folded beside them is not folded again at their retries.
type Discarder struct {
	Client    client.Client
	Live      client.Reader
	Namespace string
	Ledger    *Ledger
	Backlog   *Backlog
	Report    *FailureReport
	// RequeueAt has a batch looked at again at a time.
	RequeueAt func(types.UID, time.Time)
	Now       func() time.Time
}

// Reconcile ends the batch of that UID. Order matters: what failed is in the journal a second time before its first copy goes.
func (d *Discarder) Reconcile(ctx context.Context, uid types.UID) (reconcile.Result, error) {
	b, ok := d.Ledger.get(uid)
	if !ok { // a batch whose time has come again, or one that is gone
		if d.Backlog.Requeue(uid) && d.Backlog.isScheduled(uid) { // it is being joined with others
			return reconcile.Result{RequeueAfter: MinFailedRetry}, nil
		}
		return reconcile.Result{}, nil
	}
	if !d.Ledger.ended(b) {
		return reconcile.Result{}, nil // it was asked for too early; who resolves its last entry asks again
	}
	// Whatever happens next, the batch gives up its place in memory: if it cannot end, it must not keep others out.
	defer d.Ledger.forget(uid)
	// Only a batch that failed as a whole stays as it is: what was folded of it must not be folded at every retry.
	if b.onlyFailed && len(b.failures) == b.changes {
		return d.keepFailed(ctx, b)
	}
	if err := d.finish(ctx, b); err != nil {
		return d.retryLater(ctx, b, err)
	}
	d.Backlog.Remove(uid)
	return reconcile.Result{}, nil
}

// finish moves what failed and deletes the batch.
func (d *Discarder) finish(ctx context.Context, b *Batch) error {
	if err := d.moveFailures(ctx, b); err != nil {
		return fmt.Errorf("move failed records: %w", err)
	}
	return deleteBatch(ctx, d.Client, d.Namespace, b.Name, b.UID)
}

// deleteBatch deletes a batch, and no other of that name.
func deleteBatch(ctx context.Context, c client.Client, namespace, name string, uid types.UID) error {
	err := c.Delete(ctx, &fastpixv1.EventBatch{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}, client.Preconditions{UID: &uid})
	if apiserver.IgnoreNotFound(err) != nil && !apierrors.IsConflict(err) { // a conflict is another batch of that name
		return fmt.Errorf("delete batch: %w", err)
	}
	return nil
}

// later has a batch that could not end read again after a while. Only what is still to be moved of it is folded again.
func (d *Discarder) retryLater(ctx context.Context, b *Batch, err error) (reconcile.Result, error) {
	if ctx.Err() != nil {
		return reconcile.Result{}, err
	}
	r := retryStateOf(b)
	r.open, r.oldest = map[ChangeIndex]bool{}, b.oldest
	for s, f := range b.failures {
		r.open[s] = f.Creates
	}
	result := d.scheduleRetry(b.UID, r, queue.MinBackoff, queue.MaxBackoff)
	d.Report.BatchStuck(ctx, err, b)
	return result, nil
}

// scheduleRetry has a batch wait, each time twice as long.
func (d *Discarder) scheduleRetry(uid types.UID, r *retryState, shortest, longest time.Duration) reconcile.Result {
	r.tries = d.Backlog.tries(uid) + 1
	pause := min(longest, shortest<<min(r.tries-1, 10))
	r.due = d.Now().Add(pause)
	d.Backlog.scheduleRetry(uid, r)
	return reconcile.Result{RequeueAfter: pause}
}

// keepFailed leaves a batch of failed records where it is and comes back later.
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

// FailedGroup is what one batch of failed records may hold.
type FailedGroup struct {
	endpoint      types.NamespacedName
	failedChanges string // value of fastpixv1.FailedChangesAnnotation
}

func (f Failure) group() FailedGroup {
	if f.Creates {
		return FailedGroup{f.Endpoint, fastpixv1.FailedChangesCreate}
	}
	return FailedGroup{f.Endpoint, fastpixv1.FailedChangesUpdate}
}

// moveFailures writes the failed changes of a batch into new batches, one for each group.
func (d *Discarder) moveFailures(ctx context.Context, b *Batch) error {
	groups := map[FailedGroup][]ChangeIndex{}
	for s, f := range b.failures {
		group := f.group()
		if f.Reason == ReasonUnreadable || f.Reason == ReasonNewerVersion {
			group.endpoint = d.Backlog.Endpoints.known(group.endpoint)
		}
		groups[group] = append(groups[group], s)
	}
	byName := func(x, y FailedGroup) int {
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

func (d *Discarder) moveGroup(ctx context.Context, b *Batch, group FailedGroup, spots []ChangeIndex) error {
	part := b.subset(spots)
	object := newFailedBatch(d.Namespace, group, part.Records)
	// The name follows from what is moved, so that doing it again after a crash makes no second copy.
	object.Name = failedName(string(b.UID), part.Records...)
	r := retryStateOf(part)
	r.tries = 1
	r.due = d.Now().Add(MinFailedRetry)
	if err := createFailedBatch(ctx, d.Client, d.Live, d.Backlog, object, r); err != nil {
		return err
	}
	d.RequeueAt(object.UID, r.due)
	d.Report.failed(ctx, group.endpoint, part.failures)
	return apiserver.IgnoreStale(d.writeFailures(ctx, object, part.failures)) // its next retry writes it, if not this
}

// createFailedBatch creates a batch of failed records, or finds it if it was created before a crash or a lost answer. From then on the backlog knows
// what it names.
func createFailedBatch(ctx context.Context, c client.Client, live client.Reader, to *Backlog, object *fastpixv1.EventBatch, r *retryState) error {
	to.expectWrite(object.Name)
	err := c.Create(ctx, object)
	if err == nil {
		err = apiserver.CheckReturned(object)
	}
	if apiserver.IsAlreadyExists(err) {
		err = live.Get(ctx, client.ObjectKeyFromObject(object), object)
	}
	if err != nil {
		to.finishWrite(object.Name, BatchInfo{}, nil)
		return err
	}
	to.finishWrite(object.Name, to.InfoOf(&metav1.PartialObjectMetadata{ObjectMeta: object.ObjectMeta}), r)
	return nil
}

// subset returns what a new batch is to hold of this one: the changes at these places and nothing else of their records.
func (b *Batch) subset(spots []ChangeIndex) *Batch {
	changes := map[int][]int{}
	for _, s := range spots {
		changes[s.Index] = append(changes[s.Index], s.Change)
	}
	part := &Batch{}
	for _, index := range slices.Sorted(maps.Keys(changes)) {
		slices.Sort(changes[index])
		text := b.Records[index]
		if some, err := record.Part(text, changes[index]); err == nil { // one that cannot be read is kept as it is
			text = some
		}
		for to, from := range changes[index] {
			part.addFailure(ChangeIndex{len(part.Records), to}, b.failures[ChangeIndex{index, from}])
		}
		part.Records = append(part.Records, text)
		part.bytes += int64(len(text))
	}
	return part
}

// newFailedBatch returns a batch of failed records without a name.
func newFailedBatch(namespace string, group FailedGroup, records []string) *fastpixv1.EventBatch {
	return &fastpixv1.EventBatch{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Labels: map[string]string{fastpixv1.FailedLabel: "true"},
			Annotations: map[string]string{
				// Records that do not say whose they are count for nobody's endpoint, and count all the same.
				fastpixv1.EventCountsAnnotation:   record.FormatCounts(map[types.NamespacedName]int64{group.endpoint: int64(len(records))}),
				fastpixv1.FailedChangesAnnotation: group.failedChanges,
			},
		},
		Spec: fastpixv1.EventBatchSpec{Events: records},
	}
}

// failedName returns a name that follows from what a batch is made from.
func failedName(from string, more ...string) string {
	name := sha256.New()
	fmt.Fprintln(name, from)
	for _, s := range more {
		fmt.Fprintln(name, s)
	}
	return "failed-" + hex.EncodeToString(name.Sum(nil))[:40]
}

func (d *Discarder) writeFailures(ctx context.Context, object *fastpixv1.EventBatch, failures map[ChangeIndex]Failure) error {
	object.Status.Failed = nil
	byPlace := func(x, y ChangeIndex) int {
		return cmp.Or(cmp.Compare(x.Index, y.Index), cmp.Compare(x.Change, y.Change))
	}
	for _, s := range slices.SortedFunc(maps.Keys(failures), byPlace) {
		f := failures[s]
		failed := fastpixv1.FailedEvent{
			Index:   int32(s.Index), //nolint:gosec // a batch holds at most 256 records
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
