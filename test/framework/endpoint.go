package framework

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

// Endpoint is a WebhookEndpoint named fastpix in a namespace of its own. It accepts fixtures.SigningSecret unless a test changes that.
type Endpoint struct {
	Namespace string
}

// NewNamespace creates a namespace and returns its name.
func NewNamespace(t *testing.T) string {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("test-%08x", rand.Uint32())}}
	Create(t, ns)
	return ns.Name
}

// NewEndpoint creates a namespace like that of config/samples, and waits until its endpoint accepts events.
func NewEndpoint(t *testing.T) Endpoint {
	t.Helper()
	e := NewEndpointWith(t, SigningSecretOf(fixtures.SigningSecret))
	e.WaitReady(t)
	return e
}

// SigningSecretOf returns a Secret without a name that holds a signing secret.
func SigningSecretOf(secret string) *corev1.Secret {
	return &corev1.Secret{Type: fastpixv1.SigningSecretType, StringData: map[string]string{fastpixv1.DefaultSigningSecretKey: secret}}
}

// NewEndpointWith creates a namespace with a Secret that the receiver may read, and an endpoint that names it.
func NewEndpointWith(t *testing.T, signing *corev1.Secret) Endpoint {
	t.Helper()
	ns := NewNamespace(t)
	CreateEndpoint(t, ns, signing)
	return Endpoint{Namespace: ns}
}

// CreateEndpoint creates the same objects in a namespace that exists.
func CreateEndpoint(t *testing.T, namespace string, signing *corev1.Secret) {
	t.Helper()
	const secret = "signing-secret"
	signing.ObjectMeta = metav1.ObjectMeta{Namespace: namespace, Name: secret}
	Create(t, signing)
	for _, o := range tenant.SecretRights(namespace, secret, tenant.ReceiverAccount) {
		Create(t, o)
	}
	Create(t, MakeEndpoint(namespace, "fastpix"))
}

// MakeEndpoint returns an endpoint that CreateEndpoint's Secret belongs to.
func MakeEndpoint(namespace, name string) *fastpixv1.WebhookEndpoint {
	return &fastpixv1.WebhookEndpoint{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       fastpixv1.WebhookEndpointSpec{SigningSecrets: []fastpixv1.SigningSecretReference{{Name: "signing-secret"}}},
	}
}

// Path is where the receiver accepts the endpoint's events.
func (e Endpoint) Path() string { return "/webhooks/" + e.Namespace + "/fastpix" }

// WaitReady waits until the endpoint accepts events.
func (e Endpoint) WaitReady(t *testing.T) {
	t.Helper()
	var whe fastpixv1.WebhookEndpoint
	Eventually(t, "the endpoint accepts", func(ctx context.Context) error {
		if err := Deployed.Admin.Get(ctx, client.ObjectKey{Namespace: e.Namespace, Name: "fastpix"}, &whe); err != nil {
			return err
		}
		if !apimeta.IsStatusConditionTrue(whe.Status.Conditions, fastpixv1.ConditionReady) {
			return fmt.Errorf("conditions are %v", whe.Status.Conditions)
		}
		return nil
	})
}

// ReplaceSigningSecret stores another signing secret in the endpoint's Secret.
func ReplaceSigningSecret(t *testing.T, e Endpoint, secret string) {
	t.Helper()
	var s corev1.Secret
	if err := Deployed.Admin.Get(t.Context(), types.NamespacedName{Namespace: e.Namespace, Name: "signing-secret"}, &s); err != nil {
		t.Fatal(err)
	}
	s.StringData = map[string]string{fastpixv1.DefaultSigningSecretKey: secret}
	if err := Deployed.Admin.Update(t.Context(), &s); err != nil {
		t.Fatal(err)
	}
}

// Edit changes the endpoint's spec.
func (e Endpoint) Edit(t *testing.T, change func(*fastpixv1.WebhookEndpointSpec)) {
	t.Helper()
	Eventually(t, "the endpoint is changed", func(ctx context.Context) error {
		var whe fastpixv1.WebhookEndpoint
		if err := Deployed.Admin.Get(ctx, client.ObjectKey{Namespace: e.Namespace, Name: "fastpix"}, &whe); err != nil {
			return err
		}
		change(&whe.Spec)
		return Deployed.Admin.Update(ctx, &whe)
	})
}

// Read returns the endpoint as the API server has it.
func (e Endpoint) Read(t *testing.T) *fastpixv1.WebhookEndpoint {
	t.Helper()
	var whe fastpixv1.WebhookEndpoint
	if err := Deployed.Admin.Get(t.Context(), client.ObjectKey{Namespace: e.Namespace, Name: "fastpix"}, &whe); err != nil {
		t.Fatal(err)
	}
	return &whe
}

// OtherSigningSecret is a signing secret that no endpoint accepts by default.
const OtherSigningSecret = "b3RoZXItc2lnbmluZy1zZWNyZXQtMzItYnl0ZXMtbG9uZyE="
