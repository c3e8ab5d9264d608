package controllers

import (
	"testing"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

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
