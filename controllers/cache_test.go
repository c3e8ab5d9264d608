package controllers

import (
	"strings"
	"testing"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/mirror"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// TestCachedMirrorsEqualWrittenMirrors protects the next write from a cached mirror that lacks a field or that a caller changed: it would
// overwrite the mirror in the API server.
func TestCachedMirrorsEqualWrittenMirrors(t *testing.T) {
	c := newFakeClient(t, interceptor.Funcs{}, sampleJournal(t)...)
	env := newTestEnv(t, c)
	if err := env.run(); err != nil {
		t.Fatal(err)
	}
	for _, key := range []record.Key{assetKey(testMedia), {Kind: record.LiveStream, Namespace: testNamespace, Name: testStream}} {
		want := mirror.New(key.Kind)
		if err := c.Get(t.Context(), client.ObjectKey{Namespace: key.Namespace, Name: key.Name}, want.APIObject()); err != nil {
			t.Fatal(err)
		}
		got := env.reconciler.Store.Cache.Get(key)
		if got == nil {
			t.Fatalf("%s is not cached", key)
		}
		if !apiequality.Semantic.DeepEqual(got.APIObject(), want.APIObject()) {
			t.Errorf("cached is\n%s\nwritten was\n%s", mustJSON(t, got.APIObject()), mustJSON(t, want.APIObject()))
		}
		got.APIObject().SetName("another")
		if again := env.reconciler.Store.Cache.Get(key); again.APIObject().GetName() != key.Name {
			t.Error("a caller can change the cached mirror")
		}
	}
}

func TestCachedMirrorsHaveNoManagedFields(t *testing.T) {
	w, key := mirror.NewCache(1), assetKey(testMedia)
	w.Set(key, &mirror.MediaAsset{MediaAsset: fastpixv1.MediaAsset{ObjectMeta: metav1.ObjectMeta{
		Name: testMedia, ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "another-manager"}},
	}}})
	if got := w.Get(key); got == nil || len(got.APIObject().GetManagedFields()) != 0 {
		t.Errorf("cached is %s", mustJSON(t, got))
	}
	w.Drop(key)
	if w.Get(key) != nil {
		t.Error("a dropped mirror is still cached")
	}
}

// TestLargeMirrorsAreNotCached protects the controllers' memory from a sender of events about thousands of media with the maximum of
// metadata.
func TestLargeMirrorsAreNotCached(t *testing.T) {
	w, key := mirror.NewCache(mirror.CacheEntries), assetKey(testMedia)
	large := strings.Repeat("<", mirror.MaxCachedBytes/len(`\u003c`)) // six bytes each, as they are remembered
	for _, metadata := range []string{"small", large} {
		w.Set(key, &mirror.MediaAsset{MediaAsset: fastpixv1.MediaAsset{
			ObjectMeta: metav1.ObjectMeta{Name: testMedia},
			Status:     fastpixv1.MediaAssetStatus{Metadata: map[string]fastpixv1.MetadataValue{"text": fastpixv1.MetadataValue(metadata)}},
		}})
		if remembered := w.Get(key) != nil; remembered != (metadata == "small") {
			t.Errorf("a mirror with %d bytes of metadata is cached: %t", len(metadata), remembered)
		}
	}
}
