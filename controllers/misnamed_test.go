package controllers

import (
	"context"
	"strings"
	"testing"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

// TestSweepFindsMirrorsWithWrongNames protects objects that were created before the API server refused their names: each reports once
// what is wrong. An object with the right name that waits for its first event stays unchanged.
func TestSweepFindsMirrorsWithWrongNames(t *testing.T) {
	t.Parallel()
	meta := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: testNamespace, Name: name, Generation: 3}
	}
	wrongMedia := &fastpixv1.MediaAsset{ObjectMeta: meta("launch"), Spec: fastpixv1.MediaAssetSpec{MediaID: strings.ToUpper(testMedia)}}
	wrongStream := &fastpixv1.LiveStream{ObjectMeta: meta("town-hall"), Spec: fastpixv1.LiveStreamSpec{StreamID: testStream}}
	right := &fastpixv1.MediaAsset{ObjectMeta: meta(testMedia), Spec: fastpixv1.MediaAssetSpec{MediaID: strings.ToUpper(testMedia)}}
	writes := 0
	c := newFakeClient(t, interceptor.Funcs{
		SubResourceUpdate: func(ctx context.Context, c client.Client, sub string, o client.Object, options ...client.SubResourceUpdateOption) error {
			writes++
			return c.SubResource(sub).Update(ctx, o, options...)
		},
	}, wrongMedia, wrongStream, right)
	env := newTestEnv(t, c)
	for range 2 {
		if err := env.sweeper.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, key := range env.queuedObjects {
			if _, err := env.reconciler.Reconcile(t.Context(), key); err != nil {
				t.Fatal(err)
			}
		}
		env.queuedObjects = nil
	}
	if writes != 2 {
		t.Errorf("%d statuses were written, want 2", writes)
	}
	for object, want := range map[client.Object]string{wrongMedia: testMedia, wrongStream: testStream, right: ""} {
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(object), object); err != nil {
			t.Fatal(err)
		}
		var conditions []metav1.Condition
		var observed int64
		switch o := object.(type) {
		case *fastpixv1.MediaAsset:
			conditions, observed = o.Status.Conditions, o.Status.ObservedGeneration
		case *fastpixv1.LiveStream:
			conditions, observed = o.Status.Conditions, o.Status.ObservedGeneration
		}
		ready := apimeta.FindStatusCondition(conditions, fastpixv1.ConditionReady)
		switch {
		case want == "" && len(conditions) > 0:
			t.Errorf("%s has the conditions %v", object.GetName(), conditions)
		case want == "":
		case ready == nil || ready.Reason != fastpixv1.ReasonNameMismatch || !strings.Contains(ready.Message, want) || observed != 3 ||
			!apimeta.IsStatusConditionTrue(conditions, fastpixv1.ConditionStalled):
			t.Errorf("%s, observed %d, has the conditions %v", object.GetName(), observed, conditions)
		}
	}
}
