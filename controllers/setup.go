package controllers

import (
	"context"
	"flag"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
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

// AddToManager adds the folding half to a manager that was made with CacheOptions. Everything in it needs leadership.
func AddToManager(ctx context.Context, mgr ctrl.Manager, o Options) error {
	fold, discard := &queueSource[record.Key]{}, &queueSource[types.UID]{}
	p := newParts(environment{
		client: client.WithFieldValidation(mgr.GetClient(), metav1.FieldValidationStrict), live: mgr.GetAPIReader(), cached: mgr.GetClient(),
		recorder: mgr.GetEventRecorder("fastpix-controller-manager"), namespace: o.OperatorNamespace, now: time.Now,
		mirrors: fold.add, batches: discard.add, batchesAt: discard.addAt,
	})
	folding := &backoffFolder{folder: p.folder, report: p.report, backoff: newRateLimiter[record.Key]()}
	if err := startController(mgr, "fold", folding, o.FoldConcurrency, newFairQueue, fold); err != nil {
		return err
	}
	if err := startController(mgr, "discard", p.discarder, discardWorkers, nil, discard); err != nil {
		return err
	}
	endpointsKnown, err := followEndpoints(ctx, mgr, p.backlog.endpoints)
	if err != nil {
		return err
	}
	metadataClient, err := metadata.NewForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return err
	}
	mediaSpecs := newSpecWatcher(metadataClient, record.MediaAsset, "mediaassets", p.enqueueNow)
	streamSpecs := newSpecWatcher(metadataClient, record.LiveStream, "livestreams", p.enqueueNow)
	p.sweeper.watched = []<-chan struct{}{mediaSpecs.begun, streamSpecs.begun}
	watchdog, err := newWatchdog(mgr)
	if err != nil {
		return err
	}
	for range readers {
		if err := mgr.Add(p.reader); err != nil {
			return err
		}
	}
	for _, r := range []manager.Runnable{
		newJournalWatch(metadataClient, o.OperatorNamespace, p.backlog, endpointsKnown), watchdog, p.publisher, mediaSpecs, streamSpecs, p.sweeper, p.joiner,
	} {
		if err := mgr.Add(r); err != nil {
			return err
		}
	}
	return addInformers(ctx, mgr, p.timers, fold)
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
