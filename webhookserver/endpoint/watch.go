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

// watchRetry is the pause before an API server that does not answer, or does not know the kind yet, is asked again.
const watchRetry = time.Second

// follow is a controller's source: it feeds the directory from the informer of WebhookEndpoints and has each change reconciled.
// It waits for the API server, and for the kind to be installed, as long as that takes: the receiver never exits because
// the API server is away, and the directory is not synced before every endpoint is in it.
func follow(d *Directory, informers cache.Informers) source.Source {
	return source.Func(func(ctx context.Context, queue reconcileQueue) error {
		go d.follow(ctx, informers, queue)
		go func() {
			for {
				select {
				case request := <-d.news:
					queue.Add(request)
				case <-ctx.Done():
					return
				}
			}
		}()
		return nil
	})
}

func (d *Directory) follow(ctx context.Context, informers cache.Informers, queue reconcileQueue) {
	log := ctrl.LoggerFrom(ctx)
	told := ""
	tell := func(err error) { // once for each cause, however long it lasts
		if err.Error() != told {
			told = err.Error()
			log.Info("Watching WebhookEndpoints is not possible yet, will retry", "error", told)
		}
	}
	_ = wait.PollUntilContextCancel(ctx, watchRetry, true, func(ctx context.Context) (bool, error) {
		informer, err := informers.GetInformer(ctx, &fastpixv1.WebhookEndpoint{}, cache.BlockUntilSynced(false))
		if err != nil {
			tell(err)
			return false, nil
		}
		registration, err := informer.AddEventHandler(d.handler(queue))
		if err != nil {
			tell(err)
			return false, nil
		}
		if toolscache.WaitForCacheSync(ctx.Done(), registration.HasSynced) {
			d.MarkSynced()
			log.Info("WebhookEndpoints are known")
		}
		return true, nil
	})
}

func (d *Directory) handler(queue reconcileQueue) toolscache.ResourceEventHandler {
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
