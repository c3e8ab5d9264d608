package lifecycle

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// TestEndpointThatPollsTakesNoWebhooks protects the part of an endpoint's status that the syncer writes: receivers and controllers keep it, whatever
// they write, and receivers write nothing about an endpoint without signing secrets. Such an endpoint takes no webhooks.
func TestEndpointThatPollsTakesNoWebhooks(t *testing.T) {
	e := framework.NewEndpoint(t)
	sync := writeSyncStatus(t, e, fastpixv1.ReasonAccepting)

	e.MirrorAsset(t)
	e.Edit(t, func(s *fastpixv1.WebhookEndpointSpec) { s.Suspend = true })
	framework.Eventually(t, "controllers and receiver have written the status", func(context.Context) error {
		s := e.Read(t).Status
		if ready := apimeta.FindStatusCondition(s.Conditions, fastpixv1.ConditionReady); s.LastEventTime == nil || ready.Reason != fastpixv1.ReasonSuspended {
			return fmt.Errorf("it is %+v", s)
		}
		return nil
	})
	sync.check(t, e)

	e.Edit(t, func(s *fastpixv1.WebhookEndpointSpec) {
		s.Suspend, s.SigningSecrets = false, nil
		s.Sync = &fastpixv1.SyncSpec{CredentialsSecret: fastpixv1.APICredentialsReference{Name: "api-credentials"}}
	})
	_, body := framework.NewAsset()
	waitAnswer(t, e, http.StatusNotFound, body)
	waitAnswer(t, e, http.StatusNotFound, []byte("{}"))
	sync = writeSyncStatus(t, e, fastpixv1.ReasonPollingOnly)
	<-time.After(2 * time.Second) // longer than a receiver needs to write a status
	sync.check(t, e)
	if ready := apimeta.FindStatusCondition(e.Read(t).Status.Conditions, fastpixv1.ConditionReady); ready.Reason != fastpixv1.ReasonPollingOnly {
		t.Errorf("Ready is %+v", ready)
	}

	e.Edit(t, func(s *fastpixv1.WebhookEndpointSpec) {
		s.SigningSecrets = []fastpixv1.SigningSecretReference{{Name: "signing-secret"}}
	})
	waitAnswer(t, e, http.StatusOK, body)
	framework.Eventually(t, "the receiver writes the status again", func(context.Context) error {
		s := e.Read(t).Status
		if ready := apimeta.FindStatusCondition(s.Conditions, fastpixv1.ConditionReady); ready.Reason != fastpixv1.ReasonAccepting || s.Path != e.Path() {
			return fmt.Errorf("it is %+v", s)
		}
		return nil
	})
	sync.check(t, e)
	framework.WaitJournalEmpty(t)
}

// waitAnswer waits until the receiver has observed the spec, and so gives that answer to a signed delivery.
func waitAnswer(t *testing.T, e framework.Endpoint, want int, body []byte) {
	t.Helper()
	framework.Eventually(t, fmt.Sprintf("a delivery is answered %d", want), func(ctx context.Context) error {
		got, err := framework.Deployed.Receiver.Post(ctx, e.Path(), body, fixtures.Sign(fixtures.SigningSecret, body))
		if err == nil && got != want {
			err = fmt.Errorf("answer %d", got)
		}
		return err
	})
}

// syncStatus is what the syncer wrote into the status of an endpoint.
type syncStatus struct {
	status fastpixv1.SyncStatus
	synced metav1.Condition
}

// writeSyncStatus writes what the syncer writes: what a run found, and the reason of Ready.
func writeSyncStatus(t *testing.T, e framework.Endpoint, ready string) syncStatus {
	t.Helper()
	at := metav1.NewMicroTime(time.Now().Truncate(time.Microsecond))
	written := syncStatus{
		status: fastpixv1.SyncStatus{
			LastStartedTime: &at, LastCompletedTime: &at, HandledRequest: "now", WorkspaceID: "workspace",
			MediaAssets: 5, LiveStreams: 4, Created: 3, Repaired: 2, Deleted: 1,
		},
		synced: metav1.Condition{Type: fastpixv1.ConditionSynced, Status: metav1.ConditionTrue, Reason: fastpixv1.ReasonSynced, Message: "9 objects."},
	}
	framework.Eventually(t, "the status is written", func(ctx context.Context) error {
		whe := e.Read(t)
		whe.Status.Sync = written.status.DeepCopy()
		apimeta.SetStatusCondition(&whe.Status.Conditions, written.synced)
		apimeta.SetStatusCondition(&whe.Status.Conditions, metav1.Condition{
			Type: fastpixv1.ConditionReady, Status: metav1.ConditionTrue, Reason: ready, ObservedGeneration: whe.Generation,
		})
		return framework.Deployed.Admin.Status().Update(ctx, whe)
	})
	return written
}

// check checks that the endpoint still has what was written.
func (s syncStatus) check(t *testing.T, e framework.Endpoint) {
	t.Helper()
	got := e.Read(t).Status
	if got.Sync == nil || !equality.Semantic.DeepEqual(*got.Sync, s.status) {
		t.Errorf("status.sync is %+v, want %+v", got.Sync, s.status)
	}
	if c := apimeta.FindStatusCondition(got.Conditions, fastpixv1.ConditionSynced); c == nil || c.Reason != s.synced.Reason || c.Message != s.synced.Message {
		t.Errorf("Synced is %+v, want %+v", c, s.synced)
	}
}
