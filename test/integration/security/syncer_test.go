package security

import (
	"context"
	"fmt"
	"strings"
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

// These tests protect the third identity: the syncer works with the rights of config/rbac/syncer, and changes only its part of an endpoint.

// TestSyncerRunsAlone protects a process with the flags of config/syncer: it is ready, serves metrics, and leads by a lease of its own.
func TestSyncerRunsAlone(t *testing.T) {
	o := framework.StartSyncer(t, "syncer", "http://127.0.0.1:1/v1")
	framework.Eventually(t, "the syncer leads", func(ctx context.Context) error {
		var lease coordinationv1.Lease
		if err := framework.Deployed.Admin.Get(ctx, client.ObjectKey{Namespace: framework.OperatorNamespace, Name: tenant.SyncerAccount}, &lease); err != nil {
			return err
		}
		if lease.Spec.HolderIdentity == nil || *lease.Spec.HolderIdentity == "" {
			return fmt.Errorf("the lease %s has no holder", lease.Name)
		}
		return nil
	})
	if !framework.IsReady(t.Context(), o) {
		t.Error("the syncer is not ready")
	}
	framework.Eventually(t, "the metrics show that the syncer leads", func(ctx context.Context) error {
		text, err := framework.Deployed.Metrics(ctx, o)
		if err == nil && !strings.Contains(string(text), `leader_election_master_status{name="fastpix-syncer"} 1`) {
			err = fmt.Errorf("they do not:\n%s", text)
		}
		return err
	})
}

// TestSyncerWritesOnlyItsPartOfAnEndpoint protects the controllers and the receivers from a stolen syncer identity, and the condition Synced from a
// stolen receiver identity.
func TestSyncerWritesOnlyItsPartOfAnEndpoint(t *testing.T) {
	e := framework.NewEndpoint(t)
	receiver, syncer := framework.ClientFor(t, framework.Deployed.AsReceiver), framework.ClientFor(t, framework.Deployed.AsSyncer)
	now := metav1.NowMicro()
	condition := func(name string) func(*fastpixv1.WebhookEndpointStatus) {
		return func(s *fastpixv1.WebhookEndpointStatus) {
			apimeta.SetStatusCondition(&s.Conditions, metav1.Condition{Type: name, Status: metav1.ConditionFalse, Reason: "Test", Message: "Changed."})
		}
	}
	const byController, byReceiver, bySyncer = "what the controllers say", "what the receiver says", "what the syncer says"
	for name, tt := range map[string]struct {
		as      client.Client
		change  func(*fastpixv1.WebhookEndpointStatus)
		refused string // in the error; empty if the change is allowed
	}{
		"the syncer writes Synced":                       {syncer, condition(fastpixv1.ConditionSynced), ""},
		"the receiver writes Synced":                     {receiver, condition(fastpixv1.ConditionSynced), bySyncer},
		"the syncer writes the result of a run":          {syncer, func(s *fastpixv1.WebhookEndpointStatus) { s.Sync = &fastpixv1.SyncStatus{MediaAssets: 1} }, ""},
		"the receiver writes the result of a run":        {receiver, func(s *fastpixv1.WebhookEndpointStatus) { s.Sync = &fastpixv1.SyncStatus{MediaAssets: 1} }, bySyncer},
		"the syncer writes Ready":                        {syncer, condition(fastpixv1.ConditionReady), byReceiver},
		"the syncer writes TooManyAssets":                {syncer, condition(fastpixv1.ConditionTooManyAssets), byController},
		"the syncer writes the path":                     {syncer, func(s *fastpixv1.WebhookEndpointStatus) { s.Path = "/changed" }, byReceiver},
		"the syncer writes the URL":                      {syncer, func(s *fastpixv1.WebhookEndpointStatus) { s.URL = "https://changed.example" }, byReceiver},
		"the syncer removes fingerprints":                {syncer, func(s *fastpixv1.WebhookEndpointStatus) { s.SigningSecrets = nil }, byReceiver},
		"the syncer writes the generation":               {syncer, func(s *fastpixv1.WebhookEndpointStatus) { s.ObservedGeneration = 0 }, byReceiver},
		"the syncer writes what is purged":               {syncer, func(s *fastpixv1.WebhookEndpointStatus) { s.PurgedThrough = &now }, byController},
		"the syncer writes how much is pending":          {syncer, func(s *fastpixv1.WebhookEndpointStatus) { s.PendingEvents = 17 }, byController},
		"the syncer writes when that was counted":        {syncer, func(s *fastpixv1.WebhookEndpointStatus) { s.PendingTime = &now }, byController},
		"the syncer writes how much failed":              {syncer, func(s *fastpixv1.WebhookEndpointStatus) { s.FailedEvents = 17 }, byController},
		"the syncer writes when the last event happened": {syncer, func(s *fastpixv1.WebhookEndpointStatus) { s.LastEventTime = &now }, byController},
	} {
		t.Run(name, func(t *testing.T) {
			framework.Eventually(t, "an attempt meets no conflict", func(ctx context.Context) error {
				whe := e.Read(t)
				tt.change(&whe.Status)
				err := tt.as.Status().Update(ctx, whe, client.DryRunAll)
				switch {
				case apierrors.IsConflict(err):
					return err
				case tt.refused == "" && err != nil:
					t.Errorf("refused: %v", err)
				case tt.refused != "" && (!apierrors.IsForbidden(err) || !strings.Contains(err.Error(), tt.refused)):
					t.Errorf("got %v, want Forbidden because it changes %s", err, tt.refused)
				}
				return nil
			})
		})
	}
}

// TestSyncerWritesConditionsWithoutSigningSecrets protects endpoints that only poll: the receiver writes nothing there, so the syncer writes Ready. What
// the controllers write stays out of its reach.
func TestSyncerWritesConditionsWithoutSigningSecrets(t *testing.T) {
	whe := framework.MakeEndpoint(framework.NewNamespace(t), tenant.EndpointName)
	whe.Spec.SigningSecrets = nil
	whe.Spec.Sync = &fastpixv1.SyncSpec{CredentialsSecret: fastpixv1.APICredentialsReference{Name: tenant.APISecretName}}
	framework.Create(t, whe)
	syncer := framework.ClientFor(t, framework.Deployed.AsSyncer)
	write := func(change func(*fastpixv1.WebhookEndpointStatus)) (err error) {
		framework.Eventually(t, "an attempt meets no conflict", func(ctx context.Context) error {
			var read fastpixv1.WebhookEndpoint
			if err := framework.Deployed.Admin.Get(ctx, client.ObjectKeyFromObject(whe), &read); err != nil {
				return err
			}
			change(&read.Status)
			if err = syncer.Status().Update(ctx, &read); apierrors.IsConflict(err) {
				return err
			}
			return nil
		})
		return err
	}
	if err := write(func(s *fastpixv1.WebhookEndpointStatus) {
		s.ObservedGeneration = 1
		apimeta.SetStatusCondition(&s.Conditions, metav1.Condition{Type: fastpixv1.ConditionReady, Status: metav1.ConditionTrue, Reason: fastpixv1.ReasonPollingOnly})
	}); err != nil {
		t.Errorf("the syncer may not write Ready: %v", err)
	}
	err := write(func(s *fastpixv1.WebhookEndpointStatus) { s.FailedEvents = 17 })
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "what the controllers say") {
		t.Errorf("the syncer writes how much failed: %v, want Forbidden by the policy", err)
	}
}
