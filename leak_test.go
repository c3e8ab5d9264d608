package main

import (
	"strings"
	"sync"
	"testing"

	"github.com/fastpix-operator/fastpix-operator/hack/fixtures"
)

// TestNothingSecretIsKept protects promise 3: after every sample, told well and told badly, no stream key, SRT secret, signed
// URL or token is in any object, in etcd's files, in a log or in a metric; and no signing secret is outside its Secret.
func TestNothingSecretIsKept(t *testing.T) {
	e := newEndpoint(t)
	var wg sync.WaitGroup
	post := func(body []byte, signature string, want int) {
		wg.Go(func() { // at once: a forged signature is answered late, since the key could be a new one
			if code, err := deployment.receiver.Post(t.Context(), e.path(), body, signature); err != nil || code != want {
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
	waitFolded(t)

	leaks, err := deployment.Leaks(t.Context(), fixtures.Markers, deployment.receiver, deployment.controllers)
	if err != nil {
		t.Fatal(err)
	}
	for _, leak := range leaks {
		t.Errorf("leak in %s", leak)
	}
	leaks, err = deployment.Leaks(t.Context(), []string{fixtures.SigningSecret}, deployment.receiver, deployment.controllers)
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
