package security

import (
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
	"github.com/fastpix-operator/fastpix-operator/test/framework/redaction"
)

// plantEverywhere delivers every sample with a secret in place of each of its strings, one at a time, and with every field that holds
// secrets in each of its objects.
func plantEverywhere(t *testing.T, e framework.Endpoint) *redaction.Secrets {
	t.Helper()
	seed := rand.Uint64()
	secrets := redaction.NewSecrets(seed)
	bodies := make(chan []byte)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for body := range bodies {
				code, err := framework.Deployed.Receiver.Post(t.Context(), e.Path(), body, fixtures.Sign(fixtures.SigningSecret, body))
				if err != nil || code != 200 && code != 400 { // 400 where it took the place of the id
					t.Errorf("seed %d: answer %d (%v) to %s", seed, code, err, body)
				}
			}
		})
	}
	for _, file := range fixtures.Payloads() {
		redaction.Plant(fixtures.Payload(file), secrets.Next, func(_ string, body []byte) bool {
			bodies <- body
			return true
		})
		bodies <- redaction.PlantFields(fixtures.Payload(file), secrets.Shapeless)
	}
	close(bodies)
	wg.Wait()
	return secrets
}

// TestNothingSecretIsKept protects promise 3: after every sample, signed and unsigned, valid and broken, and with a secret in place of any of its strings,
// no stream key, SRT secret, signed URL or token is in any object, in etcd's files, in a log or in a metric; and no signing secret is
// outside its Secret.
func TestNothingSecretIsKept(t *testing.T) {
	e := framework.NewEndpoint(t)
	var wg sync.WaitGroup
	post := func(body []byte, signature string, want int) {
		wg.Go(func() { // at once: a forged signature is answered late, since the key could be a new one
			if code, err := framework.Deployed.Receiver.Post(t.Context(), e.Path(), body, signature); err != nil || code != want {
				t.Errorf("answer %d, error %v, want %d for a body that begins with %.80s", code, err, want, body)
			}
		})
	}
	for _, file := range fixtures.Payloads() {
		body := fixtures.Payload(file)
		signature := fixtures.Sign(fixtures.SigningSecret, body)
		broken := append([]byte("["), body...)
		post(body, signature, 200)
		post(broken, fixtures.Sign(fixtures.SigningSecret, broken), 400)
		if !strings.HasPrefix(file, "probe.") {
			post(body, "", 401)
		}
	}
	body := fixtures.Payload("video.live_stream.created.json")
	post(body, fixtures.SigningSecret, 401)
	post(append([]byte(" "), body...), fixtures.Sign(fixtures.SigningSecret, body), 401)
	wg.Wait()
	secrets := plantEverywhere(t, e)
	framework.WaitJournalEmpty(t)

	leaks, err := framework.Deployed.Leaks(t.Context(), append(fixtures.Markers, secrets.Marker, strings.ToUpper(secrets.Marker)), framework.Deployed.Receiver, framework.Deployed.Controllers)
	if err != nil {
		t.Fatal(err)
	}
	for _, leak := range leaks {
		t.Errorf("leak in %s", leak)
	}
	leaks, err = framework.Deployed.Leaks(t.Context(), []string{fixtures.SigningSecret}, framework.Deployed.Receiver, framework.Deployed.Controllers)
	if err != nil {
		t.Fatal(err)
	}
	for _, leak := range leaks {
		// etcd's files hold the Secrets too.
		if !strings.HasPrefix(leak, "object /registry/secrets/") && !strings.Contains(leak, "/etcd/member/") {
			t.Errorf("leak in %s", leak)
		}
	}
}
