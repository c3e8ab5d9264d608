package delivery

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// TestAnswers protects the answers that senders and attackers get from the deployed receiver; the handler's own tests have
// the whole table. Nothing that is refused may leave an object.
func TestAnswers(t *testing.T) {
	e := framework.NewEndpoint(t)
	body := fixtures.Payload("video.media.created.json")
	signed := fixtures.Sign(fixtures.SigningSecret, body)
	byText := hmac.New(sha256.New, []byte(fixtures.SigningSecret)) // not by the bytes that the text stands for
	byText.Write(body)
	const maxBody = 1 << 20

	tests := map[string]struct {
		method, path string // POST to the endpoint by default
		signature    string
		body         io.Reader
		want         int
	}{
		"signed by the text of the secret": {signature: base64.StdEncoding.EncodeToString(byText.Sum(nil)), body: bytes.NewReader(body), want: 401},
		"tampered":                         {signature: signed, body: bytes.NewReader(bytes.Replace(body, []byte("Created"), []byte("created"), 1)), want: 401},
		"unsigned":                         {body: bytes.NewReader(body), want: 401},
		"probe":                            {body: strings.NewReader("{}"), want: 200},
		"empty probe":                      {body: strings.NewReader(""), want: 200},
		"signed probe": {
			signature: fixtures.Sign(fixtures.SigningSecret, fixtures.Payload("probe.no-id-no-type.json")),
			body:      bytes.NewReader(fixtures.Payload("probe.no-id-no-type.json")), want: 200,
		},
		"signed, not JSON":       {signature: fixtures.Sign(fixtures.SigningSecret, []byte("do_not_show")), body: strings.NewReader("do_not_show"), want: 400},
		"oversized, chunked":     {signature: signed, body: io.MultiReader(bytes.NewReader(make([]byte, maxBody)), strings.NewReader("1")), want: 413},
		"oversized, with length": {signature: signed, body: bytes.NewReader(make([]byte, maxBody+1)), want: 413},
		"wrong method":           {method: http.MethodGet, want: 405},
		"another wrong method":   {method: http.MethodPut, body: bytes.NewReader(body), want: 405},
		"unknown endpoint":       {path: "/webhooks/" + e.Namespace + "/other", signature: signed, body: bytes.NewReader(body), want: 404},
		"unknown namespace":      {path: "/webhooks/nowhere/fastpix", signature: signed, body: bytes.NewReader(body), want: 404},
		"unknown path":           {path: "/", signature: signed, body: bytes.NewReader(body), want: 404},
		"path behind":            {path: e.Path() + "/more", signature: signed, body: bytes.NewReader(body), want: 404},
		"no probes here":         {path: "/readyz", want: 404},
		"unknown type": {
			signature: fixtures.Sign(fixtures.SigningSecret, fixtures.Payload("variant.unknown-type.json")),
			body:      bytes.NewReader(fixtures.Payload("variant.unknown-type.json")), want: 200,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			method, path := tt.method, tt.path
			if method == "" {
				method = http.MethodPost
			}
			if path == "" {
				path = e.Path()
			}
			req, err := http.NewRequestWithContext(t.Context(), method, framework.Deployed.Receiver.ReceiverURL+path, tt.body)
			if err != nil {
				t.Fatal(err)
			}
			if tt.signature != "" {
				req.Header.Set(controlplane.SignatureHeader, tt.signature)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != tt.want {
				t.Errorf("answer is %d, want %d", resp.StatusCode, tt.want)
			}
			if tt.want == http.StatusMethodNotAllowed && resp.Header.Get("Allow") != http.MethodPost {
				t.Errorf("Allow is %q, want POST", resp.Header.Get("Allow"))
			}
		})
	}

	framework.WaitJournalEmpty(t)
	for _, list := range []client.ObjectList{&fastpixv1.MediaAssetList{}, &fastpixv1.LiveStreamList{}} {
		if err := framework.Deployed.Admin.List(t.Context(), list, client.InNamespace(e.Namespace)); err != nil {
			t.Fatal(err)
		}
		if names := framework.Names(t, list); len(names) > 0 {
			t.Errorf("requests without an event left %v", names)
		}
	}
}
