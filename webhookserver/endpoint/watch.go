package endpoint

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

type reconcileQueue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// watchRetry is the pause before the next attempt to watch, while the API server does not answer or does not know the kind yet.
const watchRetry = time.Second

// newSource returns the source of the controller: changes of WebhookEndpoints and of their keys.
func newSource(d *Directory, informers cache.Informers) source.Source {
	return source.Func(func(ctx context.Context, queue reconcileQueue) error {
		go d.watch(ctx, informers, queue)
		go func() {
			for {
				select {
				case request := <-d.keyChanges:
					queue.Add(request)
				case <-ctx.Done():
					return
				}
			}
		}()
		return nil
	})
}

// watch feeds the directory from the informer of WebhookEndpoints, and enqueues each change. It waits until the API server answers and
// serves the kind, however long that takes: the receiver never exits because the API server is unavailable. The directory is synced when it
// holds every endpoint.
func (d *Directory) watch(ctx context.Context, informers cache.Informers, queue reconcileQueue) {
	log := ctrl.LoggerFrom(ctx)
	logged := ""
	logOnce := func(err error) { // once for each cause, however long it lasts
		if err.Error() != logged {
			logged = err.Error()
			log.Info("Cannot watch WebhookEndpoints yet, will retry", "error", logged)
		}
	}
	_ = wait.PollUntilContextCancel(ctx, watchRetry, true, func(ctx context.Context) (bool, error) {
		informer, err := informers.GetInformer(ctx, &fastpixv1.WebhookEndpoint{}, cache.BlockUntilSynced(false))
		if err != nil {
			logOnce(err)
			return false, nil
		}
		registration, err := informer.AddEventHandler(d.eventHandler(queue))
		if err != nil {
			logOnce(err)
			return false, nil
		}
		if toolscache.WaitForCacheSync(ctx.Done(), registration.HasSynced) {
			d.MarkSynced()
			log.Info("All WebhookEndpoints are read, the receiver is ready")
		}
		return true, nil
	})
}

// eventHandler stores what the informer delivers.
func (d *Directory) eventHandler(queue reconcileQueue) toolscache.ResourceEventHandler {
	changed := func(obj any) {
		if object, ok := obj.(*fastpixv1.WebhookEndpoint); ok {
			d.Set(object)
			queue.Add(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(object)})
		}
	}
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc:    changed,
		UpdateFunc: func(_, obj any) { changed(obj) },
		DeleteFunc: func(obj any) {
			if last, ok := obj.(toolscache.DeletedFinalStateUnknown); ok {
				obj = last.Obj
			}
			if object, ok := obj.(*fastpixv1.WebhookEndpoint); ok {
				d.Remove(object)
			}
		},
	}
}
