package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// These tests protect upgrades and downgrades in any order: schemas that are older than a binary, and records that are newer than the
// controllers. Each costs time, and nothing that was acknowledged.

var crdKind = schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"}

// changeSchema gives a kind another schema, as another version of it has, until back is called. inForce and inForceNot return nil once the
// API server acts on the other schema, and on the right one.
func changeSchema(t *testing.T, crd string, change func(version map[string]any), inForce, inForceNot func(context.Context) error) (back func()) {
	t.Helper()
	original := &unstructured.Unstructured{}
	original.SetGroupVersionKind(crdKind)
	if err := deployment.admin.Get(t.Context(), client.ObjectKey{Name: crd}, original); err != nil {
		t.Fatal(err)
	}
	replace := func(ctx context.Context, change func(version map[string]any)) error {
		now := original.DeepCopy()
		if err := deployment.admin.Get(ctx, client.ObjectKey{Name: crd}, now); err != nil {
			return err
		}
		now.Object["spec"] = original.DeepCopy().Object["spec"]
		versions, _, err := unstructured.NestedSlice(now.Object, "spec", "versions")
		if err != nil {
			return err
		}
		change(versions[0].(map[string]any))
		if err := unstructured.SetNestedSlice(now.Object, versions, "spec", "versions"); err != nil {
			return err
		}
		return deployment.admin.Update(ctx, now)
	}
	nothing := func(map[string]any) {}
	back = func() {
		t.Helper()
		eventually(t, "the schema is as it was", func(ctx context.Context) error {
			return errors.Join(replace(ctx, nothing), inForceNot(ctx))
		})
	}
	if err := replace(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = replace(context.WithoutCancel(t.Context()), nothing) })
	eventually(t, "the other schema is in force", inForce)
	return back
}

// without takes a field out of a schema.
func without(path ...string) func(version map[string]any) {
	return func(version map[string]any) {
		properties := []string{"schema", "openAPIV3Schema"}
		for _, field := range path {
			unstructured.RemoveNestedField(version, append(properties, "required")...)
			properties = append(properties, "properties", field)
		}
		unstructured.RemoveNestedField(version, properties...)
	}
}

// refused returns nil if the API server refuses a field of an object that would be created, and accepted if it does not.
func refused(object client.Object) (refused, accepted func(context.Context) error) {
	try := func(ctx context.Context) error {
		return deployment.admin.Create(ctx, object.DeepCopyObject().(client.Object), client.DryRunAll)
	}
	return func(ctx context.Context) error {
		if err := try(ctx); !apierrors.IsBadRequest(err) {
			return fmt.Errorf("want a strict refusal, got %w", err)
		}
		return nil
	}, try
}

func TestOlderSchemaOfTheJournalIs503AndLosesNothing(t *testing.T) {
	e := newEndpoint(t)
	inForce, inForceNot := refused(&fastpixv1.EventBatch{
		ObjectMeta: metav1.ObjectMeta{Namespace: operatorNamespace, Name: "probe"}, Spec: fastpixv1.EventBatchSpec{Events: []string{"{}"}},
	})
	back := changeSchema(t, "eventbatches.video.fastpix.com", without("spec", "events"), inForce, inForceNot)
	id, body := newAsset()
	for range 3 {
		got, err := e.once(t.Context(), http.DefaultClient, deployment.receiver.ReceiverURL, body)
		if err != nil {
			t.Fatal(err)
		}
		if got.code != http.StatusServiceUnavailable || got.retryAfter == "" {
			t.Errorf("the schema lacks what is to be journaled: %d, Retry-After %q", got.code, got.retryAfter)
		}
	}
	waitFolded(t) // nothing empty is left behind
	back()
	e.mustDeliver(t, body)
	e.waitState(t, id, "Created")
	waitFolded(t)
}

func TestOlderSchemaOfAMirrorKeepsEventsPending(t *testing.T) {
	e := newEndpoint(t)
	inForce, inForceNot := refused(&fastpixv1.MediaAsset{
		ObjectMeta: metav1.ObjectMeta{Namespace: e.namespace, Name: "probe"},
		Spec:       fastpixv1.MediaAssetSpec{MediaID: "probe"}, Status: fastpixv1.MediaAssetStatus{RecentEvents: []fastpixv1.EventReference{{ID: "e", Type: "t"}}},
	})
	back := changeSchema(t, "mediaassets.video.fastpix.com", without("status", "recentEvents"), inForce, inForceNot)
	id, body := newAsset()
	e.mustDeliver(t, body)
	eventually(t, "the event waits", func(context.Context) error {
		if n := e.read(t).Status.PendingEvents; n != 1 {
			return fmt.Errorf("%d events are pending", n)
		}
		return nil
	})
	if a, err := e.asset(t, id); client.IgnoreNotFound(err) != nil || a.Status.State != "" {
		t.Errorf("a status is written without a field of it: %+v (%v)", a.Status, err)
	}
	back()
	if a := e.waitState(t, id, "Created"); len(a.Status.RecentEvents) != 1 {
		t.Errorf("the field is missing: %+v", a.Status)
	}
	waitFolded(t)
}

func TestNewerRecordsStayAndAreShown(t *testing.T) {
	e := newEndpoint(t)
	newer := fmt.Sprintf(`{"v":2,"ns":%q,"ep":"fastpix","changes":{"in another":"form"}}`, e.namespace)
	create(t, &fastpixv1.EventBatch{
		ObjectMeta: metav1.ObjectMeta{Namespace: operatorNamespace, Name: "newer"}, Spec: fastpixv1.EventBatchSpec{Events: []string{newer}},
	})
	shown := func(ctx context.Context) error {
		var batches fastpixv1.EventBatchList
		if err := deployment.admin.List(ctx, &batches, client.InNamespace(operatorNamespace)); err != nil {
			return err
		}
		if len(batches.Items) != 1 || len(batches.Items[0].Status.Failed) != 1 || batches.Items[0].Status.Failed[0].Reason != "NewerVersion" ||
			batches.Items[0].Spec.Events[0] != newer {
			return fmt.Errorf("the journal is %+v", batches.Items)
		}
		if n := e.read(t).Status.FailedEvents; n != 1 {
			return fmt.Errorf("the endpoint counts %d failed events", n)
		}
		return metricIs(ctx, deployment.controllers, "fastpix_failed_events", 1)
	}
	eventually(t, "the newer record is kept and shown", shown)
	startAnew(t, deployment.controllers)
	eventually(t, "the newer record is kept and shown after a restart", shown)

	// Others are not held up.
	id, body := newAsset()
	e.mustDeliver(t, body)
	e.waitState(t, id, "Created")
	if err := deployment.admin.DeleteAllOf(t.Context(), &fastpixv1.EventBatch{}, client.InNamespace(operatorNamespace)); err != nil {
		t.Fatal(err)
	}
	waitFolded(t)
}

// A downgrade: a newer version left a field in a status that this one does not know.
func TestDowngradeCostsTheNewerFieldsAlone(t *testing.T) {
	e := newEndpoint(t)
	id, body := newAsset()
	e.mustDeliver(t, body)
	before := e.waitState(t, id, "Created")

	newer := &unstructured.Unstructured{}
	newer.SetGroupVersionKind(fastpixv1.GroupVersion.WithKind("MediaAsset"))
	asControllers, err := client.New(deployment.asControllers.Config, client.Options{FieldValidation: "Strict"})
	if err != nil {
		t.Fatal(err)
	}
	write := func(ctx context.Context) error {
		if err := deployment.admin.Get(ctx, client.ObjectKey{Namespace: e.namespace, Name: id}, newer); err != nil {
			return err
		}
		if err := unstructured.SetNestedField(newer.Object, "of a newer version", "status", "newField"); err != nil {
			return err
		}
		return asControllers.Status().Update(ctx, newer)
	}
	refuse := func(ctx context.Context) error {
		if err := write(ctx); !apierrors.IsBadRequest(err) {
			return fmt.Errorf("want a strict refusal, got %w", err)
		}
		return nil
	}
	back := changeSchema(t, "mediaassets.video.fastpix.com", func(version map[string]any) {
		field := map[string]any{"type": "string"}
		if err := unstructured.SetNestedMap(version, field, "schema", "openAPIV3Schema", "properties", "status", "properties", "newField"); err != nil {
			t.Error(err)
		}
	}, write, refuse)

	e.mustDeliver(t, bytes.ReplaceAll(recent("video.media.ready.json"), []byte(fixtures.MediaA), []byte(id)))
	after := e.waitState(t, id, "Ready")
	if err := deployment.admin.Get(t.Context(), client.ObjectKeyFromObject(after), newer); err != nil {
		t.Fatal(err)
	}
	if value, found, err := unstructured.NestedString(newer.Object, "status", "newField"); found || err != nil {
		t.Errorf("the docs say that the field is gone after the next event: %q, %v", value, err)
	}
	if len(after.Status.RecentEvents) != 2 || after.UID != before.UID {
		t.Errorf("the rest is not as it must be: %+v", after.Status)
	}
	back()
	waitFolded(t)
}
