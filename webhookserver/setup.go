package webhookserver

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/connlimit"
)

// fieldManager is the receiver's name in managedFields.
const fieldManager = "fastpix-receiver"

const (
	// workers is how many endpoints are looked after at once: each waits for the API server most of its time.
	workers = 4
	// maxBackoff bounds the pause of an endpoint whose status could not be written.
	maxBackoff = 30 * time.Second
)

// The manager serves the metrics of the process, and asks who may get them:
//
// +kubebuilder:rbac:groups=authentication.k8s.io,resources=tokenreviews,verbs=create
// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create

// AddToManager adds the receiver to a manager: the HTTP server, the controller of WebhookEndpoints, and a readiness check. All of it
// runs in every replica. It makes no request to the API server, so it works while that is away.
func AddToManager(mgr manager.Manager, limiter *connlimit.Limiter, o Options) error {
	if err := o.Validate(); err != nil {
		return err
	}
	create, err := batchCreator(mgr.GetConfig(), mgr.GetHTTPClient(), mgr.GetScheme(), fieldManager)
	if err != nil {
		return err
	}
	d := newDirectory(mgr.GetAPIReader(), time.Now)
	reconciler := &endpointReconciler{
		directory: d, live: mgr.GetAPIReader(), update: strictUpdater(mgr.GetClient(), fieldManager),
		recorder: mgr.GetEventRecorder(fieldManager), options: statusOptions{externalURL: o.ExternalURL, operatorNamespace: o.OperatorNamespace}, now: time.Now,
	}
	refusals := newRefusalLog(mgr.GetLogger().WithName("receiver"))
	h := &handler{
		directory: d, memory: newMemory(maxRemembered, time.Now), bodies: &bodies{},
		journal:   newGroupJournal(create, o.OperatorNamespace, d.committed, time.Now),
		malformed: reconciler.malformed, refusals: refusals, options: &o, now: time.Now, log: refusals.log,
	}
	if err := addController(mgr, reconciler); err != nil {
		return fmt.Errorf("add the controller of endpoints: %w", err)
	}
	return addServer(mgr, limiter, h, refusals)
}

// addServer adds the HTTP server and what belongs to its life.
func addServer(mgr manager.Manager, limiter *connlimit.Limiter, h *handler, refusals *refusalLog) error {
	drain := &drainer{delay: h.options.DrainDelay, draining: &h.draining}
	if err := mgr.AddReadyzCheck("receiver", ready(h.directory, drain)); err != nil {
		return fmt.Errorf("add the readiness check: %w", err)
	}
	listener, err := listen(mgr.Add, limiter, h.options)
	if err != nil {
		return err
	}
	for _, runnable := range []manager.Runnable{refusals, drain, serverRunnable(newServer(h, limiter), listener)} {
		if err := mgr.Add(runnable); err != nil {
			return fmt.Errorf("add the receiver's server: %w", err)
		}
	}
	return nil
}

// addController adds the reconciler in a form that needs no synced cache to start: its source waits for that itself.
func addController(mgr manager.Manager, r *endpointReconciler) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("webhookendpoint").
		WatchesRawSource(follow(r.directory, mgr.GetCache())).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: workers,
			NeedLeaderElection:      new(false),
			SkipNameValidation:      new(true), // another manager of this process may have been here before
			RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](minPause, maxBackoff),
		}).
		Complete(r)
}

// strictUpdater writes statuses by PUT, strictly: an older schema must refuse a field, not drop it.
func strictUpdater(c client.Client, fieldManager string) statusUpdater {
	strict := client.WithFieldValidation(client.WithFieldOwner(c, fieldManager), metav1.FieldValidationStrict)
	return func(ctx context.Context, e *fastpixv1.WebhookEndpoint) error { return strict.Status().Update(ctx, e) }
}
