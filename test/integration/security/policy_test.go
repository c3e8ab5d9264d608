package security

import (
	"context"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
)

// TestOnlyControllersWriteStatus protects that a mirror says only what signed events said: not even an administrator writes
// a status, by whatever verb; the controllers may.
func TestOnlyControllersWriteStatus(t *testing.T) {
	namespace := framework.NewNamespace(t)
	asset := &fastpixv1.MediaAsset{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "m"}, Spec: fastpixv1.MediaAssetSpec{MediaID: "m"}}
	stream := &fastpixv1.LiveStream{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "s"}, Spec: fastpixv1.LiveStreamSpec{StreamID: "s"}}
	framework.Create(t, asset)
	framework.Create(t, stream)
	asset.Status.State, stream.Status.State = "Ready", "Active"
	controllers, err := client.New(framework.Deployed.AsControllers.Config, client.Options{Scheme: framework.Deployed.Admin.Scheme()})
	if err != nil {
		t.Fatal(err)
	}

	for _, o := range []client.Object{asset, stream} {
		attempts := map[string]error{
			"update": framework.Deployed.Admin.Status().Update(t.Context(), o.DeepCopyObject().(client.Object)),
			"patch": framework.Deployed.Admin.Status().Patch(t.Context(), o.DeepCopyObject().(client.Object),
				client.RawPatch("application/merge-patch+json", []byte(`{"status":{"state":"Ready"}}`))),
		}
		for verb, err := range attempts {
			if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "FastPix controllers") {
				t.Errorf("an administrator's %s of the status of a %T: %v, want Forbidden by the policy", verb, o, err)
			}
		}
		if err := controllers.Status().Update(t.Context(), o); err != nil {
			t.Errorf("the controllers' status of a %T: %v", o, err)
		}
	}
}

// TestReceiverWritesOnlyItsPartOfAnEndpoint protects that a stolen receiver identity cannot make the controllers drop events by
// saying that they are purged.
func TestReceiverWritesOnlyItsPartOfAnEndpoint(t *testing.T) {
	e := framework.NewEndpoint(t)
	receiver, err := client.New(framework.Deployed.AsReceiver.Config, client.Options{Scheme: framework.Deployed.Admin.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	controllers, err := client.New(framework.Deployed.AsControllers.Config, client.Options{Scheme: framework.Deployed.Admin.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	tooMany := metav1.Condition{Type: fastpixv1.ConditionTooManyAssets, Status: metav1.ConditionTrue, Reason: "TooManyAssets"}
	fingerprint := ""
	framework.Eventually(t, "the controllers write their part", func(ctx context.Context) error {
		whe := e.Read(t)
		whe.Status.SigningSecrets[0].LastVerifiedTime = new(metav1.NowMicro())
		fingerprint = whe.Status.SigningSecrets[0].Fingerprint
		apimeta.SetStatusCondition(&whe.Status.Conditions, tooMany)
		return controllers.Status().Update(ctx, whe)
	})
	later := metav1.NewMicroTime(time.Now().Add(time.Minute))
	verified := func(fingerprint string) func(*fastpixv1.WebhookEndpointStatus) {
		return func(s *fastpixv1.WebhookEndpointStatus) {
			s.SigningSecrets = []fastpixv1.SigningSecretStatus{{Name: "signing-secret", Fingerprint: fingerprint, LastVerifiedTime: &later}}
		}
	}
	for name, tc := range map[string]struct {
		change func(*fastpixv1.WebhookEndpointStatus)
		want   bool
	}{
		"its path":                 {change: func(s *fastpixv1.WebhookEndpointStatus) { s.Path = "/changed" }, want: true},
		"a key that is out of use": {change: func(s *fastpixv1.WebhookEndpointStatus) { s.SigningSecrets = nil }, want: true},
		"its generation":           {change: func(s *fastpixv1.WebhookEndpointStatus) { s.ObservedGeneration = 0 }, want: true},
		"what is purged":           {change: func(s *fastpixv1.WebhookEndpointStatus) { s.PurgedThrough = &later }},
		"how much is pending":      {change: func(s *fastpixv1.WebhookEndpointStatus) { s.PendingEvents = 17 }},
		"when that was counted":    {change: func(s *fastpixv1.WebhookEndpointStatus) { s.PendingTime = &later }},
		"how much failed":          {change: func(s *fastpixv1.WebhookEndpointStatus) { s.FailedEvents = 17 }},
		"when the last event came": {change: func(s *fastpixv1.WebhookEndpointStatus) { s.LastEventTime = &later }},
		"when a key last verified": {change: verified(fingerprint)},
		"that another ever did":    {change: verified("01234567")},
		"how many assets there are": {change: func(s *fastpixv1.WebhookEndpointStatus) {
			said := tooMany
			said.Message = "Changed."
			apimeta.SetStatusCondition(&s.Conditions, said)
		}},
		"that there were too many": {change: func(s *fastpixv1.WebhookEndpointStatus) {
			apimeta.RemoveStatusCondition(&s.Conditions, fastpixv1.ConditionTooManyAssets)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			framework.Eventually(t, "an attempt meets no conflict", func(ctx context.Context) error {
				whe := e.Read(t)
				tc.change(&whe.Status)
				err := receiver.Status().Update(ctx, whe)
				if apierrors.IsConflict(err) {
					return err
				}
				if tc.want != (err == nil) || !tc.want && (!apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "what the controllers say")) {
					t.Errorf("want allowed: %t, got %v", tc.want, err)
				}
				return nil
			})
		})
	}
}
