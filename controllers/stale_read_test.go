package controllers

import (
	"context"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// staleCase is a history of which the API server's watch cache shows only the beginning.
type staleCase struct {
	before        *record.Record // mirrored, and in the memory
	since         *record.Record // mirrored, and not in the memory
	cached        *fastpixv1.MediaAsset
	purgedThrough *metav1.MicroTime
	deleted       bool // by hand, which the memory does not show
	refused       bool // to create an object, by a policy on that
	event         *record.Record
}

// TestStaleReadsLeadToTheSameMirror protects mirrors from stale reads: a stale read leads only to a write that meets a conflict. The
// mirror is the same, whatever the watch cache shows.
func TestStaleReadsLeadToTheSameMirror(t *testing.T) {
	ready := event("e1", "video.media.ready", 1, media(testMedia, "Ready"))
	failed := event("e3", "video.media.failed", 3, media(testMedia, "Failed"))
	updated := event("e2", "video.media.updated", 2, record.Change{Kind: record.MediaAsset, ID: testMedia, Media: &record.MediaChange{
		Tracks: record.ListChange[fastpixv1.Track]{Set: []fastpixv1.Track{{ID: "t1"}}},
	}})
	another := &fastpixv1.MediaAsset{
		ObjectMeta: metav1.ObjectMeta{Namespace: testNamespace, Name: testMedia, UID: "another", ResourceVersion: "1"},
		Spec:       fastpixv1.MediaAssetSpec{MediaID: "another"},
	}
	for name, tt := range map[string]staleCase{
		"not created yet":                 {since: ready, event: updated},
		"not created yet, and as old":     {since: updated, event: ready, purgedThrough: ready.Time},
		"not created yet, nor to create":  {since: ready, refused: true, event: updated},
		"an older state":                  {before: ready, since: updated, event: ready},
		"an older state, a newer event":   {before: ready, since: updated, event: failed},
		"another object of that name":     {since: ready, cached: another, event: updated},
		"deleted by hand meanwhile":       {before: ready, deleted: true, event: updated},
		"deleted by hand, and told again": {before: ready, deleted: true, event: ready},
		"nothing is behind":               {before: ready, event: updated},
		"nothing is there, nothing was":   {event: ready},
		"nothing is there, and it is old": {event: ready, purgedThrough: ready.Time},
	} {
		t.Run(name, func(t *testing.T) {
			if got, want := tt.result(t, true), tt.result(t, false); got != want {
				t.Errorf("the mirror becomes\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// result delivers the history and returns the resulting mirror.
func (tt staleCase) result(t *testing.T, behind bool) string {
	t.Helper()
	refuses := false
	c := newFakeClient(t, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			if _, ok := o.(*fastpixv1.MediaAsset); ok && refuses {
				return apierrors.NewInvalid(schema.GroupKind{Kind: "MediaAsset"}, o.GetName(), nil)
			}
			return c.Create(ctx, o, opts...)
		},
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			asset, ok := o.(*fastpixv1.MediaAsset)
			switch {
			case !ok, !behind, !allowsCachedRead(opts):
				return c.Get(ctx, key, o, opts...)
			case tt.cached == nil:
				return apierrors.NewNotFound(schema.GroupResource{Resource: "mediaassets"}, key.Name)
			}
			tt.cached.DeepCopyInto(asset)
			return nil
		},
	})
	fold := func(e *record.Record) {
		t.Helper()
		if e == nil {
			return
		}
		if err := c.Create(t.Context(), newBatch(t, "of-"+e.ID, e)); err != nil {
			t.Fatal(err)
		}
		if err := newTestEnv(t, c).run(); err != nil { // a new process remembers nothing that was written
			t.Fatal(err)
		}
	}
	if fold(tt.before); tt.before != nil {
		tt.cached = &fastpixv1.MediaAsset{}
		if err := c.Get(t.Context(), client.ObjectKey{Namespace: testNamespace, Name: testMedia}, tt.cached); err != nil {
			t.Fatal(err)
		}
	}
	fold(tt.since)
	if tt.deleted {
		if err := c.Delete(t.Context(), tt.cached.DeepCopy()); err != nil {
			t.Fatal(err)
		}
	}
	endpoint := &fastpixv1.WebhookEndpoint{}
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: testNamespace, Name: "fastpix"}, endpoint); err != nil {
		t.Fatal(err)
	}
	endpoint.Status.PurgedThrough = tt.purgedThrough
	if err := c.Status().Update(t.Context(), endpoint); err != nil {
		t.Fatal(err)
	}
	refuses = tt.refused
	fold(tt.event)
	if left := batches(t, c); len(left) > 0 {
		t.Errorf("the journal still holds %s", left[0].Name)
	}
	return mirrors(t, c)
}

// TestDeletedBatchIsNotFoldedAgain protects purged and manually deleted mirrors from a watch cache that still shows a deleted batch. A
// new leader learns of the batch from that cache, and nothing else says that the batch was folded.
func TestDeletedBatchIsNotFoldedAgain(t *testing.T) {
	gone := newBatch(t, "b1", event("e1", "video.media.ready", 1, media(testMedia, "Ready")))
	c := newFakeClient(t, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			if b, ok := o.(*fastpixv1.EventBatch); ok && allowsCachedRead(opts) {
				gone.DeepCopyInto(b)
				return nil
			}
			return c.Get(ctx, key, o, opts...)
		},
	})
	env := newTestEnv(t, c)
	env.backlog.Add(env.backlog.InfoOf(&metav1.PartialObjectMetadata{ObjectMeta: gone.ObjectMeta}))
	if err := env.run(); err != nil {
		t.Fatal(err)
	}
	if got := mirrors(t, c); got != "" {
		t.Errorf("a deleted batch was folded:\n%s", got)
	}
	if env.backlog.Requeue(gone.UID) {
		t.Error("a deleted batch is still known")
	}
}

// allowsCachedRead reports whether a read accepts an answer from the API server's watch cache.
func allowsCachedRead(opts []client.GetOption) bool {
	raw := (&client.GetOptions{}).ApplyOptions(opts).Raw
	return raw != nil && raw.ResourceVersion == "0"
}

// TestSweepLeavesTombstonesToTheirWorker protects the purge of a tombstone from a replay that is folded at the same time: only one worker
// at a time handles an object.
func TestSweepLeavesTombstonesToTheirWorker(t *testing.T) {
	env := newTombstone(t, interceptor.Funcs{})
	env.now = env.now.Add(8 * 24 * time.Hour)
	if err := env.sweeper.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if mirrors(t, env.client) == "" {
		t.Fatal("the sweep purged a tombstone itself")
	}
	if err := env.run(); err != nil {
		t.Fatal(err)
	}
	if got := mirrors(t, env.client); got != "" {
		t.Errorf("a tombstone that a sweep found is not purged:\n%s", got)
	}
}
