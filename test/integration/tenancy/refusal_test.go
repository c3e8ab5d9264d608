package tenancy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
)

func TestFailedRecordIsShownAndDelaysNoOther(t *testing.T) {
	e := framework.NewEndpoint(t)
	mediaID := "a media " + string(uuid.NewUUID())
	name := record.ObjectName(mediaID) // a hash: any other name of another media's object the API server refuses
	squatter := &fastpixv1.MediaAsset{ObjectMeta: metav1.ObjectMeta{Namespace: e.Namespace, Name: name}, Spec: fastpixv1.MediaAssetSpec{MediaID: "something else"}}
	framework.Create(t, squatter)
	e.MustDeliver(t, framework.NewEvent(mediaID))
	other, otherBody := framework.NewAsset()
	e.MustDeliver(t, otherBody)
	e.WaitState(t, other, "Created")
	framework.Eventually(t, "the failed record is shown", func(ctx context.Context) error {
		var batches fastpixv1.EventBatchList
		if err := framework.Deployed.Admin.List(ctx, &batches, client.InNamespace(framework.OperatorNamespace), client.MatchingLabels{fastpixv1.FailedLabel: "true"}); err != nil {
			return err
		}
		for _, b := range batches.Items {
			for _, f := range b.Status.Failed {
				if strings.HasSuffix(f.Object, e.Namespace+"/"+name) && f.Reason == "NameTaken" && e.Read(t).Status.FailedEvents == 1 {
					return nil
				}
			}
		}
		return fmt.Errorf("%d batches of failed records, the endpoint counts %d", len(batches.Items), e.Read(t).Status.FailedEvents)
	})
	if err := framework.CheckMetric(t.Context(), framework.Deployed.Controllers, "fastpix_failed_events", 1); err != nil {
		t.Error(err)
	}
	framework.Eventually(t, "a Kubernetes Event of the endpoint reports it", func(ctx context.Context) error {
		var events eventsv1.EventList
		if err := framework.Deployed.Admin.List(ctx, &events, client.InNamespace(e.Namespace)); err != nil {
			return err
		}
		for _, event := range events.Items {
			if event.Regarding.Kind == "WebhookEndpoint" && event.Reason == "NameTaken" && strings.Contains(event.Note, name) {
				return nil
			}
		}
		return fmt.Errorf("none of %d Events does", len(events.Items))
	})
	if err := framework.Deployed.Admin.Delete(t.Context(), squatter); err != nil {
		t.Fatal(err)
	}
	e.WaitState(t, name, "Created") // by itself, at the first try half a minute after it failed
	framework.WaitJournalEmpty(t)
	framework.Eventually(t, "the endpoint counts no failure any more", func(context.Context) error {
		if n := e.Read(t).Status.FailedEvents; n != 0 {
			return fmt.Errorf("it counts %d", n)
		}
		return nil
	})
}

// deny refuses new mirrors of a kind in a namespace, by an admission policy, until allow is called. The probe is one of them.
func deny(t *testing.T, namespace, resource string, probe client.Object) (allow func()) {
	t.Helper()
	meta := metav1.ObjectMeta{Name: "no-" + resource + "-" + namespace}
	try := func(ctx context.Context) error {
		object := probe.DeepCopyObject().(client.Object)
		object.SetNamespace(namespace)
		object.SetName("probe")
		return framework.Deployed.Admin.Create(ctx, object, client.DryRunAll)
	}
	framework.Create(t, &admissionv1.ValidatingAdmissionPolicy{ObjectMeta: meta, Spec: admissionv1.ValidatingAdmissionPolicySpec{
		MatchConstraints: &admissionv1.MatchResources{
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespace}},
			ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{
				Operations: []admissionv1.OperationType{admissionv1.Create},
				Rule:       admissionv1.Rule{APIGroups: []string{"video.fastpix.com"}, APIVersions: []string{"*"}, Resources: []string{resource}},
			}}},
		},
		Validations: []admissionv1.Validation{{Expression: "false", Message: "none here"}},
	}})
	binding := &admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: meta, Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
		PolicyName: meta.Name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
	}}
	framework.Create(t, binding)
	framework.Eventually(t, "the policy is in force", func(ctx context.Context) error {
		if err := try(ctx); err == nil {
			return errors.New("a mirror is admitted")
		}
		return nil
	})
	return func() {
		t.Helper()
		if err := framework.Deployed.Admin.Delete(t.Context(), binding); err != nil {
			t.Fatal(err)
		}
		framework.Eventually(t, "the policy is no longer in force", try)
	}
}

func TestTenantsPolicyFailsOnlyItsOwn(t *testing.T) {
	e, neighbour := framework.NewEndpoint(t), framework.NewEndpoint(t)
	// A policy of the tenant's own that refuses assets; a ResourceQuota would need kube-controller-manager.
	allow := deny(t, e.Namespace, "mediaassets", &fastpixv1.MediaAsset{Spec: fastpixv1.MediaAssetSpec{MediaID: "probe"}})
	id, body := framework.NewAsset()
	e.MustDeliver(t, body)
	otherID, otherBody := framework.NewAsset()
	neighbour.MustDeliver(t, otherBody)
	neighbour.WaitState(t, otherID, "Created")
	framework.Eventually(t, "the refusal is counted", func(context.Context) error {
		if n := e.Read(t).Status.FailedEvents; n != 1 {
			return fmt.Errorf("%d failed events", n)
		}
		return nil
	})
	if n := neighbour.Read(t).Status.FailedEvents; n != 0 {
		t.Errorf("the neighbour has %d failed events", n)
	}
	allow()
	framework.Restart(t, framework.Deployed.Controllers)
	e.WaitState(t, id, "Created")
	framework.WaitJournalEmpty(t)
}
