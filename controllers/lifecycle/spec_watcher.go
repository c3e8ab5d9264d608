package lifecycle

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/metadata"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/apiserver"
	"github.com/fastpix-operator/fastpix-operator/internal/clock"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// specWatchPause is the pause between two watches of specs. It does not grow, so that a change is found within seconds of the end of an outage.
const specWatchPause = time.Second

// SpecWatcher enqueues a mirror when a user changes its spec, or creates a mirror whose name may be wrong. Then status.observedGeneration
// follows the spec, and `kubectl wait` does not wait for ever.
//
// It watches metadata and keeps none of it, because memory must not grow with the number of mirrors. It keeps only the resourceVersion of the
// last change that it observed; the next watch starts there. If the API server no longer has the changes after it, as after a restart, a
// SpecWatcher lists the metadata of the mirrors page by page and enqueues the newer ones. The first watch has no such resourceVersion, and the
// sweep at the start of the controllers, which checks all mirrors, runs after it.
type SpecWatcher struct {
	kind    record.Kind
	client  metadata.ResourceInterface
	live    client.Reader
	changed func(record.Key)

	Established     chan struct{} // closed when the watcher finds every later change
	resourceVersion string        // all changes up to this version were found
	expired         bool          // whether the API server no longer has the changes after resourceVersion
}

// NewSpecWatcher returns a watcher of one kind of mirrors. It lists them with live, and calls changed for each mirror that is to be reconciled.
func NewSpecWatcher(client metadata.Interface, live client.Reader, kind record.Kind, resource string, changed func(record.Key)) *SpecWatcher {
	return &SpecWatcher{
		kind: kind, client: client.Resource(fastpixv1.GroupVersion.WithResource(resource)), live: live, changed: changed, Established: make(chan struct{}),
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

// resume finds the changes since the end of the last watch, and watches until the API server ends the watch.
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

// initialize reads the current resourceVersion.
func (w *SpecWatcher) initialize(ctx context.Context) error {
	now, err := w.client.List(ctx, metav1.ListOptions{Limit: 1})
	if err != nil {
		return err
	}
	w.resourceVersion = now.ResourceVersion
	close(w.Established)
	return nil
}

// catchUp lists the metadata of all mirrors and enqueues those that changed since resourceVersion. It keeps one page in memory.
func (w *SpecWatcher) catchUp(ctx context.Context) error {
	var page *metav1.PartialObjectMetadataList
	newPage := func() client.ObjectList {
		page = &metav1.PartialObjectMetadataList{}
		page.SetGroupVersionKind(fastpixv1.GroupVersion.WithKind(string(w.kind) + "List"))
		return page
	}
	err := apiserver.ForEach(ctx, w.live, newPage, func(object runtime.Object) error {
		// The mirror may have been added or modified since.
		meta := object.(*metav1.PartialObjectMetadata)
		if w.isNewer(meta) && (needsReconcile(watch.Added, meta) || needsReconcile(watch.Modified, meta)) {
			w.changed(w.key(meta))
		}
		return nil
	})
	if err != nil {
		return err
	}
	w.resourceVersion, w.expired = page.ResourceVersion, false
	return nil
}

// process handles the events of one watch until its end.
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

// isNewer reports whether an object was written after resourceVersion. Kubernetes allows comparing the resourceVersions of one kind.
func (w *SpecWatcher) isNewer(meta *metav1.PartialObjectMetadata) bool {
	order, err := resourceversion.CompareResourceVersion(meta.ResourceVersion, w.resourceVersion)
	return err != nil || order > 0
}

// needsReconcile reports whether a user may have changed the spec, or created an object whose name is a wrong hash of its id. The generation of a
// mirror starts with 1, and writes of the operator do not increase it. The API server has checked the names of all other new objects.
func needsReconcile(event watch.EventType, meta *metav1.PartialObjectMetadata) bool {
	return event == watch.Modified && meta.Generation > 1 || event == watch.Added && record.IsHashName(meta.Name)
}
