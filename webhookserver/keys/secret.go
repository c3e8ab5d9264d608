package keys

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/apiserver"
	"github.com/fastpix-operator/fastpix-operator/webhookserver/signature"
)

// Reading is the result of one read of a signing secret: a key, or the problem.
type Reading struct {
	key signature.Key
	// Problem is a reason of the condition Ready; empty if there is a key.
	Problem string
	// Detail says what is wrong with a Secret that exists. It never quotes the Secret.
	Detail string
	// Immutable says that the Secret must be replaced: neither the type of a Secret can change, nor the content of an immutable Secret.
	Immutable bool
}

// secretReader reads the Secrets of one namespace for one read of a keyring, each at most once.
type secretReader struct {
	reader    client.Reader // reads from the API server: the content of a Secret is never cached
	namespace string
	results   map[string]secretResult
}

type secretResult struct {
	secret corev1.Secret
	err    error
}

// key reads one signing secret and counts the result.
func (s *secretReader) key(ctx context.Context, ref fastpixv1.SigningSecretReference) Reading {
	r := s.readKey(ctx, ref)
	label := r.Problem
	if label == "" {
		label = "ok"
	}
	secretReads.WithLabelValues(label).Inc()
	return r
}

func (s *secretReader) readKey(ctx context.Context, ref fastpixv1.SigningSecretReference) Reading {
	secret, err := s.get(ctx, ref.Name)
	switch {
	case apiserver.IsNotFound(err):
		return Reading{Problem: fastpixv1.ReasonSecretNotFound}
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
		return Reading{Problem: fastpixv1.ReasonSecretForbidden}
	case err != nil:
		return Reading{Problem: fastpixv1.ReasonSecretUnreadable}
	case secret.Type != fastpixv1.SigningSecretType:
		return Reading{Problem: fastpixv1.ReasonSecretInvalid, Detail: "it is not of type " + fastpixv1.SigningSecretType, Immutable: true}
	}
	invalid := Reading{Problem: fastpixv1.ReasonSecretInvalid, Immutable: secret.Immutable != nil && *secret.Immutable}
	data, ok := secret.Data[ref.Key]
	if !ok {
		invalid.Detail = fmt.Sprintf("it has no key %q", ref.Key)
		return invalid
	}
	key, err := signature.ParseKey(data)
	if err != nil {
		invalid.Detail = err.Error()
		return invalid
	}
	return Reading{key: key}
}

func (s *secretReader) get(ctx context.Context, name string) (*corev1.Secret, error) {
	r, ok := s.results[name]
	if !ok {
		r.err = s.reader.Get(ctx, types.NamespacedName{Namespace: s.namespace, Name: name}, &r.secret)
		s.results[name] = r
	}
	return &r.secret, r.err
}
