package webhookserver

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

// reading is what one read of a signing secret showed: a key, or why there is none.
type reading struct {
	key signature.Key
	// problem is a reason of the Ready condition, empty when there is a key.
	problem string
	// detail says in words what is wrong with a Secret that exists; it never quotes it.
	detail string
	// fixed says that it must be made anew: neither the type of a Secret can be changed, nor anything of an immutable one.
	fixed bool
}

// secrets reads the Secrets of one namespace for one refresh, each at most once.
type secrets struct {
	reader    client.Reader // live: nothing of a Secret is ever cached
	namespace string
	read      map[string]readSecret
}

type readSecret struct {
	secret corev1.Secret
	err    error
}

// key reads one signing secret.
func (s *secrets) key(ctx context.Context, ref fastpixv1.SigningSecretReference) reading {
	r := s.readKey(ctx, ref)
	label := r.problem
	if label == "" {
		label = "ok"
	}
	secretReads.WithLabelValues(label).Inc()
	return r
}

func (s *secrets) readKey(ctx context.Context, ref fastpixv1.SigningSecretReference) reading {
	secret, err := s.get(ctx, ref.Name)
	switch {
	case apiserver.IsGone(err):
		return reading{problem: fastpixv1.ReasonSecretNotFound}
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
		return reading{problem: fastpixv1.ReasonSecretForbidden}
	case err != nil:
		return reading{problem: fastpixv1.ReasonSecretUnreadable}
	case secret.Type != fastpixv1.SigningSecretType:
		return reading{problem: fastpixv1.ReasonSecretInvalid, detail: "it is not of type " + fastpixv1.SigningSecretType, fixed: true}
	}
	invalid := reading{problem: fastpixv1.ReasonSecretInvalid, fixed: secret.Immutable != nil && *secret.Immutable}
	data, ok := secret.Data[ref.Key]
	if !ok {
		invalid.detail = fmt.Sprintf("it has no key %q", ref.Key)
		return invalid
	}
	key, err := signature.ParseKey(data)
	if err != nil {
		invalid.detail = err.Error()
		return invalid
	}
	return reading{key: key}
}

func (s *secrets) get(ctx context.Context, name string) (*corev1.Secret, error) {
	r, ok := s.read[name]
	if !ok {
		r.err = s.reader.Get(ctx, types.NamespacedName{Namespace: s.namespace, Name: name}, &r.secret)
		s.read[name] = r
	}
	return &r.secret, r.err
}
