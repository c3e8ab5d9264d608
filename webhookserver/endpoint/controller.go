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
	// readyPace is how often the Secrets of an endpoint are read again that is as it should be: often enough that a key which was
	// replaced stops within Lifetime even after a read that failed.
	readyPace = 20 * time.Second
	// eagerPace is how often they are read while somebody is probably setting the endpoint up.
	eagerPace = time.Second
	// eagerTime is how long that is believed after the endpoint changed.
	eagerTime = 5 * time.Minute
	// patientPace is how often they are read later, beside at each delivery.
	patientPace = 30 * time.Second
	// minPause keeps a reconciliation from following itself at once.
	minPause = 200 * time.Millisecond
	// malformedPause is how often the owner of an endpoint is told of malformed deliveries.
	malformedPause = time.Minute
)

// StatusUpdater replaces the status of a WebhookEndpoint, if its resourceVersion still holds.
type StatusUpdater func(context.Context, *fastpixv1.WebhookEndpoint) error

// +kubebuilder:rbac:groups=video.fastpix.com,resources=webhookendpoints,verbs=get;list;watch
// +kubebuilder:rbac:groups=video.fastpix.com,resources=webhookendpoints/status,verbs=update
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reconciler keeps the keys of each WebhookEndpoint fresh and says in its status how it is. Every replica of the receiver
// runs it for its own keys; publish.go says how they agree on one status.
type Reconciler struct {
	Directory *Directory
	Reader    client.Reader
	Update    StatusUpdater
	Recorder  events.EventRecorder
	Options   Options
	Now       func() time.Time
}

// Reconcile reads the Secrets of one endpoint if that is due, then brings its status up to date.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	e := r.Directory.Get(req.NamespacedName)
	if e == nil {
		return ctrl.Result{}, nil
	}
	object := e.Current()
	pace := r.pace(e, object)
	if now := r.Now(); !e.Keys.Due(&object.Spec, pace).After(now) {
		e.Keys.Refresh(ctx, &object.Spec, now)
		pace = r.pace(e, object)
	}
	postponed, err := r.publish(ctx, e, object)
	if err != nil {
		return ctrl.Result{}, err
	}
	pause := max(minPause, e.Keys.Due(&object.Spec, pace).Sub(r.Now()))
	if postponed {
		pause = min(pause, reportPause)
	}
	return ctrl.Result{RequeueAfter: wait.Jitter(pause, 0.1)}, nil
}

// pace is how often the Secrets of an endpoint are read.
func (r *Reconciler) pace(e *Endpoint, object *fastpixv1.WebhookEndpoint) time.Duration {
	known := e.Keys.Usable(&object.Spec)
	switch {
	case known.Complete:
		return readyPace
	case r.Now().Sub(e.changedAt()) < eagerTime:
		return eagerPace
	case len(known.Keys) > 0:
		return readyPace
	}
	return patientPace
}

// notify tells of a transition of Ready, once it is written.
func (r *Reconciler) notify(before, after *fastpixv1.WebhookEndpoint) {
	was := apimeta.FindStatusCondition(before.Status.Conditions, fastpixv1.ConditionReady)
	is := apimeta.FindStatusCondition(after.Status.Conditions, fastpixv1.ConditionReady)
	if is == nil || was != nil && was.Status == is.Status && was.Reason == is.Reason {
		return
	}
	kind := corev1.EventTypeNormal
	if is.Status != metav1.ConditionTrue && is.Reason != fastpixv1.ReasonSuspended {
		kind = corev1.EventTypeWarning
	}
	r.Recorder.Eventf(after, nil, kind, is.Reason, "Verify", "%s", note(is.Message))
}

// ReportMalformed tells the owner of an endpoint that FastPix sent something with a right signature that is not an event.
func (r *Reconciler) ReportMalformed(e *Endpoint, err error) {
	now, last := r.Now().Unix(), e.malformed.Load()
	if now-last < int64(malformedPause/time.Second) || !e.malformed.CompareAndSwap(last, now) {
		return
	}
	r.Recorder.Eventf(e.Current(), nil, corev1.EventTypeWarning, "MalformedDelivery", "Receive",
		"A delivery with a right signature was answered 400: %s", note(err.Error()))
}

// note cuts a message to what an Event holds.
func note(message string) string {
	const maxNoteBytes = 900
	if len(message) > maxNoteBytes {
		return message[:maxNoteBytes] + "..."
	}
	return message
}

const (
	// workers is how many endpoints are looked after at once: each waits for the API server most of its time.
	workers = 4
	// maxBackoff bounds the pause of an endpoint whose status could not be written.
	maxBackoff = 30 * time.Second
)

// AddController adds the reconciler in a form that needs no synced cache to start: its source waits for that itself.
func AddController(mgr manager.Manager, r *Reconciler) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("webhookendpoint").
		WatchesRawSource(follow(r.Directory, mgr.GetCache())).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: workers,
			NeedLeaderElection:      new(false),
			SkipNameValidation:      new(true), // another manager of this process may have been here before
			RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](minPause, maxBackoff),
		}).
		Complete(r)
}
