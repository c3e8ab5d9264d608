package workload

import (
	"sync"
	"sync/atomic"

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

// The names of what a tenant has.
const (
	EndpointName = "fastpix"
	secretName   = "fastpix-signing-secret"
)

// Tenant is a namespace with one endpoint.
type Tenant struct {
	Namespace  string
	Queue      chan *Event // to deliver; one for each tenant, so that a tenant that cannot accept events does not delay the others
	Mu         sync.Mutex  // held by the one fault that removes something of it
	WasDeleted atomic.Bool // its endpoint was deleted for a while: 404 is right then
}

// Path is where the receivers accept the tenant's events.
func (t *Tenant) Path() string { return "/webhooks/" + t.Namespace + "/" + EndpointName }

// Secret is the Secret with the signing secret.
func (t *Tenant) Secret() *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: t.Namespace, Name: secretName}, Type: fastpixv1.SigningSecretType,
		StringData: map[string]string{fastpixv1.DefaultSigningSecretKey: fixtures.SigningSecret},
	}
}

// Endpoint is the tenant's endpoint.
func (t *Tenant) Endpoint() *fastpixv1.WebhookEndpoint {
	return &fastpixv1.WebhookEndpoint{
		ObjectMeta: metav1.ObjectMeta{Namespace: t.Namespace, Name: EndpointName},
		Spec:       fastpixv1.WebhookEndpointSpec{SigningSecrets: []fastpixv1.SigningSecretReference{{Name: secretName}}},
	}
}

// Rights let the receivers read the Secret, as config/samples does.
func (t *Tenant) Rights() []client.Object {
	meta := metav1.ObjectMeta{Namespace: t.Namespace, Name: secretName}
	return []client.Object{
		&rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{secretName}, Verbs: []string{"get"}},
		}},
		&rbacv1.RoleBinding{
			ObjectMeta: meta,
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: secretName},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: OperatorNamespace, Name: ReceiverAccount}},
		},
	}
}
