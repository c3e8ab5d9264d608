package workload

import (
	"sync"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

// Tenant is a namespace with one endpoint.
type Tenant struct {
	Namespace  string
	Queue      chan *Event // to deliver; one for each tenant, so that a tenant that cannot accept events does not delay the others
	Mu         sync.Mutex  // held by the one fault that removes something of it
	WasDeleted atomic.Bool // its endpoint was deleted for a while: 404 is right then
}

// Path is where the receivers accept the tenant's events.
func (t *Tenant) Path() string { return tenant.Path(t.Namespace) }

// Secret is the Secret with the signing secret.
func (t *Tenant) Secret() *corev1.Secret {
	return tenant.SigningSecret(t.Namespace, fixtures.SigningSecret)
}

// Endpoint is the tenant's endpoint.
func (t *Tenant) Endpoint() *fastpixv1.WebhookEndpoint { return tenant.Endpoint(t.Namespace) }

// Rights let the receivers read the Secret, as config/samples does.
func (t *Tenant) Rights() []client.Object {
	return tenant.SecretRights(t.Namespace, tenant.SigningSecretName, tenant.ReceiverAccount)
}
