package lifecycle

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/metadata"
	ctrl "sigs.k8s.io/controller-runtime"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/apiserver"
	"github.com/fastpix-operator/fastpix-operator/internal/clock"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// specWatchPause comes between two watches of specs. It does not grow: what changed is to be found within seconds of the end of an outage.
const specWatchPause = time.Second

// specPage is how many mirrors' metadata are listed at once.
const specPage = 100

// SpecWatcher notices that a user changed the spec of a mirror, so that status.observedGeneration catches up and `kubectl wait` does
// not wait for ever, or made a mirror whose name may be wrong. It watches metadata and keeps none of it: memory must not grow with the
// number of mirrors. It keeps only the resourceVersion it has seen last, and the next watch begins there. If the API server no longer
// knows what came after (it does not after a restart), a list of the mirrors' metadata, page by page, shows which of them are newer. The
// first watch has no such resourceVersion: the sweep at the start of the controllers comes after it and visits all mirrors.
type SpecWatcher struct {
	kind    record.Kind
	client  metadata.ResourceInterface
	changed func(record.Key)

	Established     chan struct{} // closed when every later change will be found
	resourceVersion string        // the resourceVersion up to which all changes were found
	expired         bool          // whether the API server cannot tell what came after
}

func NewSpecWatcher(client metadata.Interface, kind record.Kind, resource string, changed func(record.Key)) *SpecWatcher {
	return &SpecWatcher{
		kind: kind, client: client.Resource(fastpixv1.GroupVersion.WithResource(resource)), changed: changed, Established: make(chan struct{}),
	}
}

// Start watches until the context ends.
func (w *SpecWatcher) Start(ctx context.Context) error {
	for ; ctx.Err() == nil; clock.Sleep(ctx, specWatchPause) {
		if err := w.resume(ctx); err != nil && ctx.Err() == nil {
			ctrl.LoggerFrom(ctx).V(1).Info("Watching specs was interrupted, will resume", "kind", w.kind, "error", err.Error())
		}
	}
	return nil
}

// resume finds what changed since the last watch ended, and watches until the API server ends the watch.
func (w *SpecWatcher) resume(ctx context.Context) error {
	var err error
	switch {
	case w.resourceVersion == "":
		err = w.initialize(ctx)
	case w.expired:
		err = w.catchUp(ctx)
	}
	if err != nil {
		return err
	}
	watcher, err := w.client.Watch(ctx, metav1.ListOptions{ResourceVersion: w.resourceVersion, AllowWatchBookmarks: true})
	if err == nil {
		drained := &apiserver.DrainedWatch{Interface: watcher}
		defer drained.Stop()
		err = w.process(drained.ResultChan())
	}
	w.expired = apierrors.IsResourceExpired(err) || apierrors.IsGone(err)
	return err
}

// initialize asks for the present resourceVersion.
func (w *SpecWatcher) initialize(ctx context.Context) error {
	now, err := w.client.List(ctx, metav1.ListOptions{Limit: 1})
	if err != nil {
		return err
	}
	w.resourceVersion = now.ResourceVersion
	close(w.Established)
	return nil
}

// catchUp lists the metadata of all mirrors and reports those that changed since. It keeps one page in memory.
func (w *SpecWatcher) catchUp(ctx context.Context) error {
	options := metav1.ListOptions{Limit: specPage}
	for {
		page, err := w.client.List(ctx, options)
		if err != nil {
			return err
		}
		for i := range page.Items {
			// What happened to it since is not known.
			if meta := &page.Items[i]; w.isNewer(meta) && (needsReconcile(watch.Added, meta) || needsReconcile(watch.Modified, meta)) {
				w.changed(w.key(meta))
			}
		}
		if options.Continue = page.Continue; options.Continue == "" {
			w.resourceVersion, w.expired = page.ResourceVersion, false
			return nil
		}
	}
}

// process reads one watch to its end.
func (w *SpecWatcher) process(events <-chan watch.Event) error {
	for event := range events {
		meta, ok := event.Object.(*metav1.PartialObjectMetadata)
		if !ok {
			return apierrors.FromObject(event.Object)
		}
		if needsReconcile(event.Type, meta) {
			w.changed(w.key(meta))
		}
		w.resourceVersion = meta.ResourceVersion
	}
	return nil
}

func (w *SpecWatcher) key(meta *metav1.PartialObjectMetadata) record.Key {
	return record.Key{Kind: w.kind, Namespace: meta.Namespace, Name: meta.Name}
}

// isNewer reports whether an object was written after what was seen last. Kubernetes lets resourceVersions of one kind be compared.
func (w *SpecWatcher) isNewer(meta *metav1.PartialObjectMetadata) bool {
	order, err := resourceversion.CompareResourceVersion(meta.ResourceVersion, w.resourceVersion)
	return err != nil || order > 0
}

// needsReconcile reports whether a user may have changed the spec, or made an object whose name is a wrong hash of its id. A mirror begins
// with generation 1, and nothing that the operator writes raises it. Of other new objects the API server has checked the name.
func needsReconcile(event watch.EventType, meta *metav1.PartialObjectMetadata) bool {
	return event == watch.Modified && meta.Generation > 1 || event == watch.Added && record.IsHashName(meta.Name)
}
