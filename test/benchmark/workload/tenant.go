package workload

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// The names of config/default.
const (
	OperatorNamespace  = "fastpix-system"
	ReceiverAccount    = "fastpix-receiver"
	ControllersAccount = "fastpix-controller-manager"
)

// Tenant is a namespace with one endpoint. Each burst about new media has its own, so that its mirrors can be distinguished.
type Tenant struct{ Namespace string }

// The names of what a tenant has.
const (
	EndpointName = "fastpix"
	secretName   = "fastpix-signing-secret"
)

// secret is the tenant's own signing secret, as FastPix gives each webhook one.
func (t Tenant) secret() string {
	key := sha256.Sum256([]byte(t.Namespace))
	return base64.StdEncoding.EncodeToString(key[:])
}

func (t Tenant) path() string { return "/webhooks/" + t.Namespace + "/" + EndpointName }

// Objects are what config/samples creates for a tenant.
func (t Tenant) Objects() []client.Object {
	meta := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: t.Namespace, Name: name} }
	return []client.Object{
		&corev1.Secret{
			ObjectMeta: meta(secretName), Type: fastpixv1.SigningSecretType,
			StringData: map[string]string{fastpixv1.DefaultSigningSecretKey: t.secret()},
		},
		&rbacv1.Role{ObjectMeta: meta(secretName), Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{secretName}, Verbs: []string{"get"}},
		}},
		&rbacv1.RoleBinding{
			ObjectMeta: meta(secretName),
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: secretName},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: OperatorNamespace, Name: ReceiverAccount}},
		},
		&fastpixv1.WebhookEndpoint{ObjectMeta: meta(EndpointName), Spec: fastpixv1.WebhookEndpointSpec{
			SigningSecrets: []fastpixv1.SigningSecretReference{{Name: secretName}},
		}},
	}
}

// Request returns the bytes of a signed POST of a body to the tenant's endpoint.
func (t Tenant) request(body []byte) []byte {
	b := make([]byte, 0, len(body)+256)
	b = fmt.Appendf(b, "POST %s HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nFastPix-Signature: %s\r\nContent-Length: ",
		t.path(), fixtures.Sign(t.secret(), body))
	b = strconv.AppendInt(b, int64(len(body)), 10)
	b = append(b, "\r\n\r\n"...)
	return append(b, body...)
}
