package doctor

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/fastpixapi"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/signing"
	"github.com/fastpix-operator/fastpix-operator/webhookserver/signature"
)

// checkSecrets checks type and keys of the Secrets that the endpoints name, as far as the user may read them.
func checkSecrets(ctx context.Context, p *patient) []Result {
	return p.eachEndpoint(ctx, func(ctx context.Context, e *fastpixv1.WebhookEndpoint) []Result {
		var results []Result
		secrets, err := signing.OfEndpoint(ctx, p.client, e)
		if err != nil {
			results = append(results, unread(nameOf(e), err))
		}
		for _, s := range secrets {
			results = append(results, signingSecret(e, s))
		}
		if e.Spec.Sync != nil {
			results = append(results, p.credentials(ctx, e, e.Spec.Sync.CredentialsSecret.Name))
		}
		return results
	})
}

// signingSecret checks one signing secret as the receiver does.
func signingSecret(e *fastpixv1.WebhookEndpoint, s signing.Secret) Result {
	mend := fmt.Sprintf("Store it as the receiver expects it: kubectl -n %s create secret generic %s --type=%s --from-file=%s=FILE, after you have deleted the present one.",
		e.Namespace, s.Of, fastpixv1.SigningSecretType, s.Key)
	if s.Of == e.Name+"-signing-secret" && s.Key == fastpixv1.DefaultSigningSecretKey { // that is where the command stores it
		mend = fmt.Sprintf("kubectl fastpix create endpoint %s -n %s --signing-secret-file FILE --overwrite stores it as the receiver expects it.", e.Name, e.Namespace)
	}
	if s.Problem != nil {
		return fail(nameOf(e), mend, "%s: %v", s.Name, s.Problem)
	}
	key, err := signature.ParseKey(s.Text)
	switch {
	case err != nil:
		return fail(nameOf(e), mend, "%s: %v", s.Name, err)
	case key.Encoded():
		return fail(nameOf(e), mend, "%s: the signing secret looks as if it was encoded to base64 once more than FastPix shows it", s.Name)
	case key.Weak():
		return warn(nameOf(e), "Check that you copied the whole signing secret.", "%s: the signing secret is short", s.Name)
	}
	return pass(nameOf(e), "%s is usable (fingerprint %s)", s.Name, key.Fingerprint())
}

// credentials checks the access token of the management API, without using it.
func (p *patient) credentials(ctx context.Context, e *fastpixv1.WebhookEndpoint, name string) Result {
	mend := fmt.Sprintf("kubectl fastpix create endpoint %s -n %s --api-credentials-file FILE --overwrite stores it as the syncer expects it.", e.Name, e.Namespace)
	var s corev1.Secret
	err := p.client.Get(ctx, client.ObjectKey{Namespace: e.Namespace, Name: name}, &s)
	about := fmt.Sprintf("Secret %s/%s", e.Namespace, name)
	switch {
	case apierrors.IsNotFound(err):
		return fail(nameOf(e), mend, "%s does not exist", about)
	case err != nil:
		return unread(nameOf(e), err)
	case s.Type != fastpixv1.APICredentialsType:
		return fail(nameOf(e), mend, "%s: its type is %q and not %q", about, s.Type, fastpixv1.APICredentialsType)
	}
	if _, err := fastpixapi.NewCredentials(s.Data[fastpixv1.APICredentialsTokenIDKey], s.Data[fastpixv1.APICredentialsSecretKeyKey]); err != nil {
		return fail(nameOf(e), mend, "%s: %v", about, err)
	}
	return pass(nameOf(e), "%s holds an access token", about)
}
