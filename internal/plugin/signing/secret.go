// Package signing reads signing secrets, for the commands that verify or sign with them. Nothing in it prints a secret.
package signing

import (
	"context"
	"errors"
	"fmt"
	"io"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/cli"
)

// Secret is a signing secret as it is stored.
type Secret struct {
	// Name says where it is stored.
	Name string
	// Of is the name of the Secret, and Key its key; both are empty for a file.
	Of, Key string
	// Text is what is stored; nil if nothing is.
	Text []byte
	// Problem says why the receiver does not use it; nil if it does.
	Problem error
}

// Format keeps the text out of everything that is printed.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.Name) }

// FromFile reads a signing secret from a file, or from standard input if the file is a dash.
func FromFile(ctx context.Context, o *cli.Options, file string) (Secret, error) {
	text, err := o.ReadSecretFile(ctx, file, "the signing secret")
	return Secret{Name: "the file " + file, Text: text}, err
}

// OfEndpoint reads the signing secrets that an endpoint names, in the order of its spec. A Secret that does not exist has a problem; a Secret that the user
// may not read is an error.
func OfEndpoint(ctx context.Context, c client.Reader, e *fastpixv1.WebhookEndpoint) ([]Secret, error) {
	var secrets []Secret
	for _, ref := range e.Spec.SigningSecrets {
		key := ref.Key
		if key == "" {
			key = fastpixv1.DefaultSigningSecretKey
		}
		s := Secret{Of: ref.Name, Key: key, Name: fmt.Sprintf("Secret %s/%s, key %s", e.Namespace, ref.Name, key)}
		var stored corev1.Secret
		err := c.Get(ctx, client.ObjectKey{Namespace: e.Namespace, Name: ref.Name}, &stored)
		if client.IgnoreNotFound(err) != nil {
			return nil, err
		}
		s.Text, s.Problem = stored.Data[key], problem(&stored, key, err)
		secrets = append(secrets, s)
	}
	return secrets, nil
}

// problem says why the receiver does not use what it reads.
func problem(s *corev1.Secret, key string, err error) error {
	switch {
	case apierrors.IsNotFound(err):
		return errors.New("it does not exist")
	case s.Type != fastpixv1.SigningSecretType:
		return fmt.Errorf("its type is %q and not %q", s.Type, fastpixv1.SigningSecretType)
	case s.Data[key] == nil:
		return fmt.Errorf("it has no key %q", key)
	}
	return nil
}
