package endpoint

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

const (
	// readyInterval is how often the receiver reads the Secrets of an endpoint that is ready. It is short enough that a replaced key stops
	// within keys.Lifetime even after a failed read.
	readyInterval = 20 * time.Second
	// setupInterval is how often the receiver reads the Secrets while a user probably sets up the endpoint.
	setupInterval = time.Second
	// setupEndpoints is for how many endpoints of one namespace the receiver does that at once. With more of them it reads each less often, so
	// that a namespace full of endpoints that are not ready is no load on the API server.
	setupEndpoints = 20
	// setupPeriod is how long after a change of the endpoint the receiver assumes that a user sets it up.
	setupPeriod = 5 * time.Minute
	// idleInterval is how often the receiver reads the Secrets of an endpoint without a key after that. Deliveries cause reads too.
	idleInterval = 30 * time.Second
	// minPause is the least time between two reconciliations of one endpoint.
	minPause = 200 * time.Millisecond
	// malformedInterval is how often a Kubernetes Event reports malformed deliveries of one endpoint.
	malformedInterval = time.Minute
)

// StatusUpdater replaces the status of a WebhookEndpoint if its resourceVersion is still the current one.
type StatusUpdater func(context.Context, *fastpixv1.WebhookEndpoint) error

// +kubebuilder:rbac:groups=video.fastpix.com,resources=webhookendpoints,verbs=get;list;watch
// +kubebuilder:rbac:groups=video.fastpix.com,resources=webhookendpoints/status,verbs=update
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reconciler reads the signing secrets of each WebhookEndpoint and writes its status. Every replica of the receiver runs it for its own
// keys. The comment in publish.go says how the replicas agree on one status.
type Reconciler struct {
	Directory *Directory
	Reader    client.Reader // reads from the API server, never from a cache
	Update    StatusUpdater
	Recorder  events.EventRecorder
	Options   Options
	Now       func() time.Time
}

// Reconcile reads the Secrets of one endpoint if a read is due, and then updates its status. It leaves the status of an endpoint without signing
// secrets to the syncer.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	e := r.Directory.Get(req.NamespacedName)
	if e == nil {
		return ctrl.Result{}, nil
	}
	object := e.Current()
	if object.Spec.PollsOnly() {
		r.Directory.forgetKeys(e)
		return ctrl.Result{}, nil
	}
	interval := r.readInterval(e, object)
	if now := r.Now(); !e.Keys.Due(&object.Spec, interval).After(now) {
		e.Keys.Refresh(ctx, &object.Spec, now)
		interval = r.readInterval(e, object)
	}
	postponed, err := r.publish(ctx, e, object)
	if err != nil {
		return ctrl.Result{}, err
	}
	pause := max(minPause, e.Keys.Due(&object.Spec, interval).Sub(r.Now()))
	if postponed {
		pause = min(pause, postponedPause)
	}
	return ctrl.Result{RequeueAfter: wait.Jitter(pause, 0.1)}, nil
}

// readInterval returns how often the Secrets of an endpoint are read.
func (r *Reconciler) readInterval(e *Endpoint, object *fastpixv1.WebhookEndpoint) time.Duration {
	usable := e.Keys.Usable(&object.Spec)
	longest := idleInterval
	if len(usable.Keys) > 0 {
		longest = readyInterval
	}
	switch {
	case usable.Complete:
		return readyInterval
	case r.Now().Sub(e.changedAt()) < setupPeriod:
		return min(longest, setupInterval*time.Duration(1+r.Directory.endpointsOf(e.tenant)/setupEndpoints))
	}
	return longest
}

// recordTransition records a Kubernetes Event when Ready has changed. Call it after the status is written.
func (r *Reconciler) recordTransition(before, after *fastpixv1.WebhookEndpoint) {
	was := apimeta.FindStatusCondition(before.Status.Conditions, fastpixv1.ConditionReady)
	is := apimeta.FindStatusCondition(after.Status.Conditions, fastpixv1.ConditionReady)
	if is == nil || was != nil && was.Status == is.Status && was.Reason == is.Reason {
		return
	}
	kind := corev1.EventTypeNormal
	if is.Status != metav1.ConditionTrue && is.Reason != fastpixv1.ReasonSuspended {
		kind = corev1.EventTypeWarning
	}
	r.Recorder.Eventf(after, nil, kind, is.Reason, "Verify", "%s", truncateNote(is.Message))
}

// ReportMalformed records a Kubernetes Event: a delivery has a valid signature and is not an event.
func (r *Reconciler) ReportMalformed(e *Endpoint, err error) {
	now, last := r.Now().Unix(), e.malformedReported.Load()
	if now-last < int64(malformedInterval/time.Second) || !e.malformedReported.CompareAndSwap(last, now) {
		return
	}
	r.Recorder.Eventf(e.Current(), nil, corev1.EventTypeWarning, "MalformedDelivery", "Receive",
		"A delivery with a valid signature is not an event and was answered 400: %s", truncateNote(err.Error()))
}

// truncateNote cuts a message to the length that a Kubernetes Event holds.
func truncateNote(message string) string {
	const maxNoteBytes = 900
	if len(message) > maxNoteBytes {
		return message[:maxNoteBytes] + "..."
	}
	return message
}

const (
	// workers is how many endpoints are reconciled at once. A reconciliation mostly waits for the API server.
	workers = 4
	// maxBackoff bounds the backoff of an endpoint whose status could not be written.
	maxBackoff = 30 * time.Second
)

// AddController adds the reconciler to the manager. The controller starts without a synced cache: its source waits for the API server
// itself.
func AddController(mgr manager.Manager, r *Reconciler) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("webhookendpoint").
		WatchesRawSource(newSource(r.Directory, mgr.GetCache())).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: workers,
			NeedLeaderElection:      new(false),
			SkipNameValidation:      new(true), // a test may run several managers in one process
			RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](minPause, maxBackoff),
		}).
		Complete(r)
}
