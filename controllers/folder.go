package controllers

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
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

const (
	// maxConflicts is how often one visit to an object reads it anew; then back-off decides.
	maxConflicts = 3
	// defaultRetention holds for objects whose endpoint is gone; it is the default of spec.retention.deleted.
	defaultRetention = 7 * 24 * time.Hour
)

// folder folds the pending records of one object at a time into its mirror.
type folder struct {
	store    *store
	records  *records
	refusals *refusals
	// timer returns when the timer of an object is due; false if it has none.
	timer  func(record.Key) (time.Time, bool)
	purger mirrorPurger
	// namespace returns what a namespace means for the records that are to be mirrored in it.
	namespace func(context.Context, string) (verdict, error)
	endpoints endpoints
	now       func() time.Time

	nudged  sync.Map // objects to look at whatever their timer says: record.Key to nothing
	waiting sync.Map // objects whose purge waits for records to be read or folded: record.Key to nothing
}

// mirrorPurger removes mirrors whose retention has passed, and remembers what it removed.
type mirrorPurger interface {
	// purge removes a mirror that was read just now. It reports false while a record waits that would be taken for a replay afterwards.
	purge(ctx context.Context, m mirror, retention time.Duration) (done bool, err error)
	// purgedThrough returns how new the events of purged mirrors of a namespace are; nil if none was purged.
	purgedThrough(ctx context.Context, namespace string) (*metav1.MicroTime, error)
}

// Reconcile brings the mirror of one object up to date: gather (its pending records, its last state), decide (project), act (one
// status write), and only then count the records as folded.
func (f *folder) Reconcile(ctx context.Context, key record.Key) (reconcile.Result, error) {
	entries, err := f.records.peek(key)
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("decode what waits: %w", err)
	}
	if len(entries) == 0 {
		return f.wake(ctx, key)
	}
	var o outcome
	if err := f.foldApart(ctx, key, entries, 0, &o); err != nil {
		return reconcile.Result{}, err
	}
	f.settleLedger(key, entries, o)
	if len(o.failed) == 0 || f.records.waiting(key) == 0 { // else what still waits would be waited for as long again
		f.refusals.forgetObject(key)
	}
	return f.comeBack(key), nil
}

// comeBack says when to visit an object again: at once for records that came meanwhile, else when its timer is due.
func (f *folder) comeBack(key record.Key) reconcile.Result {
	if f.records.waiting(key) > 0 {
		return reconcile.Result{RequeueAfter: time.Nanosecond}
	}
	if at, ok := f.timer(key); ok {
		return reconcile.Result{RequeueAfter: max(time.Nanosecond, at.Sub(f.now()))}
	}
	return reconcile.Result{}
}

// outcome says what became of the entries of one visit.
type outcome struct {
	wrote   bool
	dropped int    // how many entries were discarded instead of folded
	why     string // they were discarded
	failed  map[int]failure
	parts   int // in how many parts the entries were tried
}

// maxParts bounds the writes of one visit that look for the records that are refused: it finds a few among many, and leaves more to the
// retries.
const maxParts = 64

// add takes over what became of some of the entries.
func (o *outcome) add(part outcome) {
	o.wrote = o.wrote || part.wrote
	o.dropped += part.dropped
	o.why = max(o.why, part.why)
}

// foldApart folds the entries by one write. If the API server refuses what they make of the status, it folds them half by half, down to
// those that are refused by themselves: one that cannot be folded must not hold up others. The entries' first one has that position
// among all entries of the visit.
func (f *folder) foldApart(ctx context.Context, key record.Key, entries []entry, position int, o *outcome) error {
	o.parts++
	part, err := f.fold(ctx, key, entries)
	if err == nil {
		o.add(part)
		return nil
	}
	reason, message, ok := f.refusals.judge(key, entries, err)
	ofStatus := isOfStatus(err)
	switch {
	case !ok:
		return err
	case len(entries) > 1 && ofStatus && isAboutContent(err) && o.parts < maxParts:
		half := len(entries) / 2
		if err := f.foldApart(ctx, key, entries[:half], position, o); err != nil {
			return err
		}
		return f.foldApart(ctx, key, entries[half:], position+half, o)
	}
	return f.fail(ctx, entries, position, o, failure{reason: reason, message: message, object: key}, ofStatus)
}

// fail notes that entries failed, and whether there is a mirror of their object. Replays fail only if there is: they could do nothing else
// than update it.
func (f *folder) fail(ctx context.Context, entries []entry, position int, o *outcome, why failure, exists bool) error {
	if o.failed == nil {
		o.failed = map[int]failure{}
	}
	for i, e := range entries {
		replay, err := f.isReplay(ctx, e)
		if err != nil {
			return err
		}
		if replay && !exists {
			o.add(outcome{dropped: 1, why: droppedExpired})
			continue
		}
		why.eventID, why.endpoint, why.creates = e.record.ID, types.NamespacedName{Namespace: e.record.Namespace, Name: e.record.Endpoint}, !replay
		o.failed[position+i] = why
	}
	return nil
}

// fold folds the entries into the mirror, creating it if need be. It returns nil only when the mirror in the API server shows them.
func (f *folder) fold(ctx context.Context, key record.Key, entries []entry) (outcome, error) {
	verdict, err := f.namespace(ctx, key.Namespace)
	if err != nil {
		return outcome{}, err
	}
	kept, why := verdict.filter(entries)
	o := outcome{dropped: len(entries) - len(kept), why: why}
	if len(kept) == 0 {
		return o, nil
	}
	records := recordsOf(kept)
	id := entries[0].record.Changes[entries[0].change].ID
	m, err := f.store.read(ctx, key)
	fresh := false
	for attempt := 0; err == nil; attempt++ {
		if m == nil {
			switch m, err = f.create(ctx, key, id, kept); {
			case err != nil:
				return outcome{}, err
			case m == nil:
				return outcome{dropped: len(entries), why: droppedExpired}, nil
			}
			fresh = true
		}
		taken := record.NormalizeID(m.id()) != id
		after := m.copy()
		after.fold(records)
		if err := f.settle(ctx, after); err != nil {
			return outcome{}, err
		}
		switch {
		case !taken && !after.sameStatus(m):
			err = f.write(ctx, key, m, after)
			if !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) || attempt == maxConflicts {
				o.wrote = err == nil
				return o, err
			}
		case fresh && taken:
			return outcome{}, errNameTaken
		case fresh:
			return o, nil
		}
		m, err = f.store.readLive(ctx, key) // after a conflict, and before a decision not to write
		fresh = true
	}
	return outcome{}, err
}

// write writes the status of after, which was computed from before.
func (f *folder) write(ctx context.Context, key record.Key, before, after mirror) error {
	err := f.store.write(ctx, key, before, after)
	if err == nil {
		f.refusals.accepted(key)
	}
	return err
}

// create makes the mirror of an object that was not seen before. It returns nil if no record may bring it to life, because each
// is as old as tombstones that were purged.
func (f *folder) create(ctx context.Context, key record.Key, id string, entries []entry) (mirror, error) {
	switch expired, err := f.allExpired(ctx, entries); {
	case err != nil:
		return nil, err
	case expired:
		return f.store.readLive(ctx, key) // the API server's memory, which shows none, may be behind
	}
	m, created, err := f.store.create(ctx, firstMirror(key, id, entries[0].record.Endpoint), key)
	if created {
		f.refusals.accepted(key)
	}
	return m, err
}

// allExpired reports whether no record may create a mirror.
func (f *folder) allExpired(ctx context.Context, entries []entry) (bool, error) {
	for _, e := range entries {
		if replay, err := f.isReplay(ctx, e); err != nil || !replay {
			return false, err
		}
	}
	return true, nil
}

// isReplay reports whether a record is not newer than what was purged in its namespace. A change that failed was judged then, and is not
// judged again: what has been purged since was purged although it waited, and is of other objects.
func (f *folder) isReplay(ctx context.Context, e entry) (bool, error) {
	if e.exempt || e.record.Untimed {
		return false, nil
	}
	through, err := f.purger.purgedThrough(ctx, e.record.Namespace)
	return err == nil && through != nil && !e.record.Time.After(through.Time), err
}

// settle derives from a mirror's status, its endpoint's policy and the clock what they tell.
func (f *folder) settle(ctx context.Context, m mirror) error {
	endpoint, err := f.endpoints.of(ctx, m.object().GetNamespace(), m.endpoint())
	if err != nil {
		return err
	}
	switch omits, err := f.endpoints.omitText(ctx, m.object().GetNamespace(), endpoint); {
	case err != nil:
		return err
	case omits:
		m.omitText() // an event clears only text that is older than itself: what was mirrored before goes here
	}
	m.settle(f.now(), retentionOf(endpoint))
	return nil
}

// retentionOf returns how long a tombstone of an endpoint stays.
func retentionOf(endpoint *fastpixv1.WebhookEndpoint) time.Duration {
	if endpoint == nil || endpoint.Spec.Retention.Deleted == nil {
		return defaultRetention
	}
	return endpoint.Spec.Retention.Deleted.Duration
}

// settleLedger counts the entries as done, in the ledger and in the metrics.
func (f *folder) settleLedger(key record.Key, entries []entry, o outcome) {
	observe(key, entries, o, f.now())
	if o.dropped > 0 {
		ctrl.Log.WithName("fold").Info("Discarded records", "object", key.String(), "records", o.dropped, "reason", o.why)
	}
	f.records.resolve(key, len(entries), o.failed)
}
