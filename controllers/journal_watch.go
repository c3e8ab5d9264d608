package controllers

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
)

// journalWatch keeps the backlog equal to the batches in the journal. It is a reflector that has the backlog for its store: an informer would
// keep the metadata of each of ten thousand batches beside it, for nobody.
type journalWatch struct {
	batches metadata.ResourceInterface
	backlog *backlog
	// endpointsKnown reports whether the backlog knows which WebhookEndpoints there are: it keeps counts of those only.
	endpointsKnown toolscache.InformerSynced
}

var _ toolscache.TransformingStore = (*journalWatch)(nil)

func newJournalWatch(client metadata.Interface, namespace string, b *backlog, endpointsKnown toolscache.InformerSynced) *journalWatch {
	return &journalWatch{
		batches: client.Resource(fastpixv1.GroupVersion.WithResource("eventbatches")).Namespace(namespace), backlog: b, endpointsKnown: endpointsKnown,
	}
}

// NeedLeaderElection lets a standby watch, too: when it is to lead it knows what there is.
func (w *journalWatch) NeedLeaderElection() bool { return false }

// Start watches until the context ends.
func (w *journalWatch) Start(ctx context.Context) error {
	if !toolscache.WaitForCacheSync(ctx.Done(), w.endpointsKnown) {
		return nil
	}
	lw := apiserver.RetrySoon(drained(&toolscache.ListWatch{
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

// batchItem is what the reflector holds of a batch while it learns of all: nothing that a writer can make large.
type batchItem struct {
	metav1.ObjectMeta
	info batchInfo
}

// Transformer implements the reflector's store: whatever is held of a batch is stripped before the next one is read.
func (w *journalWatch) Transformer() toolscache.TransformFunc {
	return func(object any) (any, error) { return w.item(object), nil }
}

func (w *journalWatch) item(object any) *batchItem {
	if item, ok := object.(*batchItem); ok {
		return item
	}
	meta := object.(*metav1.PartialObjectMetadata)
	return &batchItem{ObjectMeta: strippedMeta(meta.ObjectMeta), info: w.backlog.infoOf(meta)}
}

// Add implements the reflector's store.
func (w *journalWatch) Add(object any) error {
	w.backlog.add(w.item(object).info)
	return nil
}

// Update implements the reflector's store. What is remembered of a batch does not change.
func (w *journalWatch) Update(object any) error { return w.Add(object) }

// Delete implements the reflector's store.
func (w *journalWatch) Delete(object any) error {
	w.backlog.remove(w.item(object).info.uid)
	return nil
}

// Replace implements the reflector's store: these are all batches that there are.
func (w *journalWatch) Replace(objects []any, _ string) error {
	infos := make([]batchInfo, 0, len(objects))
	for _, object := range objects {
		infos = append(infos, w.item(object).info)
	}
	w.backlog.replace(infos)
	return nil
}

// Resync implements the reflector's store.
func (w *journalWatch) Resync() error { return nil }
