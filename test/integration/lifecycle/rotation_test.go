package lifecycle

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

func TestRotationWithoutLoss(t *testing.T) {
	e := framework.NewEndpoint(t)
	const next = "MaS7xleBUZ39xJ4A7zwNRLX2On3qyDduvYHg8sLNedA="
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: e.Namespace, Name: "signing-secret"}}
	post := func(key string) int {
		_, body := framework.NewAsset()
		status, err := framework.Deployed.Receiver.Post(t.Context(), e.Path(), body, fixtures.Sign(key, body))
		if err != nil {
			t.Fatal(err)
		}
		return status
	}
	if got := post(next); got != http.StatusUnauthorized {
		t.Fatalf("a key that is not configured: %d", got)
	}
	if err := framework.Deployed.Admin.Get(t.Context(), client.ObjectKeyFromObject(secret), secret); err != nil {
		t.Fatal(err)
	}
	secret.Data["next"] = []byte(next)
	if err := framework.Deployed.Admin.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	e.Edit(t, func(s *fastpixv1.WebhookEndpointSpec) {
		s.SigningSecrets = append(s.SigningSecrets, fastpixv1.SigningSecretReference{Name: "signing-secret", Key: "next"})
	})
	framework.Eventually(t, "the new key works at a delivery", func(context.Context) error {
		if got := post(next); got != http.StatusOK {
			return fmt.Errorf("answer %d", got)
		}
		return nil
	})
	if got := post(fixtures.SigningSecret); got != http.StatusOK {
		t.Errorf("the old key during rotation: %d", got)
	}
	framework.Eventually(t, "the status shows both keys and when they verified", func(context.Context) error {
		s := e.Read(t).Status.SigningSecrets
		if len(s) != 2 || s[0].Fingerprint == s[1].Fingerprint || s[1].LastVerifiedTime == nil {
			return fmt.Errorf("signing secrets are %+v", s)
		}
		return nil
	})
	e.Edit(t, func(s *fastpixv1.WebhookEndpointSpec) { s.SigningSecrets = s.SigningSecrets[1:] })
	framework.Eventually(t, "the old key stops", func(context.Context) error {
		if got := post(fixtures.SigningSecret); got != http.StatusUnauthorized {
			return fmt.Errorf("answer %d", got)
		}
		return nil
	})
	framework.WaitJournalEmpty(t)
}
