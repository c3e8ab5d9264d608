package mirror

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fastpix-operator/fastpix-operator/controllers/journal"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

const (
	// MaxParts bounds the writes of one reconciliation that isolate refused records. A few refused records among many are found; the rest is
	// left to the retries.
	MaxParts = 64
	// maxConflicts is how often one reconciliation reads an object again after a conflict. After that, the backoff of the queue decides.
	maxConflicts = 3
)

// Outcome says what happened to the entries of one reconciliation.
type Outcome struct {
	written       bool
	discarded     int // how many entries were discarded instead of folded
	discardReason string
	failed        map[int]journal.Failure // by position in the entries
	attempts      int                     // how many parts of the entries were tried
}

// add adds the outcome of some of the entries.
func (o *Outcome) add(part Outcome) {
	o.written = o.written || part.written
	o.discarded += part.discarded
	o.discardReason = max(o.discardReason, part.discardReason)
}

// foldInParts folds the entries with one write. If the API server refuses the resulting status, foldInParts folds each half on its own, down
// to the single records that are refused: a record that cannot be folded must not block others. position is the position of the first entry
// among all entries of the reconciliation.
func (r *Reconciler) foldInParts(ctx context.Context, key record.Key, entries []journal.Entry, position int, o *Outcome) error {
	o.attempts++
	part, err := r.fold(ctx, key, entries)
	if err == nil {
		o.add(part)
		return nil
	}
	reason, message, permanent := r.Refusals.classify(key, entries, err)
	ofStatus := isStatusWrite(err)
	switch {
	case !permanent:
		return err
	case len(entries) > 1 && ofStatus && rejectsContent(err) && o.attempts < MaxParts:
		half := len(entries) / 2
		if err := r.foldInParts(ctx, key, entries[:half], position, o); err != nil {
			return err
		}
		return r.foldInParts(ctx, key, entries[half:], position+half, o)
	}
	return r.fail(ctx, entries, position, o, journal.Failure{Reason: reason, Message: message, Object: key}, ofStatus)
}

// fold folds the entries into the mirror, and creates the mirror if necessary. It returns nil only when the mirror in the API server shows
// the entries.
func (r *Reconciler) fold(ctx context.Context, key record.Key, entries []journal.Entry) (Outcome, error) {
	namespace, err := r.NamespaceState(ctx, key.Namespace)
	if err != nil {
		return Outcome{}, err
	}
	kept, reason := namespace.filter(entries)
	o := Outcome{discarded: len(entries) - len(kept), discardReason: reason}
	r.traceFiltered(key, entries, kept, reason)
	if len(kept) == 0 {
		return o, nil
	}
	records := journal.RecordsOf(kept)
	id := entries[0].Record.Changes[entries[0].Change].ID
	before, err := r.Store.read(ctx, key)
	isLive := false // whether before is certain to be the newest
	for attempt := 0; err == nil; attempt++ {
		if before == nil {
			switch before, err = r.create(ctx, key, id, kept); {
			case err != nil:
				return Outcome{}, err
			case before == nil:
				r.traceResult(key, kept, traceDiscarded, discardedExpired)
				return Outcome{discarded: len(entries), discardReason: discardedExpired}, nil
			}
			isLive = true
		}
		hasOtherID := record.NormalizeID(before.ID()) != id
		r.traceFold(key, kept, attempt+1)
		after := before.copy()
		project(after, records)
		if err := r.settle(ctx, after); err != nil {
			return Outcome{}, err
		}
		switch {
		case !hasOtherID && !sameStatus(after, before):
			err = r.write(ctx, key, before, after)
			if err == nil {
				r.traceResult(key, kept, traceWritten, after.APIObject().GetResourceVersion())
			}
			if !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) || attempt == maxConflicts {
				o.written = err == nil
				return o, err
			}
		case isLive && hasOtherID:
			return Outcome{}, errNameTaken
		case isLive:
			r.traceResult(key, kept, traceUnchanged, before.APIObject().GetResourceVersion())
			return o, nil
		}
		before, err = r.Store.readLive(ctx, key) // after a conflict, and before the decision not to write
		isLive = true
	}
	return Outcome{}, err
}

// write writes the status of after, which was computed from before.
func (r *Reconciler) write(ctx context.Context, key record.Key, before, after Object) error {
	err := r.Store.write(ctx, key, before, after)
	if err == nil {
		r.Refusals.Accepted(key)
	}
	return err
}

// create creates the mirror of an object that has none. It returns nil if no record may create the mirror, because every record is a replay.
func (r *Reconciler) create(ctx context.Context, key record.Key, id string, entries []journal.Entry) (Object, error) {
	switch replays, err := r.areReplays(ctx, entries); {
	case err != nil:
		return nil, err
	case replays:
		return r.Store.readLive(ctx, key) // the API server's watch cache, which shows no mirror, may be behind
	}
	m, created, err := r.Store.create(ctx, NewFor(key, id, entries[0].Record.Endpoint), key)
	if created {
		r.Refusals.Accepted(key)
	}
	return m, err
}

// fail marks entries as failed. A replay can only update a mirror that exists. So it fails if the mirror exists, and is discarded otherwise.
func (r *Reconciler) fail(ctx context.Context, entries []journal.Entry, position int, o *Outcome, failure journal.Failure, exists bool) error {
	if o.failed == nil {
		o.failed = map[int]journal.Failure{}
	}
	for i, e := range entries {
		replay, err := r.isReplay(ctx, e)
		if err != nil {
			return err
		}
		if replay && !exists {
			o.add(Outcome{discarded: 1, discardReason: discardedExpired})
			r.traceResult(failure.Object, entries[i:i+1], traceDiscarded, discardedExpired)
			continue
		}
		failure.EventID, failure.Creates = e.Record.ID, !replay
		failure.Endpoint = types.NamespacedName{Namespace: e.Record.Namespace, Name: e.Record.Endpoint}
		o.failed[position+i] = failure
		r.traceResult(failure.Object, entries[i:i+1], traceFailed, failure.Reason)
	}
	return nil
}

// areReplays reports whether all records are replays.
func (r *Reconciler) areReplays(ctx context.Context, entries []journal.Entry) (bool, error) {
	for _, e := range entries {
		if replay, err := r.isReplay(ctx, e); err != nil || !replay {
			return false, err
		}
	}
	return true, nil
}

// isReplay reports whether a record may only update a mirror that exists: it is not newer than what was purged in its namespace, or it says that the
// object does not exist. The journal keeps the answer for a change that failed (Exempt). Such a change is not checked again: mirrors that were purged while
// it waited belong to other objects.
func (r *Reconciler) isReplay(ctx context.Context, e journal.Entry) (bool, error) {
	if record.IsMissing(e.Record.Type) {
		return true, nil
	}
	if e.Exempt || e.Record.Untimed {
		return false, nil
	}
	through, err := r.Purger.PurgedThrough(ctx, e.Record.Namespace)
	return err == nil && through != nil && !e.Record.Time.After(through.Time), err
}
