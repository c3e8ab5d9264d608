package controllers

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
	"github.com/fastpix-operator/fastpix-operator/internal/apiserver"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// Reasons why a record could not be folded, in status.failed of a batch.
const (
	// reasonNameTaken: an object of the right name has another id.
	reasonNameTaken = "NameTaken"
	// reasonRefused: the API server refuses the object, by validation, admission, quota or size.
	reasonRefused = "Refused"
	// reasonNewerVersion: a newer operator wrote the record.
	reasonNewerVersion = "NewerVersion"
	// reasonReceivedLater: the record says that it was received at a time that is still to come.
	reasonReceivedLater = "ReceivedLater"
	// reasonUnreadable: the record is not one.
	reasonUnreadable = "Unreadable"
)

const (
	minRetryFailed = 30 * time.Second
	// maxRetryFailed bounds how long a failed record waits after its cause is gone.
	maxRetryFailed = time.Hour
)

// discarder ends batches that have no open entry left. A batch whose records were all folded is deleted. Changes that failed are
// first moved: into a new batch that holds only failed changes of one endpoint, so that they hold up nothing else, and so that what was
// folded beside them is not folded again at their retries.
type discarder struct {
	client    client.Client
	live      client.Reader
	namespace string
	ledger    *ledger
	backlog   *backlog
	report    *failureReport
	// after has a batch looked at again at a time.
	after func(types.UID, time.Time)
	now   func() time.Time
}

// Reconcile ends the batch of that UID. Order matters: what failed is in the journal a second time before its first copy goes.
func (d *discarder) Reconcile(ctx context.Context, uid types.UID) (reconcile.Result, error) {
	b, ok := d.ledger.get(uid)
	if !ok { // a batch whose time has come again, or one that is gone
		if d.backlog.again(uid) && d.backlog.rests(uid) { // it is being joined with others
			return reconcile.Result{RequeueAfter: minRetryFailed}, nil
		}
		return reconcile.Result{}, nil
	}
	if !d.ledger.ended(b) {
		return reconcile.Result{}, nil // it was asked for too early; who resolves its last entry asks again
	}
	// Whatever happens next, the batch gives up its place in memory: if it cannot end, it must not keep others out.
	defer d.ledger.forget(uid)
	// Only a batch that failed as a whole stays as it is: what was folded of it must not be folded at every retry.
	if b.marked && len(b.failures) == b.changes {
		return d.keep(ctx, b)
	}
	if err := d.end(ctx, b); err != nil {
		return d.later(ctx, b, err)
	}
	d.backlog.remove(uid)
	return reconcile.Result{}, nil
}

// end moves what failed and deletes the batch.
func (d *discarder) end(ctx context.Context, b *batch) error {
	if err := d.move(ctx, b); err != nil {
		return fmt.Errorf("move failed records: %w", err)
	}
	return deleteBatch(ctx, d.client, d.namespace, b.name, b.uid)
}

// deleteBatch deletes a batch, and no other of that name.
func deleteBatch(ctx context.Context, c client.Client, namespace, name string, uid types.UID) error {
	err := c.Delete(ctx, &fastpixv1.EventBatch{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}, client.Preconditions{UID: &uid})
	if ignoreGone(err) != nil && !apierrors.IsConflict(err) { // a conflict is another batch of that name
		return fmt.Errorf("delete batch: %w", err)
	}
	return nil
}

// later has a batch that could not end read again after a while. Only what is still to be moved of it is folded again.
func (d *discarder) later(ctx context.Context, b *batch, err error) (reconcile.Result, error) {
	if ctx.Err() != nil {
		return reconcile.Result{}, err
	}
	r := unfinishedOf(b)
	r.open, r.oldest = map[spot]bool{}, b.oldest
	for s, f := range b.failures {
		r.open[s] = f.creates
	}
	result := d.rest(b.uid, r, minBackoff, maxBackoff)
	d.report.trouble(ctx, err, b)
	return result, nil
}

// rest has a batch wait, each time twice as long.
func (d *discarder) rest(uid types.UID, r *unfinished, shortest, longest time.Duration) reconcile.Result {
	r.tries = d.backlog.tries(uid) + 1
	pause := min(longest, shortest<<min(r.tries-1, 10))
	r.due = d.now().Add(pause)
	d.backlog.rest(uid, r)
	return reconcile.Result{RequeueAfter: pause}
}

// keep leaves a batch of failed records where it is and comes back later.
func (d *discarder) keep(ctx context.Context, b *batch) (reconcile.Result, error) {
	object := &fastpixv1.EventBatch{}
	err := d.live.Get(ctx, types.NamespacedName{Namespace: d.namespace, Name: b.name}, object)
	if apiserver.IsGone(err) || err == nil && object.UID != b.uid {
		d.backlog.remove(b.uid)
		return reconcile.Result{}, nil
	}
	if err == nil {
		err = d.writeFailures(ctx, object, b.failures)
	}
	if ignoreGone(err) != nil {
		return d.later(ctx, b, fmt.Errorf("write status of failed records: %w", err))
	}
	return d.rest(b.uid, unfinishedOf(b), minRetryFailed, maxRetryFailed), nil
}

// failedGroup is what one batch of failed records may hold.
type failedGroup struct {
	endpoint types.NamespacedName
	mark     string // value of fastpixv1.FailedChangesAnnotation
}

func (f failure) group() failedGroup {
	if f.creates {
		return failedGroup{f.endpoint, fastpixv1.FailedChangesCreate}
	}
	return failedGroup{f.endpoint, fastpixv1.FailedChangesUpdate}
}

// move writes the failed changes of a batch into new batches, one for each group.
func (d *discarder) move(ctx context.Context, b *batch) error {
	groups := map[failedGroup][]spot{}
	for s, f := range b.failures {
		groups[f.group()] = append(groups[f.group()], s)
	}
	byName := func(x, y failedGroup) int {
		return cmp.Or(cmp.Compare(x.endpoint.String(), y.endpoint.String()), cmp.Compare(x.mark, y.mark))
	}
	for _, group := range slices.SortedFunc(maps.Keys(groups), byName) {
		if err := d.moveOne(ctx, b, group, groups[group]); err != nil {
			return err
		}
		d.ledger.settle(b, groups[group])
	}
	return nil
}

func (d *discarder) moveOne(ctx context.Context, b *batch, group failedGroup, spots []spot) error {
	part := b.part(spots)
	object := newFailedBatch(d.namespace, group, part.records)
	// The name follows from what is moved, so that doing it again after a crash makes no second copy.
	object.Name = failedName(string(b.uid), part.records...)
	r := unfinishedOf(part)
	r.tries = 1
	r.due = d.now().Add(minRetryFailed)
	if err := write(ctx, d.client, d.live, d.backlog, object, r); err != nil {
		return err
	}
	d.after(object.UID, r.due)
	d.report.failed(ctx, group.endpoint, part.failures)
	return ignoreStale(d.writeFailures(ctx, object, part.failures)) // its next retry writes it, if not this
}

// write creates a batch of failed records, or finds it if it was created before a crash or a lost answer. From then on the backlog knows
// what it names.
func write(ctx context.Context, c client.Client, live client.Reader, to *backlog, object *fastpixv1.EventBatch, r *unfinished) error {
	to.expect(object.Name)
	err := c.Create(ctx, object)
	if err == nil {
		err = shown(object)
	}
	if apiserver.IsThere(err) {
		err = live.Get(ctx, client.ObjectKeyFromObject(object), object)
	}
	if err != nil {
		to.wrote(object.Name, batchInfo{}, nil)
		return err
	}
	to.wrote(object.Name, to.infoOf(&metav1.PartialObjectMetadata{ObjectMeta: object.ObjectMeta}), r)
	return nil
}

// part returns what a new batch is to hold of this one: the changes at these places and nothing else of their records.
func (b *batch) part(spots []spot) *batch {
	changes := map[int][]int{}
	for _, s := range spots {
		changes[s.index] = append(changes[s.index], s.change)
	}
	part := &batch{}
	for _, index := range slices.Sorted(maps.Keys(changes)) {
		slices.Sort(changes[index])
		text := b.records[index]
		if some, err := record.Part(text, changes[index]); err == nil { // one that cannot be read is kept as it is
			text = some
		}
		for to, from := range changes[index] {
			part.fail(spot{len(part.records), to}, b.failures[spot{index, from}])
		}
		part.records = append(part.records, text)
		part.bytes += int64(len(text))
	}
	return part
}

// newFailedBatch returns a batch of failed records without a name.
func newFailedBatch(namespace string, group failedGroup, records []string) *fastpixv1.EventBatch {
	return &fastpixv1.EventBatch{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Labels: map[string]string{fastpixv1.FailedLabel: "true"},
			Annotations: map[string]string{
				// Records that do not say whose they are count for nobody's endpoint, and count all the same.
				fastpixv1.EventCountsAnnotation:   record.FormatCounts(map[types.NamespacedName]int64{group.endpoint: int64(len(records))}),
				fastpixv1.FailedChangesAnnotation: group.mark,
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

func (d *discarder) writeFailures(ctx context.Context, object *fastpixv1.EventBatch, failures map[spot]failure) error {
	object.Status.Failed = nil
	byPlace := func(x, y spot) int { return cmp.Or(cmp.Compare(x.index, y.index), cmp.Compare(x.change, y.change)) }
	for _, s := range slices.SortedFunc(maps.Keys(failures), byPlace) {
		f := failures[s]
		failed := fastpixv1.FailedEvent{
			Index:   int32(s.index), //nolint:gosec // a batch holds at most 256 records
			EventID: f.eventID, Reason: f.reason, Message: truncate(f.message, 1024),
		}
		if f.object != (record.Key{}) {
			failed.Object = f.object.String()
		}
		object.Status.Failed = append(object.Status.Failed, failed)
	}
	now := metav1.NewTime(d.now())
	object.Status.LastAttemptTime = &now
	return d.client.Status().Update(ctx, object)
}

// truncate cuts a message to at most n bytes, at the end of a character.
func truncate(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n-3], "") + "..."
}
