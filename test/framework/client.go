package framework

import (
	"context"
	"errors"
	"fmt"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apiresource "k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
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

// WaitAllowed waits until the API server knows that a user was given a right: a binding is in force a moment after its creation.
func WaitAllowed(t *testing.T, right authorizationv1.SubjectAccessReviewSpec) {
	t.Helper()
	Eventually(t, "the API server knows the rights of "+right.User, func(ctx context.Context) error {
		review := &authorizationv1.SubjectAccessReview{Spec: right}
		err := Deployed.Admin.Create(ctx, review)
		if err == nil && !review.Status.Allowed {
			err = errors.New("it does not")
		}
		return err
	})
}

// JournalLength returns the number of batches in the journal.
func JournalLength(ctx context.Context) (int, error) {
	var list metav1.PartialObjectMetadataList
	list.SetGroupVersionKind(fastpixv1.GroupVersion.WithKind("EventBatchList"))
	err := Deployed.Admin.List(ctx, &list, client.InNamespace(OperatorNamespace))
	return len(list.Items), err
}

// JournalQuota is the name under which a ResourceQuota counts the batches in the journal.
const JournalQuota = "count/eventbatches.video.fastpix.com"

// SetJournalQuota limits the number of batches in the journal, and waits until the quota is counted.
func SetJournalQuota(t *testing.T, quota *corev1.ResourceQuota, batches int64) {
	t.Helper()
	Eventually(t, "the quota is counted", func(ctx context.Context) error {
		if err := Deployed.Admin.Get(ctx, client.ObjectKeyFromObject(quota), quota); err != nil {
			return err
		}
		want := *apiresource.NewQuantity(batches, apiresource.DecimalSI)
		if now := quota.Spec.Hard[JournalQuota]; now.Cmp(want) != 0 {
			quota.Spec.Hard = corev1.ResourceList{JournalQuota: want}
			return errors.Join(Deployed.Admin.Update(ctx, quota), errors.New("it was changed just now"))
		}
		hard, used := quota.Status.Hard[JournalQuota], quota.Status.Used[JournalQuota]
		if hard.Cmp(want) != 0 || !used.IsZero() {
			return fmt.Errorf("it is %s, of which %s are used", hard.String(), used.String())
		}
		return nil
	})
}
