package receivertest

import (
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fastpix-operator/fastpix-operator/internal/clock"
)

// SecretStore answers reads of Secrets.
type SecretStore struct {
	Secrets map[string]*corev1.Secret // by name
	Err     error                     // the answer instead of a Secret
	Delay   time.Duration             // of each answer
	Reads   int                       // how often a Secret was read

	mu sync.Mutex
}

// Get reads a Secret.
func (s *SecretStore) Get(ctx context.Context, key client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Reads++
	if s.Delay > 0 && !clock.Sleep(ctx, s.Delay) {
		return ctx.Err()
	}
	secret, ok := s.Secrets[key.Name]
	switch {
	case s.Err != nil:
		return s.Err
	case !ok:
		return apierrors.NewNotFound(corev1.Resource("secrets"), key.Name)
	}
	secret.DeepCopyInto(obj.(*corev1.Secret))
	return nil
}

// List panics: the receiver never lists Secrets.
func (*SecretStore) List(context.Context, client.ObjectList, ...client.ListOption) error {
	panic("Secrets are never listed")
}

// HangingReader is an API server that never answers.
type HangingReader struct{ client.Reader }

// Get waits until the context ends.
func (HangingReader) Get(ctx context.Context, _ client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
	<-ctx.Done()
	return ctx.Err()
}

// Serve starts a server that answers every request alike, and the target of a redirect to /login with a page. It returns its URL.
func Serve(t *testing.T, header http.Header, code int, body string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/login" {
			_, _ = io.WriteString(w, "<html>")
			return
		}
		maps.Copy(w.Header(), header)
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}
