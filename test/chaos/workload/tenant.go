package workload

import (
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	Workspace  *Workspace  // what its endpoint is compared with; nil if it is not
}

// Path is where the receivers accept the tenant's events.
func (t *Tenant) Path() string { return tenant.Path(t.Namespace) }

// Secret is the Secret with the signing secret.
func (t *Tenant) Secret() *corev1.Secret {
	return tenant.SigningSecret(t.Namespace, fixtures.SigningSecret)
}

// Endpoint is the tenant's endpoint. One with a workspace is compared with it as often as the API lets it.
func (t *Tenant) Endpoint() *fastpixv1.WebhookEndpoint {
	e := tenant.Endpoint(t.Namespace)
	if t.Workspace != nil {
		e.Spec.Sync = &fastpixv1.SyncSpec{
			CredentialsSecret: fastpixv1.APICredentialsReference{Name: tenant.APISecretName}, Interval: &metav1.Duration{Duration: shortestInterval},
		}
	}
	return e
}

// shortestInterval is the least spec.sync.interval.
const shortestInterval = 5 * time.Minute

// Rights let the receivers read the signing secret, as config/samples does. The syncers may read the API Secret of a tenant with a workspace, which comes
// with the rights.
func (t *Tenant) Rights() []client.Object {
	rights := tenant.SecretRights(t.Namespace, tenant.SigningSecretName, tenant.ReceiverAccount)
	if w := t.Workspace; w != nil {
		rights = append(rights, tenant.SecretRights(t.Namespace, tenant.APISecretName, tenant.SyncerAccount)...)
		rights = append(rights, tenant.APISecret(t.Namespace, w.Access.TokenID, w.Access.SecretKey))
	}
	return rights
}
