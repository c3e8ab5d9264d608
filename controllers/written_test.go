package controllers

import (
	"strings"
	"testing"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// TestWrittenMirrorsAreRememberedAsTheyAre protects the next write from a memory that lost a field, or that somebody changed: it would be
// written over what the API server has.
func TestWrittenMirrorsAreRememberedAsTheyAre(t *testing.T) {
	c := newFakeClient(t, interceptor.Funcs{}, life(t)...)
	r := newRig(t, c)
	if err := r.run(); err != nil {
		t.Fatal(err)
	}
	for _, key := range []record.Key{assetKey(testMedia), {Kind: record.LiveStream, Namespace: testNamespace, Name: testStream}} {
		want := newMirror(key.Kind)
		if err := c.Get(t.Context(), client.ObjectKey{Namespace: key.Namespace, Name: key.Name}, want.object()); err != nil {
			t.Fatal(err)
		}
		got := r.folder.store.written.get(key)
		if got == nil {
			t.Fatalf("%s is not remembered", key)
		}
		if !apiequality.Semantic.DeepEqual(got.object(), want.object()) {
			t.Errorf("remembered is\n%s\nwritten was\n%s", mustJSON(t, got.object()), mustJSON(t, want.object()))
		}
		got.object().SetName("another")
		if again := r.folder.store.written.get(key); again.object().GetName() != key.Name {
			t.Error("who got a remembered mirror changes what is remembered")
		}
	}
}

func TestWrittenMirrorsLeaveManagedFieldsToTheAPIServer(t *testing.T) {
	w, key := newWritten(1), assetKey(testMedia)
	w.set(key, &mediaMirror{fastpixv1.MediaAsset{ObjectMeta: metav1.ObjectMeta{
		Name: testMedia, ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "somebody"}},
	}}})
	if got := w.get(key); got == nil || len(got.object().GetManagedFields()) != 0 {
		t.Errorf("remembered is %s", mustJSON(t, got))
	}
	w.drop(key)
	if w.get(key) != nil {
		t.Error("what was dropped is remembered")
	}
}

// TestLargeMirrorsAreNotRemembered protects the controllers' memory from a sender of events about thousands of media, each with as much
// metadata as a mirror holds.
func TestLargeMirrorsAreNotRemembered(t *testing.T) {
	w, key := newWritten(writtenEntries), assetKey(testMedia)
	large := strings.Repeat("<", maxWrittenBytes/len(`\u003c`)) // six bytes each, as they are remembered
	for _, metadata := range []string{"small", large} {
		w.set(key, &mediaMirror{fastpixv1.MediaAsset{
			ObjectMeta: metav1.ObjectMeta{Name: testMedia},
			Status:     fastpixv1.MediaAssetStatus{Metadata: map[string]fastpixv1.MetadataValue{"text": fastpixv1.MetadataValue(metadata)}},
		}})
		if remembered := w.get(key) != nil; remembered != (metadata == "small") {
			t.Errorf("a mirror with %d bytes of metadata is remembered: %t", len(metadata), remembered)
		}
	}
}
