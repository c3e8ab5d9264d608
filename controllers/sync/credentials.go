package sync

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/fastpixapi"
)

// readCredentials reads the access token of the endpoint. The error is a problem, or that the API server does not answer.
func (s *session) readCredentials(ctx context.Context) error {
	ref := s.endpoint.Spec.Sync.CredentialsSecret.Name
	var secret corev1.Secret
	switch err := s.live.Get(ctx, types.NamespacedName{Namespace: s.name.Namespace, Name: ref}, &secret); {
	case apierrors.IsNotFound(err):
		return s.credentialsProblem(fastpixv1.ReasonCredentialsNotFound, "does not exist. Create it:", s.createCommand())
	case apierrors.IsForbidden(err):
		name := "fastpix-sync-" + ref
		return s.credentialsProblem(fastpixv1.ReasonCredentialsForbidden, "cannot be read: the syncer has no permission. Grant the permission:",
			fmt.Sprintf("kubectl -n %s create role %s --verb=get --resource=secrets --resource-name=%s", s.name.Namespace, name, ref),
			fmt.Sprintf("kubectl -n %[1]s create rolebinding %[2]s --role=%[2]s --serviceaccount=%[3]s", s.name.Namespace, name, s.serviceAccount))
	case err != nil:
		return fmt.Errorf("read the Secret of the credentials: %w", err)
	}
	if secret.Type != fastpixv1.APICredentialsType {
		return s.credentialsProblem(fastpixv1.ReasonCredentialsInvalid, "has another type than "+fastpixv1.APICredentialsType+
			". A type cannot be changed. Name another Secret in spec.sync.credentialsSecret, or create this one again if nothing else uses it:", s.createCommand())
	}
	credentials, err := fastpixapi.NewCredentials(secret.Data[fastpixv1.APICredentialsTokenIDKey], secret.Data[fastpixv1.APICredentialsSecretKeyKey])
	if err != nil {
		return s.credentialsProblem(fastpixv1.ReasonCredentialsInvalid, "holds no access token in its keys "+fastpixv1.APICredentialsTokenIDKey+" and "+
			fastpixv1.APICredentialsSecretKeyKey+": "+err.Error()+".")
	}
	s.credentials = credentials
	return nil
}

// rereadCredentials reads the access token again, and reports whether it has changed. A user may have replaced it while a run was using the old one.
func (s *session) rereadCredentials(ctx context.Context) (changed bool, _ error) {
	before := s.credentials
	if err := s.readCredentials(ctx); err != nil {
		return false, err
	}
	return s.credentials != before, nil
}

// createCommand returns the command that creates the Secret.
func (s *session) createCommand() string {
	return fmt.Sprintf("kubectl -n %s create secret generic %s --type=%s --from-literal=%s='the token id' --from-literal=%s='the secret key'",
		s.name.Namespace, s.endpoint.Spec.Sync.CredentialsSecret.Name, fastpixv1.APICredentialsType, fastpixv1.APICredentialsTokenIDKey, fastpixv1.APICredentialsSecretKeyKey)
}

// credentialsProblem returns a problem with the Secret. Each line of its message holds one sentence or one command.
func (s *session) credentialsProblem(reason, what string, commands ...string) *problem {
	secret := s.name.Namespace + "/" + s.endpoint.Spec.Sync.CredentialsSecret.Name
	return &problem{reason: reason, message: strings.Join(append([]string{"Secret " + secret + " " + what}, commands...), "\n")}
}
