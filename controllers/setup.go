package controllers

import (
	"context"
	"flag"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/metadata"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/lean"
)

// What the controllers may do; config/rbac/controllers is generated from this. They never read a Secret.
//
// +kubebuilder:rbac:groups=video.fastpix.com,namespace=fastpix-system,resources=eventbatches,verbs=get;list;watch;create;delete
// +kubebuilder:rbac:groups=video.fastpix.com,namespace=fastpix-system,resources=eventbatches/status,verbs=update
// +kubebuilder:rbac:groups=video.fastpix.com,resources=mediaassets;livestreams,verbs=get;list;watch;create;delete
// +kubebuilder:rbac:groups=video.fastpix.com,resources=mediaassets/status;livestreams/status,verbs=update
// +kubebuilder:rbac:groups=video.fastpix.com,resources=webhookendpoints,verbs=get;list;watch
// +kubebuilder:rbac:groups=video.fastpix.com,resources=webhookendpoints/status,verbs=update
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get;list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch
// +kubebuilder:rbac:groups=coordination.k8s.io,namespace=fastpix-system,resources=leases,verbs=get;create;update
// +kubebuilder:rbac:groups=authentication.k8s.io,resources=tokenreviews,verbs=create
// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create

var namespaceKind = corev1.SchemeGroupVersion.WithKind("Namespace")

// A trickle of events makes many small batches, up to two from each receiver at once: reading and deleting them must keep up with
// creating them, or the journal grows although folding has nothing to do.
const (
	readers        = 6
	discardWorkers = 6
)

// Options of the folding half.
type Options struct {
	// OperatorNamespace is where the journal is.
	OperatorNamespace string
	// FoldConcurrency is how many objects are folded at once.
	FoldConcurrency int
}

// BindFlags defines the flags of the folding half.
func (o *Options) BindFlags(fs *flag.FlagSet) {
	fs.IntVar(&o.FoldConcurrency, "fold-concurrency", 10, "How many objects are folded at once.")
}

// Validate reports what is wrong with the options.
func (o *Options) Validate() error {
	if o.FoldConcurrency < 1 || o.FoldConcurrency > 1024 {
		return fmt.Errorf("--fold-concurrency is %d: use a number from 1 to 1024", o.FoldConcurrency)
	}
	return nil
}

// CacheOptions returns what a manager may keep in memory for this half: of endpoints and namespaces what the controllers read, and of mirrors
// nothing but when to come back to which.
func CacheOptions() cache.Options {
	due := fields.OneTermNotEqualSelector("status.timer", "")
	return cache.Options{
		DefaultTransform: lean.Transform,
		NewInformer:      newInformer,
		ByObject: map[client.Object]cache.ByObject{
			&fastpixv1.MediaAsset{}: {Field: due, Transform: stripMirror},
			&fastpixv1.LiveStream{}: {Field: due, Transform: stripMirror},
		},
	}
}

// stripMirror leaves of a mirror only what a timer needs.
func stripMirror(object any) (any, error) {
	switch o := object.(type) {
	case *fastpixv1.MediaAsset:
		o.ObjectMeta, o.Spec = strippedMeta(o.ObjectMeta), fastpixv1.MediaAssetSpec{}
		o.Status = fastpixv1.MediaAssetStatus{TimerTime: o.Status.TimerTime}
	case *fastpixv1.LiveStream:
		o.ObjectMeta, o.Spec = strippedMeta(o.ObjectMeta), fastpixv1.LiveStreamSpec{}
		o.Status = fastpixv1.LiveStreamStatus{TimerTime: o.Status.TimerTime}
	}
	return object, nil
}

func strippedMeta(m metav1.ObjectMeta) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: m.Namespace, Name: m.Name, UID: m.UID, ResourceVersion: m.ResourceVersion}
}

// AddToManager adds the folding half to a manager that was made with CacheOptions. Everything in it needs leadership.
func AddToManager(ctx context.Context, mgr ctrl.Manager, o Options) error {
	var (
		live     = mgr.GetAPIReader()
		writer   = client.WithFieldValidation(mgr.GetClient(), metav1.FieldValidationStrict)
		recorder = mgr.GetEventRecorder("fastpix-controller-manager")
		ledger   = newLedger()
		timers   = newTimers()
		backlog  = newBacklog()
		fold     = &queueSource[record.Key]{}
		discard  = &queueSource[types.UID]{}
	)
	endpoints := endpoints{cached: mgr.GetClient()}
	folder := &folder{
		client: writer, live: live, ledger: ledger, timers: timers, backlog: backlog, written: newWritten(writtenEntries),
		namespace: namespaces{cached: mgr.GetClient(), live: live}.verdict, endpoints: endpoints,
		notify: newNotifier(recorder).notify, discard: discard.add, now: time.Now,
	}
	waits := func(namespace string, through time.Time) bool {
		return ledger.waits(namespace, through) || backlog.waits(namespace, through)
	}
	purger := &purger{client: writer, live: live, endpoints: endpoints, waits: waits, now: time.Now}
	folder.purge, folder.purgedThrough = purger.purge, purger.purgedThrough
	report := newFailureReport(recorder, endpoints, time.Now)
	discarder := &discarder{
		client: writer, live: live, namespace: o.OperatorNamespace, ledger: ledger, backlog: backlog, report: report, after: discard.addAt, now: time.Now,
	}
	joiner := &joiner{
		client: writer, live: live, namespace: o.OperatorNamespace, backlog: backlog, report: report, after: discard.addAt, now: time.Now,
		joined: map[failedGroup]time.Time{},
	}
	publisher := &publisher{
		client: writer, live: live, cached: mgr.GetClient(), totals: backlog.totals, exists: backlog.endpoints.has, purged: purger.purgedByNamespace, now: time.Now,
		activity: map[types.UID]*activity{},
	}
	reader := &reader{
		client: live, namespace: o.OperatorNamespace, backlog: backlog, ledger: ledger, enqueue: fold.add, discard: discard.add, publisher: publisher,
		now: time.Now,
	}
	nudge := func(key record.Key) {
		folder.nudge(key)
		fold.add(key)
	}

	folding := &backoffFolder{folder: folder, report: report, backoff: newRateLimiter[record.Key]()}
	if err := startController(mgr, "fold", folding, o.FoldConcurrency, newFairQueue, fold); err != nil {
		return err
	}
	if err := startController(mgr, "discard", discarder, discardWorkers, nil, discard); err != nil {
		return err
	}
	endpointsKnown, err := followEndpoints(ctx, mgr, backlog.endpoints)
	if err != nil {
		return err
	}
	metadataClient, err := metadata.NewForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return err
	}
	mediaSpecs := newSpecWatcher(metadataClient, record.MediaAsset, "mediaassets", nudge)
	streamSpecs := newSpecWatcher(metadataClient, record.LiveStream, "livestreams", nudge)
	sweeper := &sweeper{
		live: live, client: writer, endpoints: endpoints, purge: purger.purge, nudge: nudge, mayBeNamed: folder.mayBeNamed, now: time.Now,
		watched: []<-chan struct{}{mediaSpecs.begun, streamSpecs.begun},
	}
	watchdog, err := newWatchdog(mgr)
	if err != nil {
		return err
	}
	for range readers {
		if err := mgr.Add(reader); err != nil {
			return err
		}
	}
	for _, r := range []manager.Runnable{
		newJournalWatch(metadataClient, o.OperatorNamespace, backlog, endpointsKnown), watchdog, publisher, mediaSpecs, streamSpecs, sweeper, joiner,
	} {
		if err := mgr.Add(r); err != nil {
			return err
		}
	}
	return addInformers(ctx, mgr, timers, fold)
}

func startController[K comparable](
	mgr ctrl.Manager, name string, r reconcile.TypedReconciler[K], workers int,
	newQueue func(string, workqueue.TypedRateLimiter[K]) workqueue.TypedRateLimitingInterface[K], source *queueSource[K],
) error {
	skip := true // the manager of this half is made anew after each loss of leadership
	c, err := controller.NewTyped(name, mgr, controller.TypedOptions[K]{
		Reconciler: r, MaxConcurrentReconciles: workers, RateLimiter: newRateLimiter[K](), NewQueue: newQueue, SkipNameValidation: &skip,
	})
	if err != nil {
		return err
	}
	return c.Watch(source)
}

// addInformers feeds the timers from informers.
func addInformers(ctx context.Context, mgr ctrl.Manager, timers *timers, fold *queueSource[record.Key]) error {
	for kind, object := range map[record.Kind]client.Object{
		record.MediaAsset: &fastpixv1.MediaAsset{}, record.LiveStream: &fastpixv1.LiveStream{},
	} {
		informer, err := mgr.GetCache().GetInformer(ctx, object, cache.BlockUntilSynced(false))
		if err != nil {
			return err
		}
		if _, err := informer.AddEventHandler(timerHandler(kind, timers, fold)); err != nil {
			return err
		}
	}
	return nil
}

// followEndpoints keeps an index equal to the WebhookEndpoints that there are. What it returns reports whether all are known.
func followEndpoints(ctx context.Context, mgr ctrl.Manager, index *endpointIndex) (toolscache.InformerSynced, error) {
	informer, err := mgr.GetCache().GetInformer(ctx, &fastpixv1.WebhookEndpoint{}, cache.BlockUntilSynced(false))
	if err != nil {
		return nil, err
	}
	registration, err := informer.AddEventHandler(index.handler())
	if err != nil {
		return nil, err
	}
	return registration.HasSynced, nil
}

func timerHandler(kind record.Kind, timers *timers, fold *queueSource[record.Key]) toolscache.ResourceEventHandler {
	set := func(object any) {
		m, key := timedMirror(kind, object)
		if _, at := m.timer(); at != nil {
			timers.set(key, at.Time)
			fold.addAt(key, at.Time)
		}
	}
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc:    set,
		UpdateFunc: func(_, object any) { set(object) },
		DeleteFunc: func(object any) {
			if gone, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
				object = gone.Obj
			}
			_, key := timedMirror(kind, object)
			timers.clear(key)
			fold.forget(key)
		},
	}
}

func timedMirror(kind record.Kind, object any) (mirror, record.Key) {
	var m mirror
	switch o := object.(type) {
	case *fastpixv1.MediaAsset:
		m = &mediaMirror{*o}
	case *fastpixv1.LiveStream:
		m = &streamMirror{*o}
	}
	return m, record.Key{Kind: kind, Namespace: m.object().GetNamespace(), Name: m.object().GetName()}
}
