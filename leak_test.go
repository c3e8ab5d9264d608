package main

import (
	"strings"
	"testing"

	"github.com/fastpix-operator/fastpix-operator/hack/fixtures"
)

// TestNothingSecretIsKept protects promise 3: after every sample, told well and told badly, no stream key, SRT secret, signed
// URL or token is in any object, in etcd's files, in a log or in a metric; and no signing secret is outside its Secret.
func TestNothingSecretIsKept(t *testing.T) {
	e := newEndpoint(t)
	for _, file := range fixtures.Payloads() {
		body := fixtures.Payload(file)
		signature := fixtures.Sign(fixtures.SigningSecret, body)
		broken := append([]byte("["), body...)
		for _, delivery := range []struct {
			body      []byte
			signature string
		}{
			{body, signature}, {body, ""}, {body, fixtures.SigningSecret},
			{broken, signature}, {broken, fixtures.Sign(fixtures.SigningSecret, broken)},
		} {
			if code, err := deployment.receiver.Post(t.Context(), e.path(), delivery.body, delivery.signature); err != nil || code >= 500 {
				t.Fatalf("%s: answer %d, error %v", file, code, err)
			}
		}
	}
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
