package controllers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/cache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/fastpix-operator/fastpix-operator/api/record"
	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

const (
	// writtenEntries bounds the memory of what was written last: 4,096 objects of 2 to 6 kB.
	writtenEntries = 4096
	writtenTTL     = time.Hour
	// maxConflicts is how often one visit to an object reads it anew; then back-off decides.
	maxConflicts = 3
	// forbiddenPatience is how long an object must be refused as Forbidden before its records count as failed: an API server that
	// has just started forbids everything until it has read its roles.
	forbiddenPatience = 10 * time.Second
	// troublePatience is the same for answers that may pass, such as an admission webhook that does not work: for ever in memory they
	// would keep other tenants' records out.
	troublePatience = 30 * time.Second
	// defaultRetention holds for objects whose endpoint is gone; it is the default of spec.retention.deleted.
	defaultRetention = 7 * 24 * time.Hour
)

// folder folds the pending records of one object at a time into its mirror.
type folder struct {
	client    client.Client
	live      client.Reader // reads of mirrors are never cached but for written
	ledger    *ledger
	timers    *timers
	backlog   *backlog
	written   *cache.LRUExpireCache // mirrors as the last write left them, by record.Key
	namespace func(context.Context, string) (verdict, error)
	endpoints endpoints
	purge     func(context.Context, mirror, time.Duration) error
	notify    func(before, after mirror)
	discard   func(types.UID)
	now       func() time.Time
	nudged    sync.Map // objects whose spec has changed: record.Key to nothing
	refused   sync.Map // since when an object is refused: record.Key to time.Time
}

// Reconcile brings the mirror of one object up to date: gather (its pending records, its last state), decide (project), act (one
// status write), and only then count the records as folded.
func (f *folder) Reconcile(ctx context.Context, key record.Key) (reconcile.Result, error) {
	entries := f.ledger.peek(key)
	if len(entries) == 0 {
		return f.wake(ctx, key)
	}
	outcome, err := f.fold(ctx, key, entries)
	if err != nil {
		failed, ok := f.refusal(key, entries, err)
		if !ok {
			return reconcile.Result{}, err
		}
		outcome.failed = failed
	}
	f.refused.Delete(key)
	f.settleLedger(key, entries, outcome)
	return f.comeBack(key), nil
}

// comeBack says when to visit an object again: at once for records that came meanwhile, else when its timer is due.
func (f *folder) comeBack(key record.Key) reconcile.Result {
	if len(f.ledger.peek(key)) > 0 {
		return reconcile.Result{RequeueAfter: time.Nanosecond}
	}
	if at, ok := f.timers.next(key); ok {
		return reconcile.Result{RequeueAfter: max(time.Nanosecond, at.Sub(f.now()))}
	}
	return reconcile.Result{}
}

// outcome says what became of the entries of one visit.
type outcome struct {
	wrote   bool
	dropped string // why the entries were discarded instead of folded
	left    int    // how many entries were discarded beside those that were folded
	failed  map[int]failure
}

// fold folds the entries into the mirror, creating it if need be. It returns nil only when the mirror in the API server shows them.
func (f *folder) fold(ctx context.Context, key record.Key, entries []entry) (outcome, error) {
	verdict, err := f.namespace(ctx, key.Namespace)
	if err != nil {
		return outcome{}, err
	}
	records, tooOld := verdict.filter(entries)
	if len(records) == 0 {
		return outcome{dropped: tooOld}, nil
	}
	o := outcome{left: len(entries) - len(records)}
	id := entries[0].record.Changes[entries[0].change].ID
	m, fresh, err := f.read(ctx, key)
	for attempt := 0; err == nil; attempt++ {
		if m == nil {
			switch m, err = f.create(ctx, key, id, records); {
			case err != nil:
				return outcome{}, err
			case m == nil:
				return outcome{dropped: droppedExpired}, nil
			}
			fresh = true
		}
		if record.NormalizeID(m.id()) != id {
			return outcome{}, errNameTaken
		}
		after := m.copy()
		after.fold(records)
		if err := f.settle(ctx, after); err != nil {
			return outcome{}, err
		}
		if after.sameStatus(m) {
			if fresh {
				return o, nil
			}
			m, fresh, err = f.readLive(ctx, key) // a decision not to write needs a live read
			continue
		}
		err = f.write(ctx, key, m, after)
		if !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) || attempt == maxConflicts {
			o.wrote = err == nil
			return o, err
		}
		m, fresh, err = f.readLive(ctx, key)
	}
	return outcome{}, err
}

// write writes the status of after, which was computed from before.
func (f *folder) write(ctx context.Context, key record.Key, before, after mirror) error {
	if err := f.client.Status().Update(ctx, after.object()); err != nil {
		f.written.Remove(key)
		return err
	}
	f.written.Add(key, after, writtenTTL)
	statusWrites.WithLabelValues(string(key.Kind)).Inc()
	f.notify(before, after)
	return nil
}

// read returns an object's mirror, nil if there is none, and whether it was read just now.
func (f *folder) read(ctx context.Context, key record.Key) (mirror, bool, error) {
	if m, ok := f.written.Get(key); ok {
		return m.(mirror), false, nil
	}
	return f.readLive(ctx, key)
}

func (f *folder) readLive(ctx context.Context, key record.Key) (mirror, bool, error) {
	m := newMirror(key.Kind)
	err := f.live.Get(ctx, types.NamespacedName{Namespace: key.Namespace, Name: key.Name}, m.object())
	switch {
	case apierrors.IsNotFound(err):
		return nil, true, nil
	case err != nil:
		return nil, false, fmt.Errorf("read mirror: %w", err)
	}
	return m, true, nil
}

// create makes the mirror of an object that was not seen before. It returns nil if no record may bring it to life, because each
// is as old as tombstones that were purged.
func (f *folder) create(ctx context.Context, key record.Key, id string, records []*record.Record) (mirror, error) {
	if expired, err := f.allExpired(ctx, records); expired || err != nil {
		return nil, err
	}
	m := firstMirror(key, id, records[0].Endpoint)
	err := f.client.Create(ctx, m.object())
	if apierrors.IsAlreadyExists(err) {
		m, _, err = f.readLive(ctx, key)
		if m == nil && err == nil {
			err = fmt.Errorf("create mirror: %s came and went", key)
		}
		return m, err
	}
	if err != nil {
		return nil, fmt.Errorf("create mirror: %w", err)
	}
	return m, nil
}

// allExpired reports whether every record is not newer than what was purged at its endpoint.
func (f *folder) allExpired(ctx context.Context, records []*record.Record) (bool, error) {
	for _, r := range records {
		through, err := f.endpoints.purgedThrough(ctx, types.NamespacedName{Namespace: r.Namespace, Name: r.Endpoint})
		if err != nil || r.Untimed || r.Time.After(through) {
			return false, err
		}
	}
	return true, nil
}

// settle derives from a mirror's status and the clock what they tell.
func (f *folder) settle(ctx context.Context, m mirror) error {
	retention, err := f.retention(ctx, m)
	if err != nil {
		return err
	}
	m.settle(f.now(), retention)
	return nil
}

// retention returns how long a tombstone stays.
func (f *folder) retention(ctx context.Context, m mirror) (time.Duration, error) {
	endpoint, err := f.endpoints.of(ctx, m)
	if err != nil {
		return 0, err
	}
	if endpoint == nil || endpoint.Spec.Retention.Deleted == nil {
		return defaultRetention, nil
	}
	return endpoint.Spec.Retention.Deleted.Duration, nil
}

// settleLedger counts the entries as done, in the ledger and in the metrics.
func (f *folder) settleLedger(key record.Key, entries []entry, o outcome) {
	observe(key, entries, o, f.now())
	switch log := ctrl.Log.WithName("fold"); {
	case o.dropped != "":
		log.Info("Discarded records", "object", key.String(), "records", len(entries), "reason", o.dropped)
	case o.left > 0:
		log.Info("Discarded records", "object", key.String(), "records", o.left, "reason", droppedNamespaceNew)
	}
	for _, b := range f.ledger.resolve(key, len(entries), o.failed) {
		f.discard(b.uid)
	}
}

// refusal decides whether an error is about these records, so that waiting will not help, and says why they fail.
func (f *folder) refusal(key record.Key, entries []entry, err error) (map[int]failure, bool) {
	reason, message := "", ""
	switch {
	case errors.Is(err, errNameTaken):
		reason = reasonNameTaken
		message = fmt.Sprintf("an object named %s has another id; delete it so that the event's object can be mirrored", key.Name)
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return nil, false // the namespace's end is on its way and will discard the records
	case !f.insists(key, err):
		return nil, false
	default:
		reason = reasonRefused
		message = err.Error()
	}
	failed := map[int]failure{}
	for i, e := range entries {
		failed[i] = failure{
			reason: reason, message: message, object: key.String(), eventID: e.record.ID,
			endpoint: e.record.Namespace + "/" + e.record.Endpoint,
		}
	}
	return failed, true
}

// insists reports whether the API server refuses an object for good: at once by an answer about its content, after a while by one
// that may pass. What is not an answer about the object says nothing, however long it lasts.
func (f *folder) insists(key record.Key, err error) bool {
	var patience time.Duration
	switch status := apierrors.APIStatus(nil); {
	case apierrors.IsInvalid(err), apierrors.IsRequestEntityTooLargeError(err):
	case apierrors.IsForbidden(err):
		patience = forbiddenPatience
	case apierrors.IsConflict(err), apierrors.IsNotFound(err), apierrors.IsUnauthorized(err), apierrors.IsTooManyRequests(err),
		apierrors.IsServiceUnavailable(err), !errors.As(err, &status):
		return false
	default:
		patience = troublePatience
	}
	since, _ := f.refused.LoadOrStore(key, f.now())
	return f.now().Sub(since.(time.Time)) >= patience
}

// nudge asks for a visit to an object whose spec has changed.
func (f *folder) nudge(key record.Key) { f.nudged.Store(key, nil) }

// wake visits an object for which nothing is pending: its timer may be due, or its spec has changed.
func (f *folder) wake(ctx context.Context, key record.Key) (reconcile.Result, error) {
	_, nudged := f.nudged.LoadAndDelete(key)
	at, timed := f.timers.next(key)
	if !nudged && (!timed || at.After(f.now())) {
		return f.comeBack(key), nil
	}
	m, _, err := f.readLive(ctx, key)
	if m == nil && err == nil {
		return reconcile.Result{}, nil
	}
	result := reconcile.Result{}
	if err == nil && len(m.conditions()) > 0 { // without conditions nothing was mirrored yet
		result, err = f.tick(ctx, key, m)
	}
	if err != nil && nudged {
		f.nudge(key)
	}
	return result, err
}

// tick acts on what the clock says of one mirror that was just read.
func (f *folder) tick(ctx context.Context, key record.Key, m mirror) (reconcile.Result, error) {
	after := m.copy()
	if err := f.settle(ctx, after); err != nil {
		return reconcile.Result{}, err
	}
	if !after.sameStatus(m) {
		return reconcile.Result{}, ignoreStale(f.write(ctx, key, m, after))
	}
	timer, at := after.timer()
	if timer != fastpixv1.TimerRetention || at == nil || at.After(f.now()) || m.object().GetDeletionTimestamp() != nil {
		return reconcile.Result{}, nil
	}
	if f.mayBeNamed(key) {
		return reconcile.Result{RequeueAfter: time.Second}, nil
	}
	retention, err := f.retention(ctx, m)
	if err != nil {
		return reconcile.Result{}, err
	}
	f.written.Remove(key)
	return reconcile.Result{}, f.purge(ctx, m, retention)
}

// mayBeNamed reports whether a record that is not yet folded names an object, or may name it because it has not been read: nothing is
// purged before that is known.
func (f *folder) mayBeNamed(key record.Key) bool {
	return !f.backlog.empty() || len(f.ledger.peek(key)) > 0
}

// ignoreStale takes a conflict as news of a change whose watch event will bring the object back.
func ignoreStale(err error) error {
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
