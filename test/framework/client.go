package framework

import (
	"context"
	"errors"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apiresource "k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
)

// Create creates an object as an administrator, or fails the test.
func Create(t *testing.T, o client.Object) {
	t.Helper()
	if err := Deployed.Admin.Create(t.Context(), o); err != nil {
		t.Fatal(err)
	}
}

// ClientFor returns a client of an identity that refuses unknown fields.
func ClientFor(t *testing.T, as controlplane.Identity) client.Client {
	t.Helper()
	c, err := client.New(as.Config, client.Options{Scheme: Deployed.Admin.Scheme(), FieldValidation: "Strict"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Kubectl runs kubectl as an administrator and returns its output, or fails the test.
func Kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := Deployed.Kubectl(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// SetJournalQuota limits the number of batches in the journal, and waits until the quota is counted.
func SetJournalQuota(t *testing.T, quota *corev1.ResourceQuota, batches int64) {
	t.Helper()
	const counted = "count/eventbatches.video.fastpix.com"
	Eventually(t, "the quota is counted", func(ctx context.Context) error {
		if err := Deployed.Admin.Get(ctx, client.ObjectKeyFromObject(quota), quota); err != nil {
			return err
		}
		want := *apiresource.NewQuantity(batches, apiresource.DecimalSI)
		if now := quota.Spec.Hard[counted]; now.Cmp(want) != 0 {
			quota.Spec.Hard = corev1.ResourceList{counted: want}
			return errors.Join(Deployed.Admin.Update(ctx, quota), errors.New("it was changed just now"))
		}
		hard, used := quota.Status.Hard[counted], quota.Status.Used[counted]
		if hard.Cmp(want) != 0 || !used.IsZero() {
			return fmt.Errorf("it is %s, of which %s are used", hard.String(), used.String())
		}
		return nil
	})
}
