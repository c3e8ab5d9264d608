package controllers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/fastpix-operator/fastpix-operator/api/apiserver"
	"github.com/fastpix-operator/fastpix-operator/api/record"
	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

// Reasons why a record could not be folded, in status.failed of a batch.
const (
	// reasonNameTaken: an object of the right name has another id.
	reasonNameTaken = "NameTaken"
	// reasonRefused: the API server refuses the object, by validation, admission, quota or size.
	reasonRefused = "Refused"
	// reasonNewerVersion: a newer operator wrote the record.
	reasonNewerVersion = "NewerVersion"
	// reasonUnreadable: the record is not one.
	reasonUnreadable = "Unreadable"
)

const (
	minRetryFailed = 30 * time.Second
	// maxRetryFailed bounds how long a failed record waits after its cause is gone.
	maxRetryFailed = time.Hour
)

// discarder ends batches that have no open entry left. A batch whose records were all folded is deleted. Records that failed are
// first moved: into a new batch that holds only failed records of one endpoint, so that they hold up nothing else.
type discarder struct {
	client    client.Client
	live      client.Reader
	namespace string
	ledger    *ledger
	backlog   *backlog
	recorder  events.EventRecorder
	endpoints endpoints
	now       func() time.Time
	attempts  sync.Map // how often a batch of failed records failed again: types.UID to int
	troubles  sync.Map // how often a batch could not end: types.UID to int
}

// Reconcile ends the batch of that UID. Order matters: what failed is in the journal a second time before its first copy goes.
func (d *discarder) Reconcile(ctx context.Context, uid types.UID) (reconcile.Result, error) {
	b, ok := d.ledger.get(uid)
	if !ok { // a batch whose time has come again, or one that is gone
		if !d.backlog.again(uid) {
			d.attempts.Delete(uid)
			d.troubles.Delete(uid)
		}
		return reconcile.Result{}, nil
	}
	if !d.ledger.ended(b) {
		return reconcile.Result{}, nil // it was asked for too early; who resolves its last entry asks again
	}
	// Whatever happens next, the batch gives up its place in memory: if it cannot end, it must not keep others out.
	defer d.ledger.forget(uid)
	// Only a batch that failed as a whole stays as it is: what was folded of it must not be folded at every retry.
	if b.retry && len(b.failures) == len(b.records) {
		return d.keep(ctx, b)
	}
	if err := d.end(ctx, b); err != nil {
		return d.later(ctx, b, err)
	}
	d.backlog.remove(uid)
	d.attempts.Delete(uid)
	d.troubles.Delete(uid)
	return reconcile.Result{}, nil
}

// end moves what failed and deletes the batch.
func (d *discarder) end(ctx context.Context, b *batch) error {
	if err := d.move(ctx, b); err != nil {
		return fmt.Errorf("move failed records: %w", err)
	}
	err := d.client.Delete(ctx, &fastpixv1.EventBatch{ObjectMeta: metav1.ObjectMeta{Namespace: d.namespace, Name: b.name}},
		client.Preconditions{UID: &b.uid})
	if ignoreGone(err) != nil && !apierrors.IsConflict(err) { // a conflict is another batch of that name
		return fmt.Errorf("delete folded batch: %w", err)
	}
	return nil
}

// later has a batch that could not end read and folded again after a while.
func (d *discarder) later(ctx context.Context, b *batch, err error) (reconcile.Result, error) {
	if ctx.Err() != nil {
		return reconcile.Result{}, err
	}
	ctrl.LoggerFrom(ctx).Error(err, "Ending a batch failed, will retry", "eventBatch", b.name)
	return reconcile.Result{RequeueAfter: min(maxBackoff, minBackoff<<min(count(&d.troubles, b.uid), 10))}, nil
}

// count returns how often a batch was counted before.
func count(in *sync.Map, uid types.UID) int {
	before, _ := in.LoadOrStore(uid, 0)
	in.Store(uid, before.(int)+1)
	return before.(int)
}

// keep leaves a batch of failed records where it is and comes back later.
func (d *discarder) keep(ctx context.Context, b *batch) (reconcile.Result, error) {
	object := &fastpixv1.EventBatch{}
	err := d.live.Get(ctx, types.NamespacedName{Namespace: d.namespace, Name: b.name}, object)
	if err == nil && object.UID == b.uid {
		err = d.writeFailures(ctx, object, b.failures)
	}
	if ignoreGone(err) != nil {
		return d.later(ctx, b, fmt.Errorf("write status of failed records: %w", err))
	}
	return reconcile.Result{RequeueAfter: min(maxRetryFailed, minRetryFailed<<min(count(&d.attempts, b.uid), 10))}, nil
}

// move writes the failed records of a batch into new batches, one for each endpoint.
func (d *discarder) move(ctx context.Context, b *batch) error {
	byEndpoint := map[string][]int{}
	for _, index := range slices.Sorted(maps.Keys(b.failures)) {
		endpoint := b.failures[index].endpoint
		byEndpoint[endpoint] = append(byEndpoint[endpoint], index)
	}
	for _, endpoint := range slices.Sorted(maps.Keys(byEndpoint)) {
		if err := d.moveOne(ctx, b, endpoint, byEndpoint[endpoint]); err != nil {
			return err
		}
	}
	return nil
}

func (d *discarder) moveOne(ctx context.Context, b *batch, endpoint string, indexes []int) error {
	object := &fastpixv1.EventBatch{ObjectMeta: metav1.ObjectMeta{
		Namespace: d.namespace, Labels: map[string]string{fastpixv1.FailedLabel: "true"},
	}}
	failures := map[int]failure{}
	// The name follows from what is moved, so that doing it again after a crash makes no second copy.
	name := sha256.New()
	fmt.Fprintln(name, b.uid)
	for to, from := range indexes {
		object.Spec.Events = append(object.Spec.Events, b.records[from])
		failures[to] = b.failures[from]
		fmt.Fprintln(name, b.records[from])
	}
	object.Name = "failed-" + hex.EncodeToString(name.Sum(nil))[:40]
	var key types.NamespacedName // stays empty for records that do not say whose they are: they count all the same
	key.Namespace, key.Name, _ = strings.Cut(endpoint, "/")
	object.Annotations = map[string]string{
		fastpixv1.EventCountsAnnotation: record.FormatCounts(map[types.NamespacedName]int64{key: int64(len(indexes))}),
	}
	if err := d.client.Create(ctx, object); err != nil {
		if apiserver.IsThere(err) {
			return nil // moved before a crash; its status follows at its first retry
		}
		return err
	}
	if err := shown(object); err != nil {
		return err
	}
	d.tell(ctx, key, failures)
	return d.writeFailures(ctx, object, failures)
}

func (d *discarder) writeFailures(ctx context.Context, object *fastpixv1.EventBatch, failures map[int]failure) error {
	object.Status.Failed = nil
	for _, index := range slices.Sorted(maps.Keys(failures)) {
		f := failures[index]
		object.Status.Failed = append(object.Status.Failed, fastpixv1.FailedEvent{
			Index:   int32(index), //nolint:gosec // a batch holds at most 256 records
			EventID: f.eventID, Object: f.object, Reason: f.reason, Message: truncate(f.message, 1024),
		})
	}
	now := metav1.NewTime(d.now())
	object.Status.LastAttemptTime = &now
	return d.client.Status().Update(ctx, object)
}

// tell makes a Kubernetes Event of records that failed for the first time, on their endpoint.
func (d *discarder) tell(ctx context.Context, key types.NamespacedName, failures map[int]failure) {
	endpoint, err := d.endpoints.get(ctx, key)
	if err != nil || endpoint == nil || len(failures) == 0 {
		return
	}
	first := failures[slices.Min(slices.Collect(maps.Keys(failures)))]
	about := "the first"
	if first.object != "" {
		about += ", for " + first.object
	}
	d.recorder.Eventf(endpoint, nil, corev1.EventTypeWarning, first.reason, "Mirror",
		"%d events could not be mirrored and are retried; %s: %s", len(failures), about, truncate(first.message, 512))
}

// truncate cuts a message to at most n bytes, at the end of a character.
func truncate(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n-3], "") + "..."
}
