package controllers

import (
	"context"
	"flag"
	"fmt"
	"time"

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
	"github.com/fastpix-operator/fastpix-operator/controllers/journal"
	"github.com/fastpix-operator/fastpix-operator/controllers/lifecycle"
	"github.com/fastpix-operator/fastpix-operator/controllers/mirror"
	"github.com/fastpix-operator/fastpix-operator/controllers/queue"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
	"github.com/fastpix-operator/fastpix-operator/internal/trace"
)

// A low rate of events makes many small batches, up to two from each receiver at once. Enough workers must read and delete them, or the journal
// grows while the folding is idle.
const (
	readers        = 6
	discardWorkers = 6
)

// Options are the options of the controllers.
type Options struct {
	// OperatorNamespace is the namespace of the journal.
	OperatorNamespace string
	// FoldConcurrency is how many objects are reconciled at once.
	FoldConcurrency int
}

// BindFlags defines the flags of the controllers.
func (o *Options) BindFlags(fs *flag.FlagSet) {
	fs.IntVar(&o.FoldConcurrency, "fold-concurrency", 10, "How many MediaAssets and LiveStreams are reconciled at once.")
}

// Validate returns an error if an option is invalid.
func (o *Options) Validate() error {
	if o.FoldConcurrency < 1 || o.FoldConcurrency > 1024 {
		return fmt.Errorf("--fold-concurrency is %d: use a number from 1 to 1024", o.FoldConcurrency)
	}
	return nil
}

// AddToManager adds the controllers to a manager that was created with CacheOptions. All but the watchdog, the pause detector and the watch of the journal run
// only in the leader.
func AddToManager(ctx context.Context, mgr ctrl.Manager, o Options) error {
	fold, discard := &queue.Source[record.Key]{}, &queue.Source[types.UID]{}
	pauses := &pauseDetector{now: time.Now}
	writer := guardedClient{client.WithFieldValidation(mgr.GetClient(), metav1.FieldValidationStrict), pauses}
	c := newComponents(environment{
		client: writer, live: mgr.GetAPIReader(), cached: mgr.GetClient(),
		recorder: mgr.GetEventRecorder("fastpix-controller-manager"), namespace: o.OperatorNamespace, now: time.Now,
		trace:         trace.Logger(mgr.GetLogger()),
		enqueueMirror: fold.Add, enqueueBatch: discard.Add, enqueueBatchAt: discard.AddAt,
	})
	folding := &mirror.BackoffReconciler{Reconciler: c.reconciler, Report: c.report, Backoff: queue.NewRateLimiter[record.Key]()}
	newQueue := func(name string, limiter workqueue.TypedRateLimiter[record.Key]) workqueue.TypedRateLimitingInterface[record.Key] {
		return queue.NewFair(name, limiter, c.ledger.HasOnlyObservations) // webhooks come first
	}
	if err := startController(mgr, "fold", folding, o.FoldConcurrency, newQueue, fold); err != nil {
		return err
	}
	if err := startController(mgr, "discard", c.discarder, discardWorkers, nil, discard); err != nil {
		return err
	}
	endpointsSynced, err := syncEndpointIndex(ctx, mgr, c.backlog.Endpoints)
	if err != nil {
		return err
	}
	metadataClient, err := metadata.NewForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return err
	}
	mediaSpecs := lifecycle.NewSpecWatcher(metadataClient, mgr.GetAPIReader(), record.MediaAsset, "mediaassets", c.enqueueNow)
	streamSpecs := lifecycle.NewSpecWatcher(metadataClient, mgr.GetAPIReader(), record.LiveStream, "livestreams", c.enqueueNow)
	c.sweeper.SpecsWatched = []<-chan struct{}{mediaSpecs.Established, streamSpecs.Established}
	watchdog, err := newWatchdog(mgr)
	if err != nil {
		return err
	}
	for range readers {
		if err := mgr.Add(c.reader); err != nil {
			return err
		}
	}
	for _, r := range []manager.Runnable{
		journal.NewWatcher(metadataClient, o.OperatorNamespace, c.backlog, endpointsSynced), watchdog, pauses, c.publisher, mediaSpecs, streamSpecs, c.sweeper, c.joiner,
	} {
		if err := mgr.Add(r); err != nil {
			return err
		}
	}
	return addInformers(ctx, mgr, c.timers, fold)
}

// startController adds a controller that a source feeds.
func startController[K comparable](
	mgr ctrl.Manager, name string, r reconcile.TypedReconciler[K], workers int,
	newQueue func(string, workqueue.TypedRateLimiter[K]) workqueue.TypedRateLimitingInterface[K], source *queue.Source[K],
) error {
	skip := true // the process creates a new manager after each loss of leadership
	c, err := controller.NewTyped(name, mgr, controller.TypedOptions[K]{
		Reconciler: r, MaxConcurrentReconciles: workers, RateLimiter: queue.NewRateLimiter[K](), NewQueue: newQueue, SkipNameValidation: &skip,
	})
	if err != nil {
		return err
	}
	return c.Watch(source)
}

// addInformers adds the informers that keep the timers up to date.
func addInformers(ctx context.Context, mgr ctrl.Manager, timers *lifecycle.Timers, fold *queue.Source[record.Key]) error {
	for _, object := range []client.Object{&fastpixv1.MediaAsset{}, &fastpixv1.LiveStream{}} {
		informer, err := mgr.GetCache().GetInformer(ctx, object, cache.BlockUntilSynced(false))
		if err != nil {
			return err
		}
		if _, err := informer.AddEventHandler(lifecycle.NewTimerHandler(timers, fold)); err != nil {
			return err
		}
	}
	return nil
}

// syncEndpointIndex keeps an index equal to the existing WebhookEndpoints. The result reports whether the index knows all of them.
func syncEndpointIndex(ctx context.Context, mgr ctrl.Manager, index *journal.EndpointIndex) (toolscache.InformerSynced, error) {
	informer, err := mgr.GetCache().GetInformer(ctx, &fastpixv1.WebhookEndpoint{}, cache.BlockUntilSynced(false))
	if err != nil {
		return nil, err
	}
	registration, err := informer.AddEventHandler(index.Handler())
	if err != nil {
		return nil, err
	}
	return registration.HasSynced, nil
}
