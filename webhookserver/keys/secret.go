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

// Reading is what one read of a signing secret showed: a key, or why there is none.
type Reading struct {
	key signature.Key
	// Problem is a reason of the Ready condition, empty when there is a key.
	Problem string
	// Detail says in words what is wrong with a Secret that exists; it never quotes it.
	Detail string
	// Immutable says that it must be made anew: neither the type of a Secret can be changed, nor anything of an immutable one.
	Immutable bool
}

// secretReader reads the Secrets of one namespace for one refresh, each at most once.
type secretReader struct {
	reader    client.Reader // live: nothing of a Secret is ever cached
	namespace string
	read      map[string]readSecret
}

type readSecret struct {
	secret corev1.Secret
	err    error
}

// key reads one signing secret.
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
	r, ok := s.read[name]
	if !ok {
		r.err = s.reader.Get(ctx, types.NamespacedName{Namespace: s.namespace, Name: name}, &r.secret)
		s.read[name] = r
	}
	return &r.secret, r.err
}
