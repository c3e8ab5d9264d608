// These tests protect the lifetime of keys: a replaced key ends within a minute, a new key works at once, and neither deliveries nor
// outages cause load on the API server.
package keys

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/receivertest"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

func TestKeyEndsAMinuteAfterItsLastRead(t *testing.T) {
	t.Parallel()
	forbidden := apierrors.NewForbidden(corev1.Resource("secrets"), "signing", errors.New("no"))
	for name, tc := range map[string]struct {
		then  func(*receivertest.SecretStore)
		after time.Duration
		want  int
	}{
		"read again":                         {then: func(*receivertest.SecretStore) {}, after: 30 * time.Second, want: 1},
		"deleted":                            {then: func(s *receivertest.SecretStore) { s.Secrets = nil }, after: 30 * time.Second, want: 0},
		"another type":                       {then: func(s *receivertest.SecretStore) { s.Secrets["signing"].Type = corev1.SecretTypeOpaque }, after: 30 * time.Second, want: 0},
		"unavailable for less than a minute": {then: func(s *receivertest.SecretStore) { s.Err = receivertest.ErrUnavailable }, after: 50 * time.Second, want: 1},
		"unavailable for a minute":           {then: func(s *receivertest.SecretStore) { s.Err = receivertest.ErrUnavailable }, after: time.Minute, want: 0},
		"forbidden for a moment":             {then: func(s *receivertest.SecretStore) { s.Err = forbidden }, after: 30 * time.Second, want: 1},
		"forbidden for a minute":             {then: func(s *receivertest.SecretStore) { s.Err = forbidden }, after: time.Minute, want: 0},
		"hanging API server for a minute":    {then: func(s *receivertest.SecretStore) { s.Delay = time.Hour }, after: time.Minute, want: 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &receivertest.SecretStore{Secrets: map[string]*corev1.Secret{"signing": receivertest.Secret("signing", fixtures.SigningSecret)}}
				k, spec := NewKeyring(s, "video", NewReadLimit(), time.Now, nil), &receivertest.Endpoint().Spec
				k.Refresh(t.Context(), spec, time.Now())
				if got := k.Usable(spec); len(got.Keys) != 1 || !got.Complete {
					t.Fatalf("got %v", got)
				}
				tc.then(s)
				time.Sleep(tc.after)
				k.Refresh(t.Context(), spec, time.Now())
				got := k.Usable(spec)
				if len(got.Keys) != tc.want || got.Complete != (tc.want == 1) {
					t.Errorf("got %d keys, complete %v; want %d", len(got.Keys), got.Complete, tc.want)
				}
			})
		})
	}
}

func TestReadsAreShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &receivertest.SecretStore{Delay: 10 * time.Millisecond}
		k, spec := NewKeyring(s, "video", NewReadLimit(), time.Now, nil), &receivertest.Endpoint().Spec
		for range 5 { // in rounds of 100 ms
			for range maxRereadWaiters / 5 { // the most that may wait
				go k.Reread(t.Context(), spec, time.Now())
			}
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if s.Reads != 2 {
			t.Errorf("got %d reads, want 2: one for the first deliveries, one a second later for all others", s.Reads)
		}
		if k.waiting != 0 || k.running != nil {
			t.Errorf("%d still wait", k.waiting)
		}
	})
}

// TestWaitersForAHangingReadAreBounded protects memory: a delivery that waits keeps its body, and every client can send what no key
// verifies.
func TestWaitersForAHangingReadAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		limit := NewReadLimit()
		var waiting atomic.Int64
		ask := func(k *Keyring) {
			waiting.Add(1)
			defer waiting.Add(-1)
			k.Reread(t.Context(), &receivertest.Endpoint().Spec, time.Now())
		}
		for endpoint := range int64(2 * maxAllRereadWaiters / maxRereadWaiters) {
			k := NewKeyring(receivertest.HangingReader{}, "", limit, time.Now, nil)
			for range 2 * maxRereadWaiters {
				go ask(k)
			}
			synctest.Wait()
			if got, want := waiting.Load(), min((endpoint+1)*maxRereadWaiters, maxAllRereadWaiters); got != want {
				t.Errorf("%d wait for the keys of %d endpoints, want %d", got, endpoint+1, want)
			}
		}
		time.Sleep(time.Minute)
		if waiting.Load() != 0 || limit.waiting.Load() != 0 {
			t.Errorf("%d still wait, %d are counted", waiting.Load(), limit.waiting.Load())
		}
	})
}

func TestRereadsOfAllEndpointsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, limit := &receivertest.SecretStore{}, NewReadLimit()
		for range 1000 {
			k := NewKeyring(s, "video", limit, time.Now, nil)
			k.Reread(t.Context(), &receivertest.Endpoint().Spec, time.Now())
		}
		if s.Reads > rereadBurst+rereadsPerSecond {
			t.Errorf("got %d reads", s.Reads)
		}
	})
}

func TestSecretsAreNotLoggedWhateverTheLevel(t *testing.T) {
	t.Parallel()
	secret, err := json.Marshal(receivertest.Secret("signing", fixtures.SigningSecret))
	if err != nil {
		t.Fatal(err)
	}
	mapper := apimeta.NewDefaultRESTMapper(nil)
	mapper.Add(corev1.SchemeGroupVersion.WithKind("Secret"), apimeta.RESTScopeNamespace)
	reader, err := client.New(&rest.Config{Host: receivertest.Serve(t, http.Header{"Content-Type": {"application/json"}}, 200, string(secret))},
		client.Options{Scheme: receivertest.Scheme(), Mapper: mapper})
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	verbose := funcr.New(func(prefix, args string) { log.WriteString(prefix + args) }, funcr.Options{Verbosity: 10})
	k := NewKeyring(reader, "video", NewReadLimit(), time.Now, nil)
	spec := &receivertest.Endpoint().Spec
	k.Refresh(logr.NewContext(t.Context(), verbose), spec, time.Now())
	if len(k.Usable(spec).Keys) != 1 || strings.Contains(log.String(), "signing-secret") {
		t.Errorf("of %d keys the log says %s", len(k.Usable(spec).Keys), log.String())
	}
}

func TestEachSecretIsReadOnceForAllItsKeys(t *testing.T) {
	t.Parallel()
	secret := receivertest.Secret("signing", fixtures.SigningSecret)
	secret.Data["next"] = []byte(receivertest.OtherSecret)
	s := &receivertest.SecretStore{Secrets: map[string]*corev1.Secret{"signing": secret}}
	spec := &fastpixv1.WebhookEndpointSpec{SigningSecrets: []fastpixv1.SigningSecretReference{
		{Name: "signing"}, {Name: "signing", Key: "next"}, {Name: "signing", Key: "none"},
	}}
	k := NewKeyring(s, "video", NewReadLimit(), time.Now, nil)
	k.Refresh(t.Context(), spec, time.Now())
	if got := k.Usable(spec); len(got.Keys) != 2 || got.Complete || s.Reads != 1 {
		t.Errorf("got %d keys by %d reads", len(got.Keys), s.Reads)
	}
}
