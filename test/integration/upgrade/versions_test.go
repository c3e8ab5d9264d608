package upgrade

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
	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// These tests protect upgrades and downgrades in any order: schemas that are older than the binary, and records that are newer than the
// controllers. Each delays events, and none loses an acknowledged event.

var crdKind = schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"}

// changeSchema gives a kind another schema, as another version of it has, until back is called. inForce and inForceNot return nil once the
// API server acts on the other schema, and on the right one.
func changeSchema(t *testing.T, crd string, change func(version map[string]any), inForce, inForceNot func(context.Context) error) (back func()) {
	t.Helper()
	original := &unstructured.Unstructured{}
	original.SetGroupVersionKind(crdKind)
	if err := framework.Deployed.Admin.Get(t.Context(), client.ObjectKey{Name: crd}, original); err != nil {
		t.Fatal(err)
	}
	replace := func(ctx context.Context, change func(version map[string]any)) error {
		now := original.DeepCopy()
		if err := framework.Deployed.Admin.Get(ctx, client.ObjectKey{Name: crd}, now); err != nil {
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
		return framework.Deployed.Admin.Update(ctx, now)
	}
	nothing := func(map[string]any) {}
	back = func() {
		t.Helper()
		framework.Eventually(t, "the schema is as it was", func(ctx context.Context) error {
			return errors.Join(replace(ctx, nothing), inForceNot(ctx))
		})
	}
	if err := replace(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = replace(context.WithoutCancel(t.Context()), nothing) })
	framework.Eventually(t, "the other schema is in force", inForce)
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
		return framework.Deployed.Admin.Create(ctx, object.DeepCopyObject().(client.Object), client.DryRunAll)
	}
	return func(ctx context.Context) error {
		if err := try(ctx); !apierrors.IsBadRequest(err) {
			return fmt.Errorf("want a strict refusal, got %w", err)
		}
		return nil
	}, try
}

func TestOlderSchemaOfTheJournalIs503AndLosesNothing(t *testing.T) {
	e := framework.NewEndpoint(t)
	inForce, inForceNot := refused(&fastpixv1.EventBatch{
		ObjectMeta: metav1.ObjectMeta{Namespace: framework.OperatorNamespace, Name: "probe"}, Spec: fastpixv1.EventBatchSpec{Events: []string{"{}"}},
	})
	back := changeSchema(t, "eventbatches.video.fastpix.com", without("spec", "events"), inForce, inForceNot)
	id, body := framework.NewAsset()
	for range 3 {
		got, err := e.PostOnce(t.Context(), http.DefaultClient, framework.Deployed.Receiver.ReceiverURL, body)
		if err != nil {
			t.Fatal(err)
		}
		if got.Code != http.StatusServiceUnavailable || got.RetryAfter == "" {
			t.Errorf("the schema lacks what is to be journaled: %d, Retry-After %q", got.Code, got.RetryAfter)
		}
	}
	framework.WaitJournalEmpty(t) // nothing empty is left behind
	back()
	e.MustDeliver(t, body)
	e.WaitState(t, id, "Created")
	framework.WaitJournalEmpty(t)
}

func TestOlderSchemaOfAMirrorKeepsEventsPending(t *testing.T) {
	e := framework.NewEndpoint(t)
	inForce, inForceNot := refused(&fastpixv1.MediaAsset{
		ObjectMeta: metav1.ObjectMeta{Namespace: e.Namespace, Name: "probe"},
		Spec:       fastpixv1.MediaAssetSpec{MediaID: "probe"}, Status: fastpixv1.MediaAssetStatus{RecentEvents: []fastpixv1.EventLine{"? t e"}},
	})
	back := changeSchema(t, "mediaassets.video.fastpix.com", without("status", "recentEvents"), inForce, inForceNot)
	id, body := framework.NewAsset()
	e.MustDeliver(t, body)
	framework.Eventually(t, "the event waits", func(context.Context) error {
		if n := e.Read(t).Status.PendingEvents; n != 1 {
			return fmt.Errorf("%d events are pending", n)
		}
		return nil
	})
	if a, err := e.Asset(t, id); client.IgnoreNotFound(err) != nil || a.Status.State != "" {
		t.Errorf("a status is written without a field of it: %+v (%v)", a.Status, err)
	}
	back()
	if a := e.WaitState(t, id, "Created"); len(a.Status.RecentEvents) != 1 {
		t.Errorf("the field is missing: %+v", a.Status)
	}
	framework.WaitJournalEmpty(t)
}

func TestNewerRecordsStayAndAreShown(t *testing.T) {
	e := framework.NewEndpoint(t)
	newer := fmt.Sprintf(`{"v":3,"ns":%q,"ep":"fastpix","changes":{"in another":"form"}}`, e.Namespace)
	framework.Create(t, &fastpixv1.EventBatch{
		ObjectMeta: metav1.ObjectMeta{Namespace: framework.OperatorNamespace, Name: "newer"}, Spec: fastpixv1.EventBatchSpec{Events: []string{newer}},
	})
	shown := func(ctx context.Context) error {
		var batches fastpixv1.EventBatchList
		if err := framework.Deployed.Admin.List(ctx, &batches, client.InNamespace(framework.OperatorNamespace)); err != nil {
			return err
		}
		if len(batches.Items) != 1 || len(batches.Items[0].Status.Failed) != 1 || batches.Items[0].Status.Failed[0].Reason != "NewerVersion" ||
			batches.Items[0].Spec.Events[0] != newer {
			return fmt.Errorf("the journal is %+v", batches.Items)
		}
		if n := e.Read(t).Status.FailedEvents; n != 1 {
			return fmt.Errorf("the endpoint counts %d failed events", n)
		}
		return framework.CheckMetric(ctx, framework.Deployed.Controllers, "fastpix_failed_events", 1)
	}
	framework.Eventually(t, "the newer record is kept and shown", shown)
	framework.Restart(t, framework.Deployed.Controllers)
	framework.Eventually(t, "the newer record is kept and shown after a restart", shown)

	// Others are not held up.
	id, body := framework.NewAsset()
	e.MustDeliver(t, body)
	e.WaitState(t, id, "Created")
	if err := framework.Deployed.Admin.DeleteAllOf(t.Context(), &fastpixv1.EventBatch{}, client.InNamespace(framework.OperatorNamespace)); err != nil {
		t.Fatal(err)
	}
	framework.WaitJournalEmpty(t)
}

// A downgrade: a newer version left a field in a status that this one does not know.
func TestDowngradeCostsTheNewerFieldsAlone(t *testing.T) {
	e := framework.NewEndpoint(t)
	id, body := framework.NewAsset()
	e.MustDeliver(t, body)
	before := e.WaitState(t, id, "Created")

	newer := &unstructured.Unstructured{}
	newer.SetGroupVersionKind(fastpixv1.GroupVersion.WithKind("MediaAsset"))
	asControllers, err := client.New(framework.Deployed.AsControllers.Config, client.Options{FieldValidation: "Strict"})
	if err != nil {
		t.Fatal(err)
	}
	write := func(ctx context.Context) error {
		if err := framework.Deployed.Admin.Get(ctx, client.ObjectKey{Namespace: e.Namespace, Name: id}, newer); err != nil {
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

	e.MustDeliver(t, bytes.ReplaceAll(framework.RecentPayload("video.media.ready.json"), []byte(fixtures.MediaA), []byte(id)))
	after := e.WaitState(t, id, "Ready")
	if err := framework.Deployed.Admin.Get(t.Context(), client.ObjectKeyFromObject(after), newer); err != nil {
		t.Fatal(err)
	}
	if value, found, err := unstructured.NestedString(newer.Object, "status", "newField"); found || err != nil {
		t.Errorf("the docs say that the next event removes the field: %q, %v", value, err)
	}
	if len(after.Status.RecentEvents) != 2 || after.UID != before.UID {
		t.Errorf("the rest is not as it must be: %+v", after.Status)
	}
	back()
	framework.WaitJournalEmpty(t)
}
