package create

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/cli"
)

// setUp is an endpoint with all that belongs to it.
type setUp struct {
	namespace, name, operatorNamespace string
	// accounts are the ServiceAccounts of the parts of the operator.
	accounts map[string]string
	// polling says that the endpoint takes no webhooks; syncs that it is compared with FastPix.
	polling, syncs bool
	// signingSecret and apiToken are the content of the Secrets; nil if they are not to be created.
	signingSecret, apiToken map[string][]byte
}

// validName refuses a name that the API server would refuse, or of which the names of the Secrets would be too long.
func validName(name string) error {
	if problems := validation.IsDNS1123Label(name); len(problems) > 0 {
		return cli.Usagef("the name %q of the endpoint: %s", name, strings.Join(problems, "; "))
	}
	return nil
}

func (s *setUp) signingSecretName() string { return s.name + "-signing-secret" }

func (s *setUp) apiSecretName() string { return s.name + "-api-credentials" }

func (s *setUp) meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: s.namespace, Name: name}
}

// objects returns all objects but the Secrets: what goes into Git.
func (s *setUp) objects(withNamespace bool) []client.Object {
	var all []client.Object
	if withNamespace {
		all = append(all, &metav1.PartialObjectMetadata{ // a Namespace would be printed with an empty spec and an empty status
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}, ObjectMeta: metav1.ObjectMeta{Name: s.namespace},
		})
	}
	return append(append(all, s.rights()...), s.endpoint())
}

// rights returns a Role and a RoleBinding for each Secret.
func (s *setUp) rights() []client.Object {
	var all []client.Object
	if !s.polling {
		all = append(all, s.rightToRead(s.signingSecretName(), s.accounts["receiver"])...)
	}
	if s.syncs {
		all = append(all, s.rightToRead(s.apiSecretName(), s.accounts["syncer"])...)
	}
	return all
}

// rightToRead returns a Role and a RoleBinding, named like a Secret, that let an account of the operator read just this Secret.
func (s *setUp) rightToRead(secret, account string) []client.Object {
	return []client.Object{
		&rbacv1.Role{ObjectMeta: s.meta(secret), Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{secret}, Verbs: []string{"get"}},
		}},
		&rbacv1.RoleBinding{
			ObjectMeta: s.meta(secret),
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: secret},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: s.operatorNamespace, Name: account}},
		},
	}
}

// named returns the Secrets that the endpoint names, without data if they are not to be created.
func (s *setUp) named() []*corev1.Secret {
	var all []*corev1.Secret
	if !s.polling {
		all = append(all, &corev1.Secret{ObjectMeta: s.meta(s.signingSecretName()), Type: fastpixv1.SigningSecretType, Data: s.signingSecret})
	}
	if s.syncs {
		all = append(all, &corev1.Secret{ObjectMeta: s.meta(s.apiSecretName()), Type: fastpixv1.APICredentialsType, Data: s.apiToken})
	}
	return all
}

// secrets returns the Secrets that are to be created.
func (s *setUp) secrets() []client.Object {
	var all []client.Object
	for _, secret := range s.named() {
		if secret.Data != nil {
			all = append(all, secret)
		}
	}
	return all
}

// endpoint returns the endpoint as a new one.
func (s *setUp) endpoint() *fastpixv1.WebhookEndpoint {
	e := &fastpixv1.WebhookEndpoint{ObjectMeta: s.meta(s.name)}
	if !s.polling {
		e.Spec.SigningSecrets = []fastpixv1.SigningSecretReference{{Name: s.signingSecretName()}}
	}
	if s.syncs {
		e.Spec.Sync = &fastpixv1.SyncSpec{CredentialsSecret: fastpixv1.APICredentialsReference{Name: s.apiSecretName()}}
	}
	return e
}

// complete adds to an endpoint that exists what it lacks. It takes nothing away: the user may have set more.
func (s *setUp) complete(e *fastpixv1.WebhookEndpoint) {
	named := func(ref fastpixv1.SigningSecretReference) bool { return ref.Name == s.signingSecretName() }
	if s.signingSecret != nil && !slices.ContainsFunc(e.Spec.SigningSecrets, named) {
		e.Spec.SigningSecrets = append(e.Spec.SigningSecrets, fastpixv1.SigningSecretReference{Name: s.signingSecretName()})
	}
	if !s.syncs {
		return
	}
	if e.Spec.Sync == nil {
		e.Spec.Sync = &fastpixv1.SyncSpec{}
	}
	if e.Spec.Sync.CredentialsSecret.Name == "" || s.otherAPISecret(e) != "" {
		e.Spec.Sync.CredentialsSecret.Name = s.apiSecretName()
	}
}

// otherAPISecret returns the name of another Secret from which an endpoint reads its access token, if a token was given; otherwise "".
func (s *setUp) otherAPISecret(e *fastpixv1.WebhookEndpoint) string {
	if s.apiToken == nil || e.Spec.Sync == nil || e.Spec.Sync.CredentialsSecret.Name == s.apiSecretName() {
		return ""
	}
	return e.Spec.Sync.CredentialsSecret.Name
}
