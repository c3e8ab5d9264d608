package mirror

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/endpoint"
	"github.com/fastpix-operator/fastpix-operator/controllers/journal"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// DefaultRetention holds for objects whose endpoint was deleted. It is the default of spec.retention.deleted.
const DefaultRetention = 7 * 24 * time.Hour

// Reconciler folds the pending records of one object at a time into its mirror.
type Reconciler struct {
	Store    *Store
	Records  *journal.Records
	Refusals *Refusals
	// Timer returns when the timer of an object is due; false if the object has no timer.
	Timer  func(record.Key) (time.Time, bool)
	Purger Purger
	// NamespaceState returns what a namespace means for the records that are to be mirrored in it.
	NamespaceState func(context.Context, string) (NamespaceState, error)
	Endpoints      endpoint.Lookup
	Now            func() time.Time
	Trace          logr.Logger // follows single events

	requested     sync.Map // objects to reconcile whatever their timer says: record.Key to nil
	delayedPurges sync.Map // objects whose purge waits for records to be read or folded: record.Key to nil
}

// Purger deletes mirrors whose retention has passed, and records what it deleted.
type Purger interface {
	// Purge deletes a mirror that was read just now. It reports false, and does nothing, while the journal holds a record that would look
	// like a replay after the purge.
	Purge(ctx context.Context, m Object, retention time.Duration) (done bool, err error)
	// PurgedThrough returns the newest event time of the purged mirrors of a namespace; nil if none was purged.
	PurgedThrough(ctx context.Context, namespace string) (*metav1.MicroTime, error)
}

// Reconcile brings the mirror of one object up to date.
func (r *Reconciler) Reconcile(ctx context.Context, key record.Key) (reconcile.Result, error) {
	// Gather: the records that wait for the object.
	entries, err := r.Records.Peek(key)
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("decode the waiting records: %w", err)
	}
	if len(entries) == 0 {
		return r.reconcileDue(ctx, key)
	}
	// Decide and act: compute the status, and write it once.
	var o Outcome
	if err := r.foldInParts(ctx, key, entries, 0, &o); err != nil {
		return reconcile.Result{}, err
	}
	// The records count as folded only after the write.
	r.resolve(key, entries, o)
	if len(o.failed) == 0 || r.Records.Waiting(key) == 0 { // else the waiting records would start a timeout of their own
		r.Refusals.resetObject(key)
	}
	return r.requeue(key), nil
}

// resolve counts the entries as done, in the ledger and in the metrics.
func (r *Reconciler) resolve(key record.Key, entries []journal.Entry, o Outcome) {
	observe(key, entries, o, r.Now())
	if o.discarded > 0 {
		ctrl.Log.WithName("fold").Info("Discarded records", "object", key.String(), "records", o.discarded, "reason", o.discardReason)
	}
	r.Records.Resolve(key, len(entries), o.failed)
}

// requeue returns when to reconcile an object again: at once if records have arrived meanwhile, else when its timer is due.
func (r *Reconciler) requeue(key record.Key) reconcile.Result {
	if r.Records.Waiting(key) > 0 {
		return reconcile.Result{RequeueAfter: time.Nanosecond}
	}
	if at, ok := r.Timer(key); ok {
		return reconcile.Result{RequeueAfter: max(time.Nanosecond, at.Sub(r.Now()))}
	}
	return reconcile.Result{}
}

// settle applies the endpoint's policy to a mirror, and sets its conditions and its timer.
func (r *Reconciler) settle(ctx context.Context, m Object) error {
	endpoint, err := r.Endpoints.Of(ctx, m.APIObject().GetNamespace(), m.EndpointName())
	if err != nil {
		return err
	}
	switch omits, err := r.Endpoints.OmitText(ctx, m.APIObject().GetNamespace(), endpoint); {
	case err != nil:
		return err
	case omits:
		m.omitText() // an event clears only text that is older than itself: this clears text that was mirrored before the policy changed
	}
	settle(m, r.Now(), retentionOf(endpoint))
	return nil
}

// retentionOf returns how long a tombstone of an endpoint stays.
func retentionOf(endpoint *fastpixv1.WebhookEndpoint) time.Duration {
	if endpoint == nil || endpoint.Spec.Retention.Deleted == nil {
		return DefaultRetention
	}
	return endpoint.Spec.Retention.Deleted.Duration
}
