// These tests protect the answers to deliveries while keys change: a delivery that a new key signs is never answered 401 before the key is
// read.
package webhookserver

import (
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/fastpix-operator/fastpix-operator/internal/receivertest"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
	"github.com/fastpix-operator/fastpix-operator/webhookserver/keys"
)

// Limits of the reads that deliveries cause, see package keys.
const (
	readInterval   = time.Second
	readTimeout    = 3 * time.Second
	maxReadWaiters = 256
)

// verifyWith returns the result of verifying a delivery by the keys of a keyring.
func verifyWith(t *testing.T, k *keys.Keyring, body, secret string) result {
	t.Helper()
	c := signedBody{signatures: []string{fixtures.Sign(secret, []byte(body))}, body: []byte(body), arrived: time.Now()}
	_, o := verify(t.Context(), k, &receivertest.Endpoint().Spec, c)
	return o.result
}

// TestForgeriesToOtherEndpointsDoNotRefuseANewKey protects deliveries by a new key while unauthenticated clients use up the reads of
// Secrets. A 401 would make FastPix give up.
func TestForgeriesToOtherEndpointsDoNotRefuseANewKey(t *testing.T) {
	t.Parallel()
	for namespace, want := range map[string]result{
		"video":    "",              // a namespace has a share of its own
		"attacker": resultKeyUnread, // FastPix sends it again
	} {
		t.Run(namespace, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				limit := keys.NewReadLimit()
				open := func(namespace string) (*keys.Keyring, *receivertest.SecretStore) {
					s := &receivertest.SecretStore{Secrets: map[string]*corev1.Secret{"signing": receivertest.Secret("signing", key)}}
					k := keys.NewKeyring(s, namespace, limit, time.Now, nil)
					k.Refresh(t.Context(), &receivertest.Endpoint().Spec, time.Now())
					return k, s
				}
				victim, secrets := open(namespace)
				time.Sleep(10 * time.Second)
				secrets.Secrets["signing"] = receivertest.Secret("signing", receivertest.OtherSecret)
				var flood [100]*keys.Keyring
				for i := range flood {
					flood[i], _ = open("attacker")
				}
				time.Sleep(readInterval)
				for _, k := range flood {
					verifyWith(t, k, ready1, receivertest.OtherSecret)
				}
				if got := verifyWith(t, victim, ready1, receivertest.OtherSecret); got != want {
					t.Errorf("a delivery signed by the new key is %q, want %q", got, want)
				}
			})
		})
	}
}

// TestNewKeyIsNotRefusedWhileItIsRead protects the first deliveries by a new key while reads are slow, or while too many deliveries wait.
func TestNewKeyIsNotRefusedWhileItIsRead(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		took       time.Duration
		deliveries int
	}{
		"more than may wait": {50 * time.Millisecond, 2 * maxReadWaiters},
		"a slow read":        {readTimeout + time.Second, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &receivertest.SecretStore{Secrets: map[string]*corev1.Secret{"signing": receivertest.Secret("signing", key)}}
				k := keys.NewKeyring(s, "video", keys.NewReadLimit(), time.Now, nil)
				k.Refresh(t.Context(), &receivertest.Endpoint().Spec, time.Now())
				time.Sleep(10 * time.Second)
				s.Secrets["signing"], s.Delay = receivertest.Secret("signing", receivertest.OtherSecret), tc.took
				results := make(chan result, tc.deliveries)
				for range tc.deliveries {
					go func() { results <- verifyWith(t, k, ready1, receivertest.OtherSecret) }()
				}
				time.Sleep(time.Minute)
				for range tc.deliveries {
					if got := <-results; got != "" && got != resultKeyUnread {
						t.Fatalf("a delivery signed by the new key is %q", got)
					}
				}
			})
		})
	}
}

func TestDeliveryWaitsForKeysNoLongerThanForTheJournal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := keys.NewKeyring(receivertest.HangingReader{}, "", keys.NewReadLimit(), time.Now, nil)
		go k.Refresh(t.Context(), &receivertest.Endpoint().Spec, time.Now())
		time.Sleep(time.Second)
		started := time.Now()
		if got := verifyWith(t, k, ready1, key); got != resultNoKey {
			t.Errorf("it is %q", got)
		}
		if took := time.Since(started); took > journalTimeout {
			t.Errorf("the answer took %s", took)
		}
		time.Sleep(time.Minute)
	})
}
