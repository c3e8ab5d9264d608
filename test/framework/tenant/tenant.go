package tenant

import (
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

// The names of config/default.
const (
	OperatorNamespace  = "fastpix-system"
	ReceiverAccount    = "fastpix-receiver"
	ControllersAccount = "fastpix-controller-manager"
	SyncerAccount      = "fastpix-syncer"
)

// The names of what a tenant has.
const (
	EndpointName      = "fastpix"
	SigningSecretName = "fastpix-signing-secret"
	APISecretName     = "fastpix-api-credentials"
)

// Path returns where the receivers accept the tenant's events.
func Path(namespace string) string { return "/webhooks/" + namespace + "/" + EndpointName }

// SigningSecret returns the Secret that holds a signing secret.
func SigningSecret(namespace, content string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: SigningSecretName}, Type: fastpixv1.SigningSecretType,
		StringData: map[string]string{fastpixv1.DefaultSigningSecretKey: content},
	}
}

// APISecret returns the Secret that holds an access token of FastPix's management API.
func APISecret(namespace, tokenID, secretKey string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: APISecretName}, Type: fastpixv1.APICredentialsType,
		StringData: map[string]string{fastpixv1.APICredentialsTokenIDKey: tokenID, fastpixv1.APICredentialsSecretKeyKey: secretKey},
	}
}

// Endpoint returns the endpoint, which accepts what the signing secret signed.
func Endpoint(namespace string) *fastpixv1.WebhookEndpoint {
	return &fastpixv1.WebhookEndpoint{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: EndpointName},
		Spec:       fastpixv1.WebhookEndpointSpec{SigningSecrets: []fastpixv1.SigningSecretReference{{Name: SigningSecretName}}},
	}
}

// SecretRights returns the Role and the RoleBinding, named like the Secret, that let one of the operator's accounts read the Secret.
func SecretRights(namespace, secret, account string) []client.Object {
	meta := metav1.ObjectMeta{Namespace: namespace, Name: secret}
	return []client.Object{
		&rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{secret}, Verbs: []string{"get"}},
		}},
		&rbacv1.RoleBinding{
			ObjectMeta: *meta.DeepCopy(),
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: secret},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: OperatorNamespace, Name: account}},
		},
	}
}
