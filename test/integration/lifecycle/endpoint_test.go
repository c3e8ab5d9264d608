package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/fastpix-operator/fastpix-operator/test/framework"
)

// TestRecreatedEndpointStartsEmpty protects a WebhookEndpoint from what was seen of another one that had its name: times from before
// it existed.
func TestRecreatedEndpointStartsEmpty(t *testing.T) {
	e := framework.NewEndpoint(t)
	for range 3 {
		e.MirrorAsset(t)
		framework.Eventually(t, "the time of the last event is shown", func(context.Context) error {
			s := e.Read(t).Status
			if s.LastEventTime == nil || len(s.SigningSecrets) != 1 || s.SigningSecrets[0].LastVerifiedTime == nil {
				return fmt.Errorf("the status is %+v", s)
			}
			return nil
		})
		whe := e.Read(t)
		if at := whe.Status.LastEventTime; at.Time.Before(whe.CreationTimestamp.Time) {
			t.Errorf("the last event came at %s, the endpoint was made at %s", at, whe.CreationTimestamp)
		}
		if err := framework.Deployed.Admin.Delete(t.Context(), whe); err != nil {
			t.Fatal(err)
		}
		framework.Create(t, framework.MakeEndpoint(e.Namespace, "fastpix"))
		e.WaitReady(t)
		framework.Eventually(t, "counts are published", func(context.Context) error {
			if e.Read(t).Status.PendingTime == nil {
				return errors.New("they are not")
			}
			return nil
		})
		if s := e.Read(t).Status; s.LastEventTime != nil || s.SigningSecrets[0].LastVerifiedTime != nil {
			t.Errorf("before its first event, the last one came at %v, and its key verified at %v", s.LastEventTime, s.SigningSecrets[0].LastVerifiedTime)
		}
	}
}
