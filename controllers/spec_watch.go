package controllers

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/metadata"
	toolswatch "k8s.io/client-go/tools/watch"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/fastpix-operator/fastpix-operator/api/record"
	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

// specWatcher notices that a user changed the spec of a mirror, so that status.observedGeneration catches up and `kubectl wait` does
// not wait for ever, or made a mirror whose name may be wrong. It watches metadata and keeps none of it: memory must not grow with the number of mirrors. What it misses
// while nobody watches, the hourly sweep finds.
type specWatcher struct {
	kind    record.Kind
	client  metadata.ResourceInterface
	changed func(record.Key)
}

func newSpecWatcher(client metadata.Interface, kind record.Kind, resource string, changed func(record.Key)) *specWatcher {
	return &specWatcher{kind: kind, client: client.Resource(fastpixv1.GroupVersion.WithResource(resource)), changed: changed}
}

// Start watches until the context ends.
func (w *specWatcher) Start(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := w.watch(ctx); err != nil && ctx.Err() == nil {
			ctrl.LoggerFrom(ctx).V(1).Info("Watching specs was interrupted, will go on", "kind", w.kind, "error", err.Error())
		}
		sleep(ctx, time.Second)
	}
	return nil
}

// watch watches from now on, until the API server has forgotten where it was.
func (w *specWatcher) watch(ctx context.Context) error {
	now, err := w.client.List(ctx, metav1.ListOptions{Limit: 1})
	if err != nil {
		return err
	}
	watcher, err := toolswatch.NewRetryWatcherWithContext(ctx, now.ResourceVersion, w)
	if err != nil {
		return err
	}
	defer watcher.Stop()
	for event := range watcher.ResultChan() {
		if meta, ok := event.Object.(*metav1.PartialObjectMetadata); ok && needsVisit(event.Type, meta) {
			w.changed(record.Key{Kind: w.kind, Namespace: meta.Namespace, Name: meta.Name})
		}
	}
	return nil
}

// needsVisit reports whether a user may have changed the spec, or made an object whose name is a wrong hash of its id. A mirror begins
// with generation 1, and nothing that the operator writes raises it. Of other new objects the API server has checked the name.
func needsVisit(event watch.EventType, meta *metav1.PartialObjectMetadata) bool {
	return event == watch.Modified && meta.Generation > 1 || event == watch.Added && record.IsHashName(meta.Name)
}

// WatchWithContext implements the watcher that is retried.
func (w *specWatcher) WatchWithContext(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	return w.client.Watch(ctx, options)
}
