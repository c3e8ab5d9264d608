package receivertest

import (
	"errors"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

// Path is the path of the test's endpoint.
const Path = "/webhooks/video/fastpix"

// OtherSecret is a signing secret that differs from fixtures.SigningSecret.
const OtherSecret = "b3RoZXItc2lnbmluZy1zZWNyZXQtMzItYnl0ZXMtbG9uZyE="

// Name is the name of the test's endpoint.
var Name = types.NamespacedName{Namespace: "video", Name: "fastpix"}

// ErrUnavailable is the error of an API server that does not answer.
var ErrUnavailable = errors.New("the API server is unavailable")

// Scheme returns the scheme of Kubernetes and of this operator.
func Scheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	_ = clientgoscheme.AddToScheme(scheme)
	_ = fastpixv1.AddToScheme(scheme)
	return scheme
}

// Endpoint returns an endpoint with one signing secret, after the changes.
func Endpoint(change ...func(*fastpixv1.WebhookEndpoint)) *fastpixv1.WebhookEndpoint {
	e := &fastpixv1.WebhookEndpoint{
		ObjectMeta: metav1.ObjectMeta{Namespace: Name.Namespace, Name: Name.Name, UID: "uid-1", Generation: 1},
		Spec: fastpixv1.WebhookEndpointSpec{
			SigningSecrets: []fastpixv1.SigningSecretReference{{Name: "signing", Key: fastpixv1.DefaultSigningSecretKey}},
		},
	}
	for _, c := range change {
		c(e)
	}
	return e
}

// Suspended suspends an endpoint.
func Suspended(e *fastpixv1.WebhookEndpoint) { e.Spec.Suspend = true }

// PollingOnly leaves an endpoint without signing secrets. It syncs with the management API instead.
func PollingOnly(e *fastpixv1.WebhookEndpoint) {
	e.Spec.SigningSecrets = nil
	e.Spec.Sync = &fastpixv1.SyncSpec{CredentialsSecret: fastpixv1.APICredentialsReference{Name: "api-credentials"}}
}

// TwoSecrets gives an endpoint a second signing secret.
func TwoSecrets(e *fastpixv1.WebhookEndpoint) {
	e.Spec.SigningSecrets = append(e.Spec.SigningSecrets, fastpixv1.SigningSecretReference{Name: "second"})
}

// Secret returns a Secret in the endpoint's namespace that holds a signing secret.
func Secret(name, value string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: Name.Namespace, Name: name},
		Type:       fastpixv1.SigningSecretType,
		Data:       map[string][]byte{fastpixv1.DefaultSigningSecretKey: []byte(value)},
	}
}
