package journal

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/metadata"
	toolscache "k8s.io/client-go/tools/cache"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/apiserver"
	"github.com/fastpix-operator/fastpix-operator/internal/lean"
)

// Watcher keeps the backlog equal to the batches in the journal. It is a reflector with the backlog as its store. An informer would hold the
// metadata of ten thousand batches a second time.
type Watcher struct {
	batches metadata.ResourceInterface
	Backlog *Backlog
	// endpointsSynced reports whether the backlog knows all WebhookEndpoints. It keeps only counts of endpoints that exist.
	endpointsSynced toolscache.InformerSynced
}

var _ toolscache.TransformingStore = (*Watcher)(nil)

// NewWatcher returns a watcher of the batches in a namespace. It starts when endpointsSynced returns true.
func NewWatcher(client metadata.Interface, namespace string, b *Backlog, endpointsSynced toolscache.InformerSynced) *Watcher {
	return &Watcher{
		batches: client.Resource(fastpixv1.GroupVersion.WithResource("eventbatches")).Namespace(namespace), Backlog: b, endpointsSynced: endpointsSynced,
	}
}

// NeedLeaderElection is false: a standby watches, too, so that it knows the journal when it becomes the leader.
func (w *Watcher) NeedLeaderElection() bool { return false }

// Start watches until the context ends.
func (w *Watcher) Start(ctx context.Context) error {
	if !toolscache.WaitForCacheSync(ctx.Done(), w.endpointsSynced) {
		return nil
	}
	lw := apiserver.RetrySoon(apiserver.Drained(&toolscache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			return w.batches.List(ctx, options)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			return w.batches.Watch(ctx, options)
		},
	}))
	toolscache.NewReflectorWithOptions(lw, &metav1.PartialObjectMetadata{}, w, toolscache.ReflectorOptions{
		Name:    "journal",
		Backoff: &wait.Backoff{Duration: 200 * time.Millisecond, Cap: maxReadPause, Steps: 5, Factor: 2, Jitter: 0.2},
	}).RunWithContext(ctx)
	return nil
}

// watchedBatch is what the reflector holds of a batch during a list. A writer cannot make it large.
type watchedBatch struct {
	metav1.ObjectMeta
	info BatchInfo
}

// Transformer implements the reflector's store. It strips each batch before the next batch is read.
func (w *Watcher) Transformer() toolscache.TransformFunc {
	return func(object any) (any, error) { return w.watched(object), nil }
}

func (w *Watcher) watched(object any) *watchedBatch {
	if item, ok := object.(*watchedBatch); ok {
		return item
	}
	meta := object.(*metav1.PartialObjectMetadata)
	return &watchedBatch{ObjectMeta: lean.Identity(meta.ObjectMeta), info: w.Backlog.InfoOf(meta)}
}

// Add implements the reflector's store.
func (w *Watcher) Add(object any) error {
	w.Backlog.Add(w.watched(object).info)
	return nil
}

// Update implements the reflector's store. Of the metadata that the backlog keeps of a batch, only the request of a retry changes.
func (w *Watcher) Update(object any) error { return w.Add(object) }

// Delete implements the reflector's store.
func (w *Watcher) Delete(object any) error {
	w.Backlog.Remove(w.watched(object).info.UID)
	return nil
}

// Replace implements the reflector's store. The objects are all batches in the journal.
func (w *Watcher) Replace(objects []any, _ string) error {
	infos := make([]BatchInfo, 0, len(objects))
	for _, object := range objects {
		infos = append(infos, w.watched(object).info)
	}
	w.Backlog.Replace(infos)
	return nil
}

// Resync implements the reflector's store.
func (w *Watcher) Resync() error { return nil }
