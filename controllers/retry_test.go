package controllers

import (
	"context"
	"fmt"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/mirror"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// These tests bound the cost of retries: a retry folds nothing twice, and the errors of one object cause a bounded number of writes.
// Reviews found these faults.

func TestRetryKeepsOnlyRecordsThatStillFail(t *testing.T) {
	t.Parallel()
	occupant := func(name string) *fastpixv1.MediaAsset {
		return &fastpixv1.MediaAsset{ObjectMeta: metav1.ObjectMeta{Namespace: testNamespace, Name: name}, Spec: fastpixv1.MediaAssetSpec{MediaID: "else"}}
	}
	one, two := occupant("one"), occupant("two")
	c := newFakeClient(t, interceptor.Funcs{}, one, two,
		newBatch(t, "b1", event("e1", "video.media.ready", 1, media("one", "Ready")), event("e2", "video.media.ready", 1, media("two", "Ready"))))
	env := newTestEnv(t, c)
	if err := env.run(); err != nil {
		t.Fatal(err)
	}
	if err := c.Delete(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	env = newTestEnv(t, c)
	if err := env.run(); err != nil {
		t.Fatal(err)
	}
	left := batches(t, c)
	if len(left) != 1 || len(left[0].Spec.Events) != 1 || len(left[0].Status.Failed) != 1 || left[0].Status.Failed[0].EventID != "e2" {
		t.Fatalf("left are %s, want the record that still fails alone", mustJSON(t, left))
	}
	if env.asset("one").Status.State != "Ready" {
		t.Fatal("the record whose cause is gone is not folded")
	}
	if err := c.Delete(t.Context(), env.asset("one")); err != nil { // by hand
		t.Fatal(err)
	}
	env = newTestEnv(t, c)
	if err := env.run(); err != nil {
		t.Fatal(err)
	}
	if env.asset("one").Name != "" {
		t.Error("a retry made a mirror again that was deleted by hand")
	}
}

func TestErrorsNotAboutContentAreNotSplit(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer error
		most   int
	}{
		"a broken admission webhook": {apierrors.NewInternalError(fmt.Errorf("failed calling webhook")), 1},
		"a refusal of everything":    {apierrors.NewInvalid(fastpixv1.GroupVersion.WithKind("MediaAsset").GroupKind(), "m1", nil), 2 * mirror.MaxParts},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			writes := 0
			var records []*record.Record
			for i := range fastpixv1.MaxBatchEvents {
				records = append(records, event(fmt.Sprintf("e%03d", i), "video.media.updated", i%50, media("m1", "Ready")))
			}
			c := newFakeClient(t, interceptor.Funcs{
				SubResourceUpdate: func(ctx context.Context, c client.Client, sub string, o client.Object, opts ...client.SubResourceUpdateOption) error {
					if _, ok := o.(*fastpixv1.MediaAsset); ok {
						writes++
						return tc.answer
					}
					return c.SubResource(sub).Update(ctx, o, opts...)
				},
			}, newBatch(t, "b1", records...))
			env := newTestEnv(t, c)
			_ = env.run() // its timeout starts
			env.now = env.now.Add(time.Hour)
			writes = 0
			if err := env.run(); err != nil {
				t.Fatal(err)
			}
			if writes < 1 || writes > tc.most {
				t.Errorf("one visit made %d writes, want at most %d", writes, tc.most)
			}
		})
	}
}
