package mirror

import (
	"context"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/endpoint"
	"github.com/fastpix-operator/fastpix-operator/controllers/journal"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

const (
	// maxConflicts is how often one visit to an object reads it anew; then back-off decides.
	maxConflicts = 3
	// DefaultRetention holds for objects whose endpoint is gone; it is the default of spec.retention.deleted.
	DefaultRetention = 7 * 24 * time.Hour
)

// Reconciler folds the pending records of one object at a time into its mirror.
type Reconciler struct {
	Store    *Store
	Records  *journal.Records
	Refusals *Refusals
	// Timer returns when the timer of an object is due; false if it has none.
	Timer  func(record.Key) (time.Time, bool)
	Purger Purger
	// NamespaceState returns what a namespace means for the records that are to be mirrored in it.
	NamespaceState func(context.Context, string) (NamespaceState, error)
	Endpoints      endpoint.Lookup
	Now            func() time.Time

	requested     sync.Map // objects to look at whatever their timer says: record.Key to nothing
	delayedPurges sync.Map // objects whose purge waits for records to be read or folded: record.Key to nothing
}

// Purger removes mirrors whose retention has passed, and remembers what it removed.
type Purger interface {
	// Purge removes a mirror that was read just now. It reports false while a record waits that would be taken for a replay afterwards.
	Purge(ctx context.Context, m Object, retention time.Duration) (done bool, err error)
	// PurgedThrough returns how new the events of purged mirrors of a namespace are; nil if none was purged.
	PurgedThrough(ctx context.Context, namespace string) (*metav1.MicroTime, error)
}

// Reconcile brings the mirror of one object up to date: gather (its pending records, its last state), decide (project), act (one
// status write), and only then count the records as folded.
func (f *Reconciler) Reconcile(ctx context.Context, key record.Key) (reconcile.Result, error) {
	entries, err := f.Records.Peek(key)
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("decode what waits: %w", err)
	}
	if len(entries) == 0 {
		return f.reconcileDue(ctx, key)
	}
	var o Outcome
	if err := f.foldInParts(ctx, key, entries, 0, &o); err != nil {
		return reconcile.Result{}, err
	}
	f.resolve(key, entries, o)
	if len(o.failed) == 0 || f.Records.Waiting(key) == 0 { // else what still waits would be waited for as long again
		f.Refusals.resetObject(key)
	}
	return f.requeue(key), nil
}

// requeue says when to visit an object again: at once for records that came meanwhile, else when its timer is due.
func (f *Reconciler) requeue(key record.Key) reconcile.Result {
	if f.Records.Waiting(key) > 0 {
		return reconcile.Result{RequeueAfter: time.Nanosecond}
	}
	if at, ok := f.Timer(key); ok {
		return reconcile.Result{RequeueAfter: max(time.Nanosecond, at.Sub(f.Now()))}
	}
	return reconcile.Result{}
}

// Outcome says what became of the entries of one visit.
type Outcome struct {
	written       bool
	discarded     int    // how many entries were discarded instead of folded
	discardReason string // they were discarded
	failed        map[int]journal.Failure
	attempts      int // in how many parts the entries were tried
}

// MaxParts bounds the writes of one visit that look for the records that are refused: it finds a few among many, and leaves more to the
// retries.
const MaxParts = 64

// Add takes over what became of some of the entries.
func (o *Outcome) add(part Outcome) {
	o.written = o.written || part.written
	o.discarded += part.discarded
	o.discardReason = max(o.discardReason, part.discardReason)
}

// foldInParts folds the entries by one write. If the API server refuses what they make of the status, it folds them half by half, down to
// those that are refused by themselves: one that cannot be folded must not hold up others. The entries' first one has that position
// among all entries of the visit.
func (f *Reconciler) foldInParts(ctx context.Context, key record.Key, entries []journal.Entry, position int, o *Outcome) error {
	o.attempts++
	part, err := f.fold(ctx, key, entries)
	if err == nil {
		o.add(part)
		return nil
	}
	reason, message, ok := f.Refusals.classify(key, entries, err)
	ofStatus := isStatusWrite(err)
	switch {
	case !ok:
		return err
	case len(entries) > 1 && ofStatus && rejectsContent(err) && o.attempts < MaxParts:
		half := len(entries) / 2
		if err := f.foldInParts(ctx, key, entries[:half], position, o); err != nil {
			return err
		}
		return f.foldInParts(ctx, key, entries[half:], position+half, o)
	}
	return f.fail(ctx, entries, position, o, journal.Failure{Reason: reason, Message: message, Object: key}, ofStatus)
}

// fail notes that entries failed, and whether there is a mirror of their object. Replays fail only if there is: they could do nothing else
// than update it.
func (f *Reconciler) fail(ctx context.Context, entries []journal.Entry, position int, o *Outcome, why journal.Failure, exists bool) error {
	if o.failed == nil {
		o.failed = map[int]journal.Failure{}
	}
	for i, e := range entries {
		replay, err := f.isReplay(ctx, e)
		if err != nil {
			return err
		}
		if replay && !exists {
			o.add(Outcome{discarded: 1, discardReason: discardedExpired})
			continue
		}
		why.EventID, why.Endpoint, why.Creates = e.Record.ID, types.NamespacedName{Namespace: e.Record.Namespace, Name: e.Record.Endpoint}, !replay
		o.failed[position+i] = why
	}
	return nil
}

// fold folds the entries into the mirror, creating it if need be. It returns nil only when the mirror in the API server shows them.
func (f *Reconciler) fold(ctx context.Context, key record.Key, entries []journal.Entry) (Outcome, error) {
	verdict, err := f.NamespaceState(ctx, key.Namespace)
	if err != nil {
		return Outcome{}, err
	}
	kept, why := verdict.filter(entries)
	o := Outcome{discarded: len(entries) - len(kept), discardReason: why}
	if len(kept) == 0 {
		return o, nil
	}
	records := journal.RecordsOf(kept)
	id := entries[0].Record.Changes[entries[0].Change].ID
	m, err := f.Store.read(ctx, key)
	fresh := false
	for attempt := 0; err == nil; attempt++ {
		if m == nil {
			switch m, err = f.create(ctx, key, id, kept); {
			case err != nil:
				return Outcome{}, err
			case m == nil:
				return Outcome{discarded: len(entries), discardReason: discardedExpired}, nil
			}
			fresh = true
		}
		taken := record.NormalizeID(m.ID()) != id
		after := m.copy()
		after.fold(records)
		if err := f.settle(ctx, after); err != nil {
			return Outcome{}, err
		}
		switch {
		case !taken && !after.sameStatus(m):
			err = f.write(ctx, key, m, after)
			if !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) || attempt == maxConflicts {
				o.written = err == nil
				return o, err
			}
		case fresh && taken:
			return Outcome{}, errNameTaken
		case fresh:
			return o, nil
		}
		m, err = f.Store.readLive(ctx, key) // after a conflict, and before a decision not to write
		fresh = true
	}
	return Outcome{}, err
}

// write writes the status of after, which was computed from before.
func (f *Reconciler) write(ctx context.Context, key record.Key, before, after Object) error {
	err := f.Store.write(ctx, key, before, after)
	if err == nil {
		f.Refusals.Accepted(key)
	}
	return err
}

// create makes the mirror of an object that was not seen before. It returns nil if no record may bring it to life, because each
// is as old as tombstones that were purged.
func (f *Reconciler) create(ctx context.Context, key record.Key, id string, entries []journal.Entry) (Object, error) {
	switch expired, err := f.allExpired(ctx, entries); {
	case err != nil:
		return nil, err
	case expired:
		return f.Store.readLive(ctx, key) // the API server's memory, which shows none, may be behind
	}
	m, created, err := f.Store.create(ctx, NewFor(key, id, entries[0].Record.Endpoint), key)
	if created {
		f.Refusals.Accepted(key)
	}
	return m, err
}

// allExpired reports whether no record may create a mirror.
func (f *Reconciler) allExpired(ctx context.Context, entries []journal.Entry) (bool, error) {
	for _, e := range entries {
		if replay, err := f.isReplay(ctx, e); err != nil || !replay {
			return false, err
		}
	}
	return true, nil
}

// isReplay reports whether a record is not newer than what was purged in its namespace. A change that failed was judged then, and is not
// judged again: what has been purged since was purged although it waited, and is of other objects.
func (f *Reconciler) isReplay(ctx context.Context, e journal.Entry) (bool, error) {
	if e.Exempt || e.Record.Untimed {
		return false, nil
	}
	through, err := f.Purger.PurgedThrough(ctx, e.Record.Namespace)
	return err == nil && through != nil && !e.Record.Time.After(through.Time), err
}

// moved derives from a mirror's status, its endpoint's policy and the clock what they tell.
func (f *Reconciler) settle(ctx context.Context, m Object) error {
	endpoint, err := f.Endpoints.Of(ctx, m.APIObject().GetNamespace(), m.EndpointName())
	if err != nil {
		return err
	}
	switch omits, err := f.Endpoints.OmitText(ctx, m.APIObject().GetNamespace(), endpoint); {
	case err != nil:
		return err
	case omits:
		m.omitText() // an event clears only text that is older than itself: what was mirrored before goes here
	}
	m.settle(f.Now(), retentionOf(endpoint))
	return nil
}

// retentionOf returns how long a tombstone of an endpoint stays.
func retentionOf(endpoint *fastpixv1.WebhookEndpoint) time.Duration {
	if endpoint == nil || endpoint.Spec.Retention.Deleted == nil {
		return DefaultRetention
	}
	return endpoint.Spec.Retention.Deleted.Duration
}

// resolve counts the entries as done, in the ledger and in the metrics.
func (f *Reconciler) resolve(key record.Key, entries []journal.Entry, o Outcome) {
	observe(key, entries, o, f.Now())
	if o.discarded > 0 {
		ctrl.Log.WithName("fold").Info("Discarded records", "object", key.String(), "records", o.discarded, "reason", o.discardReason)
	}
	f.Records.Resolve(key, len(entries), o.failed)
}
