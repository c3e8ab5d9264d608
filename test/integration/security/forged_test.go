package security

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
)

// TestReceiverCreatesOnlyItsOwnBatches protects each tenant from a batch that says how many of its events failed, and the controllers from
// batches that cannot be deleted or take much memory.
func TestReceiverCreatesOnlyItsOwnBatches(t *testing.T) {
	const counts = fastpixv1.EventCountsAnnotation
	genuine := func() *fastpixv1.EventBatch {
		return &fastpixv1.EventBatch{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: framework.OperatorNamespace, Name: "events-0123456789abcdef-0123456789abcdef", Annotations: map[string]string{counts: "tenant-b/ep=1"},
			},
			Spec: fastpixv1.EventBatchSpec{Events: []string{"{}"}},
		}
	}
	for name, tt := range map[string]struct {
		change  func(*fastpixv1.EventBatch)
		allowed bool
	}{
		"a genuine batch":       {func(*fastpixv1.EventBatch) {}, true},
		"a batch without":       {func(b *fastpixv1.EventBatch) { b.Annotations = nil }, true},
		"failed records":        {func(b *fastpixv1.EventBatch) { b.Labels = map[string]string{fastpixv1.FailedLabel: "true"} }, false},
		"another label":         {func(b *fastpixv1.EventBatch) { b.Labels = map[string]string{"a": "b"} }, false},
		"name of failed events": {func(b *fastpixv1.EventBatch) { b.Name = "failed-0123" }, false},
		"an owner": {func(b *fastpixv1.EventBatch) {
			b.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "c", UID: "u"}}
		}, false},
		"a finalizer":        {func(b *fastpixv1.EventBatch) { b.Finalizers = []string{"example.com/never"} }, false},
		"another annotation": {func(b *fastpixv1.EventBatch) { b.Annotations["example.com/a"] = "b" }, false},
		"a long annotation":  {func(b *fastpixv1.EventBatch) { b.Annotations[counts] = strings.Repeat("a/b=1,", 32_000) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := genuine()
			tt.change(b)
			for part, as := range map[string]controlplane.Identity{"receiver": framework.Deployed.AsReceiver, "syncer": framework.Deployed.AsSyncer} {
				err := framework.ClientFor(t, as).Create(t.Context(), b.DeepCopy(), client.DryRunAll)
				if tt.allowed != (err == nil) || !tt.allowed && !apierrors.IsForbidden(err) {
					t.Errorf("%s: want allowed: %t, got %v", part, tt.allowed, err)
				}
			}
			if err := framework.ClientFor(t, framework.Deployed.AsControllers).Create(t.Context(), b, client.DryRunAll); err != nil {
				t.Errorf("the controllers may not create it: %v", err)
			}
		})
	}
}

// TestOperatorWritesOnlyItsOwnEvents protects other controllers' Events, and whatever acts on the metadata of Events.
func TestOperatorWritesOnlyItsOwnEvents(t *testing.T) {
	namespace := framework.NewNamespace(t)
	event := func(name, controller string) *eventsv1.Event {
		return &eventsv1.Event{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, EventTime: metav1.NowMicro(), ReportingController: controller,
			ReportingInstance: "i", Action: "Test", Reason: "Test", Type: corev1.EventTypeNormal,
			Regarding: corev1.ObjectReference{Kind: "WebhookEndpoint", Namespace: namespace, Name: "fastpix"},
		}
	}
	foreign := event("foreign", "example.com/another")
	framework.Create(t, foreign)
	for name, as := range map[string]controlplane.Identity{
		"fastpix-receiver": framework.Deployed.AsReceiver, "fastpix-controller-manager": framework.Deployed.AsControllers, "fastpix-syncer": framework.Deployed.AsSyncer,
	} {
		c := framework.ClientFor(t, as)
		own := event("of-"+name, name)
		if err := c.Create(t.Context(), own); err != nil {
			t.Fatal(err)
		}
		patch := func(o client.Object, text string) error {
			return c.Patch(t.Context(), o.DeepCopyObject().(client.Object), client.RawPatch(types.StrategicMergePatchType, []byte(text)))
		}
		if err := patch(own, `{"series":{"count":2,"lastObservedTime":"2026-01-01T00:00:00.000000Z"}}`); err != nil {
			t.Errorf("%s cannot count its own Event: %v", name, err)
		}
		labelled := event("labelled-"+name, name)
		labelled.Labels = map[string]string{"a": "b"}
		for what, err := range map[string]error{
			"creates another's Event":         c.Create(t.Context(), event("forged-"+name, "example.com/another")),
			"creates an Event with a label":   c.Create(t.Context(), labelled),
			"labels another's Event":          patch(foreign, `{"metadata":{"labels":{"a":"b"}}}`),
			"counts another's Event":          patch(foreign, `{"series":{"count":2,"lastObservedTime":"2026-01-01T00:00:00.000000Z"}}`),
			"labels its own Event":            patch(own, `{"metadata":{"labels":{"a":"b"}}}`),
			"keeps its own Event for good":    patch(own, `{"metadata":{"finalizers":["example.com/never"]}}`),
			"gives its own Event to an owner": patch(own, `{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"c","uid":"u"}]}}`),
		} {
			if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "fastpix-events") {
				t.Errorf("%s %s: %v, want Forbidden by the policy", name, what, err)
			}
		}
	}
}

const bloat = 247_000 // the API server takes 262,144 in all annotations of an object

// TestMetadataOfWatchedObjectsIsBounded protects all parts from a user of one namespace, and users from a rule that stops them later.
func TestMetadataOfWatchedObjectsIsBounded(t *testing.T) {
	namespace := framework.NewNamespace(t)
	large := func(n int) map[string]string { return map[string]string{"example.com/large": strings.Repeat("x", n)} }
	many := map[string]string{}
	for i := range 2000 {
		many[fmt.Sprintf("example.com/label-%d", i)] = "some-value"
	}
	for name, meta := range map[string]metav1.ObjectMeta{
		"annotations": {Annotations: large(bloat)}, "labels": {Labels: many},
	} {
		endpoint := framework.MakeEndpoint(namespace, "large")
		for _, o := range []client.Object{
			endpoint,
			&fastpixv1.MediaAsset{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "m"}, Spec: fastpixv1.MediaAssetSpec{MediaID: "m"}},
			&fastpixv1.LiveStream{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "s"}, Spec: fastpixv1.LiveStreamSpec{StreamID: "s"}},
		} {
			o.SetAnnotations(meta.Annotations)
			o.SetLabels(meta.Labels)
			if err := framework.Deployed.Admin.Create(t.Context(), o, client.DryRunAll); err == nil || !strings.Contains(err.Error(), "32768 are allowed") {
				t.Errorf("%T with large %s: %v", o, name, err)
			}
		}
	}
	endpoint := framework.MakeEndpoint(namespace, "fastpix")
	endpoint.Annotations = large(16 << 10) // far more than kubectl apply writes
	framework.Create(t, endpoint)

	restore := withoutPolicy(t, "fastpix-metadata-size")
	grown := framework.MakeEndpoint(namespace, "older")
	grown.Annotations = large(64 << 10)
	framework.Create(t, grown)
	restore()
	grown.Annotations["example.com/large"] += "x"
	if err := framework.Deployed.Admin.Update(t.Context(), grown.DeepCopy(), client.DryRunAll); err == nil || !strings.Contains(err.Error(), "32768") && !apierrors.IsConflict(err) {
		t.Errorf("an endpoint that was too large may grow: %v", err)
	}
	framework.Eventually(t, "an endpoint that was too large can be changed", func(ctx context.Context) error {
		if err := framework.Deployed.Admin.Get(ctx, client.ObjectKeyFromObject(grown), grown); err != nil {
			return err
		}
		grown.Annotations = large(63 << 10)
		grown.Spec.Suspend = true
		return framework.Deployed.Admin.Update(ctx, grown)
	})
}

// withoutPolicy takes a policy out of force, as if it had been installed later, until what it returns is called.
func withoutPolicy(t *testing.T, name string) (restore func()) {
	t.Helper()
	var binding admissionv1.ValidatingAdmissionPolicyBinding
	if err := framework.Deployed.Admin.Get(t.Context(), client.ObjectKey{Name: name}, &binding); err != nil {
		t.Fatal(err)
	}
	if err := framework.Deployed.Admin.Delete(t.Context(), &binding); err != nil {
		t.Fatal(err)
	}
	probe := func(ctx context.Context) error {
		e := framework.MakeEndpoint("default", "probe")
		e.Annotations = map[string]string{"example.com/large": strings.Repeat("x", bloat)}
		return framework.Deployed.Admin.Create(ctx, e, client.DryRunAll)
	}
	var once sync.Once
	restore = func() {
		once.Do(func() {
			binding.ResourceVersion, binding.UID = "", ""
			if err := framework.Deployed.Admin.Create(context.WithoutCancel(t.Context()), &binding); err != nil {
				t.Error(err)
			}
		})
		if t.Context().Err() == nil {
			framework.Eventually(t, "the policy is in force", func(ctx context.Context) error {
				if probe(ctx) == nil {
					return fmt.Errorf("it is not")
				}
				return nil
			})
		}
	}
	t.Cleanup(restore)
	framework.Eventually(t, "the policy is out of force", probe)
	return restore
}

// TestLargeObjectsOfUsersTakeNoMemory measures the receiver and the controllers with endpoints from before there was a policy, and controllers with batches that the
// policy does not stop: an installation may be without it.
func TestLargeObjectsOfUsersTakeNoMemory(t *testing.T) {
	const endpoints, batches = 200, 40
	e := framework.NewEndpoint(t)
	namespace := framework.NewNamespace(t)
	restore := withoutPolicy(t, "fastpix-metadata-size")
	t.Cleanup(func() { // without kube-controller-manager, nothing else removes what is in a namespace
		if err := framework.Deployed.Admin.DeleteAllOf(context.WithoutCancel(t.Context()), &fastpixv1.WebhookEndpoint{}, client.InNamespace(namespace)); err != nil {
			t.Error(err)
		}
	})
	framework.InParallel(t, endpoints, func(n int) error {
		large := framework.MakeEndpoint(namespace, fmt.Sprintf("large-%03d", n))
		large.Annotations = map[string]string{"example.com/large": strings.Repeat("x", bloat)}
		return framework.Deployed.Admin.Create(t.Context(), large)
	})
	restore()
	receiver := framework.NewProcessWithEnv(t, "bloated-receiver", []string{controlplane.ReceiverGoMemoryLimit}, framework.Deployed.AsReceiver, "--controllers=false", "--syncer=false")
	checkMemory(t, "receiver", receiver)

	if err := framework.Deployed.Controllers.Stop(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { framework.EnsureRunning(t, framework.Deployed.Controllers) })
	t.Cleanup(func() { // before the controllers are back, which would move what is in them
		if err := framework.Deployed.Admin.DeleteAllOf(context.WithoutCancel(t.Context()), &fastpixv1.EventBatch{}, client.InNamespace(framework.OperatorNamespace)); err != nil {
			t.Error(err)
		}
	})
	forger := framework.ClientFor(t, framework.Deployed.AsControllers) // whom no policy stops
	var pairs strings.Builder
	for i := range 32_000 {
		fmt.Fprintf(&pairs, "a/%d=1,", i%1000)
	}
	framework.InParallel(t, batches, func(n int) error {
		return forger.Create(t.Context(), &fastpixv1.EventBatch{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: framework.OperatorNamespace, Name: fmt.Sprintf("forged-%03d", n), Labels: map[string]string{fastpixv1.FailedLabel: "true"},
				Annotations: map[string]string{fastpixv1.EventCountsAnnotation: pairs.String() + e.Namespace + "/fastpix=1000000000"},
			},
			Spec: fastpixv1.EventBatchSpec{Events: []string{"forged"}},
		})
	})
	controllers := framework.NewProcessWithEnv(t, "bloated-controllers", []string{controlplane.GoMemoryLimit}, framework.Deployed.AsControllers, "--receiver=false", "--syncer=false")
	begun := time.Now()
	framework.Eventually(t, "all forged batches are known", func(ctx context.Context) error {
		return framework.CheckMetric(ctx, controllers, "fastpix_incredible_batches_total", batches)
	})
	t.Logf("all forged batches are known after %v", time.Since(begun).Round(time.Millisecond))
	id, body := framework.NewAsset()
	e.MustDeliver(t, body)
	e.WaitState(t, id, "Created")
	t.Logf("an event beside them is mirrored after %v", time.Since(begun).Round(time.Millisecond))
	checkMemory(t, "controllers", controllers)
	if whe := e.Read(t); whe.Status.FailedEvents != 0 {
		t.Errorf("a forged count is believed: %d failed events", whe.Status.FailedEvents)
	}
	if err := forger.DeleteAllOf(t.Context(), &fastpixv1.EventBatch{}, client.InNamespace(framework.OperatorNamespace)); err == nil {
		t.Error("the controllers may delete all batches at once")
	}
}

func checkMemory(t *testing.T, name string, o *controlplane.Operator) {
	t.Helper()
	peak := framework.PeakMiB(t, o)
	t.Logf("the %s took %d MiB at most", name, peak)
	if peak >= framework.MemoryRequestMiB {
		t.Errorf("the %s took %d MiB, they may take %d", name, peak, framework.MemoryRequestMiB)
	}
}
