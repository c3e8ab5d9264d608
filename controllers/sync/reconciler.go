package sync

import (
	"context"
	"encoding/json"
	"hash/maphash"
	gosync "sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/sync/plan"
)

const (
	// recoveredAfter is how long an endpoint must not have been ready for a run to start when it is ready again.
	recoveredAfter = time.Minute
	// maxSetupFailures bounds the backoff while a user has to act, so that a new Secret is found within a minute.
	maxSetupFailures = 4
)

// Reconciler starts and ends the runs of each endpoint. It runs in the leader.
type Reconciler struct {
	env      *environment
	recorder events.EventRecorder
	slots    *slots
	// ended holds the endpoints whose runs have ended.
	ended chan event.GenericEvent

	mu     gosync.Mutex
	states map[types.NamespacedName]*state
	runs   gosync.WaitGroup
	base   context.Context //nolint:containedctx // of all runs: they outlive the reconciliation that starts them
}

// state is what the process knows of the runs of one endpoint.
type state struct {
	uid     types.UID
	config  uint64             // what the last run was configured by; 0 if there was none
	cancel  context.CancelFunc // of the run; nil if none is running
	handled string             // the request that the last run was for
	// completed, failures, failedAt and reason describe the last runs.
	completed, failedAt time.Time
	failures            int
	reason              string
	random              float64
	notReadySince       time.Time
	recovered           bool
	suspended           bool
	interrupted         bool // the last run was ended before it was complete, and not by a failure
	current             *run // the run; nil if none is running
}

// Start holds the context of the runs until all have ended: the lease must not be released before.
func (r *Reconciler) Start(ctx context.Context) error {
	r.mu.Lock()
	r.base = ctx
	r.mu.Unlock()
	<-ctx.Done()
	r.mu.Lock()   // a run that start has begun before is counted; later ones do not begin
	r.mu.Unlock() //nolint:staticcheck // see above
	r.runs.Wait()
	completed.clear()
	return nil
}

// Reconcile starts the run of an endpoint if it is due.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	var e fastpixv1.WebhookEndpoint
	err := r.env.cached.Get(ctx, request.NamespacedName, &e)
	switch {
	case apierrors.IsNotFound(err) || e.DeletionTimestamp != nil:
		r.forget(request.NamespacedName)
		return ctrl.Result{}, nil
	case err != nil:
		return ctrl.Result{}, err
	}
	if e.Spec.Sync == nil {
		r.forget(request.NamespacedName)
		return ctrl.Result{}, r.clearStatus(ctx, &e)
	}
	d := r.decide(&e)
	if err := r.refreshStatus(ctx, &e, d.changed); err != nil {
		return ctrl.Result{}, err
	}
	switch wait := d.at.Sub(r.env.now()); {
	case d.running || e.Spec.Suspend: // the end of the run, or the change of the endpoint, enqueues it
		return ctrl.Result{}, nil
	case !r.isStarted():
		return ctrl.Result{RequeueAfter: time.Second}, nil
	case wait > 0:
		return ctrl.Result{RequeueAfter: wait}, nil
	}
	r.start(&e) //nolint:contextcheck // a run outlives the reconciliation that starts it
	return ctrl.Result{}, nil
}

// isStarted reports whether runs may start.
func (r *Reconciler) isStarted() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.base != nil
}

// decision says when the next run of an endpoint starts.
type decision struct {
	at      time.Time
	running bool // a run is running
	changed bool // sync was configured or changed after the last complete run
}

// decide returns when the next run starts. It ends a run whose endpoint is configured in another way now.
func (r *Reconciler) decide(e *fastpixv1.WebhookEndpoint) decision {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.stateOf(e)
	s.observeReady(e, r.env.now())
	s.observeSuspended(e, r.env.now())
	config := configOf(e)
	if s.cancel != nil {
		if s.config != config || e.Spec.Suspend || s.current.waits.Load() && requestOf(e) != s.current.request {
			s.cancel()
		}
		return decision{running: true, changed: true}
	}
	failures := s.failures
	if isSetup(s.reason) {
		failures = min(failures, maxSetupFailures)
	}
	d := decision{changed: s.isChanged(e, config) || s.interrupted}
	d.at = plan.Schedule{
		Changed: d.changed, Requested: requestOf(e) != "" && requestOf(e) != s.handled, Recovered: s.recovered,
		Failures: failures, FailedAt: s.failedAt, Completed: s.completed, Interval: intervalOf(e), Random: s.random,
	}.Next(r.env.now())
	return d
}

// stateOf returns the state of an endpoint. The caller holds the lock.
func (r *Reconciler) stateOf(e *fastpixv1.WebhookEndpoint) *state {
	name := client.ObjectKeyFromObject(e)
	if s := r.states[name]; s != nil && s.uid == e.UID {
		return s
	}
	r.drop(name)
	s := &state{uid: e.UID, random: random()}
	if sync := e.Status.Sync; sync != nil {
		s.handled = sync.HandledRequest
		if sync.LastCompletedTime != nil {
			s.completed = sync.LastCompletedTime.Time
		}
	}
	if s.completed.IsZero() {
		completed.set(e.UID, r.env.now())
	} else {
		completed.set(e.UID, s.completed)
	}
	r.states[name] = s
	return s
}

// observeReady notices when the endpoint becomes ready again.
func (s *state) observeReady(e *fastpixv1.WebhookEndpoint, now time.Time) {
	ready := apimeta.FindStatusCondition(e.Status.Conditions, fastpixv1.ConditionReady)
	switch {
	case ready == nil || e.Spec.PollsOnly():
	case ready.Status == "True":
		s.recovered = s.recovered || !s.notReadySince.IsZero() && now.Sub(s.notReadySince) >= recoveredAfter
		s.notReadySince = time.Time{}
	case s.notReadySince.IsZero():
		s.notReadySince = ready.LastTransitionTime.Time
	}
}

// observeSuspended leaves the age of the last complete run out of the metric while the endpoint is suspended, because no run is due. Afterwards the age
// counts from the end of the suspension.
func (s *state) observeSuspended(e *fastpixv1.WebhookEndpoint, now time.Time) {
	switch {
	case e.Spec.Suspend:
		completed.remove(s.uid)
	case s.suspended:
		completed.set(s.uid, now)
	}
	s.suspended = e.Spec.Suspend
}

// isChanged reports whether sync was configured or changed after the last run started. After a restart of the process the condition tells.
func (s *state) isChanged(e *fastpixv1.WebhookEndpoint, config uint64) bool {
	if s.config != 0 {
		return s.config != config
	}
	synced := apimeta.FindStatusCondition(e.Status.Conditions, fastpixv1.ConditionSynced)
	return synced == nil || synced.Status != "True" || synced.ObservedGeneration != e.Generation
}

var configSeed = maphash.MakeSeed()

// configOf returns a hash of what a run depends on: a change starts another run.
func configOf(e *fastpixv1.WebhookEndpoint) uint64 {
	text, err := json.Marshal([]any{e.Spec.Sync, e.Spec.WorkspaceID, e.Spec.MetadataPolicy, e.Spec.Retention, e.Annotations[fastpixv1.SyncConfirmMissingAnnotation]})
	if err != nil {
		return 1 // cannot happen: a spec always has a JSON form
	}
	return maphash.Bytes(configSeed, text) | 1
}

// requestOf returns the value of the annotation that requests a run, as status.sync.handledRequest shows it.
func requestOf(e *fastpixv1.WebhookEndpoint) string {
	request := []rune(e.Annotations[fastpixv1.SyncRequestedAtAnnotation])
	return string(request[:min(len(request), fastpixv1.MaxHandledRequest)])
}

func intervalOf(e *fastpixv1.WebhookEndpoint) time.Duration {
	if e.Spec.Sync.Interval == nil {
		return plan.DefaultInterval
	}
	return e.Spec.Sync.Interval.Duration
}

// forget ends the run of an endpoint.
func (r *Reconciler) forget(name types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drop(name)
}

// drop ends the run of an endpoint and forgets its state. The caller holds the lock.
func (r *Reconciler) drop(name types.NamespacedName) {
	if s := r.states[name]; s != nil {
		if s.cancel != nil {
			s.cancel()
		}
		completed.remove(s.uid)
		delete(r.states, name)
	}
}

// clearStatus removes what sync wrote to the status of an endpoint that is not compared any more.
func (r *Reconciler) clearStatus(ctx context.Context, e *fastpixv1.WebhookEndpoint) error {
	if e.Status.Sync == nil && apimeta.FindStatusCondition(e.Status.Conditions, fastpixv1.ConditionSynced) == nil {
		return nil
	}
	return ignoreGone(r.env.status.update(ctx, client.ObjectKeyFromObject(e), e.UID, func(e *fastpixv1.WebhookEndpoint) {
		if e.Spec.Sync == nil {
			e.Status.Sync = nil
			apimeta.RemoveStatusCondition(&e.Status.Conditions, fastpixv1.ConditionSynced)
		}
	}))
}

// refreshStatus writes what follows from the spec alone: the conditions of an endpoint that only polls, and the generation of the condition Synced if sync is
// still configured as in the last run.
func (r *Reconciler) refreshStatus(ctx context.Context, e *fastpixv1.WebhookEndpoint, changed bool) error {
	refresh := func(e *fastpixv1.WebhookEndpoint) {
		if synced := apimeta.FindStatusCondition(e.Status.Conditions, fastpixv1.ConditionSynced); synced != nil && !changed {
			synced.ObservedGeneration = e.Generation
		}
		setPollingStatus(e)
	}
	wanted := e.DeepCopy()
	refresh(wanted)
	if sameStatus(wanted, e) {
		return nil
	}
	return ignoreGone(r.env.status.update(ctx, client.ObjectKeyFromObject(e), e.UID, refresh))
}
