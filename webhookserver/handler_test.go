// These tests protect the HTTP contract: the answer to each request, the order of the checks, and that no state changes without a valid
// signature. They use a real socket.
package webhookserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/journal"
	"github.com/fastpix-operator/fastpix-operator/internal/receivertest"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

const (
	key       = fixtures.SigningSecret
	ready1    = `{"id":"e-1","type":"video.media.ready","object":{"type":"media","id":"3f1c2a9e-7b64-4d0e-9c53-1a2b3c4d5e6f"},"createdAt":"2026-11-20T09:00:00Z"}`
	newProbe  = `{"event":"","message":"hello"}`
	workspace = "ECDD5A55-ba47-4141-a3dc-0f6a7ebc3fd0"
)

func TestContract(t *testing.T) {
	t.Parallel()
	valid := receivertest.Secret("signing", key)
	wrongType := receivertest.Secret("second", receivertest.OtherSecret)
	wrongType.Type = corev1.SecretTypeOpaque
	big := ready1 + strings.Repeat(" ", maxBodyBytes-len(ready1)+1)
	fits := big[:maxBodyBytes]
	for name, tc := range map[string]struct {
		endpoint    func(*fastpixv1.WebhookEndpoint)
		secrets     []*corev1.Secret
		path        string
		method      string
		body        string
		signatures  []string // "=" stands for the valid signature
		want        int
		wantJournal int
	}{
		"valid event":                               {body: ready1, signatures: []string{"="}, want: 200, wantJournal: 1},
		"largest body":                              {body: fits, signatures: []string{"="}, want: 200, wantJournal: 1},
		"unknown type":                              {body: strings.Replace(ready1, "media.ready", "media.dreamt", 1), signatures: []string{"="}, want: 200},
		"unsigned empty body":                       {want: 200},
		"unsigned {}":                               {body: " {}\n", want: 200},
		"unsigned {} of a suspended endpoint":       {body: "{}", endpoint: receivertest.Suspended, want: 200},
		"signed newer probe":                        {body: newProbe, signatures: []string{"="}, want: 200},
		"unsigned newer probe":                      {body: newProbe, want: 401},
		"unsigned event":                            {body: ready1, want: 401},
		"empty signature":                           {body: ready1, signatures: []string{""}, want: 401},
		"wrong signature":                           {body: ready1, signatures: []string{fixtures.Sign(receivertest.OtherSecret, []byte(ready1))}, want: 401},
		"signature of another body":                 {body: ready1 + " ", signatures: []string{fixtures.Sign(key, []byte(ready1))}, want: 401},
		"{} with a wrong signature":                 {body: "{}", signatures: []string{"x"}, want: 401},
		"signature twice":                           {body: ready1, signatures: []string{"=", "="}, want: 401},
		"unsigned {} with two empty signatures":     {body: "{}", signatures: []string{"", ""}, want: 401},
		"signed, not JSON":                          {body: "hello", signatures: []string{"="}, want: 400},
		"signed array":                              {body: "[]", signatures: []string{"="}, want: 400},
		"signed known family without an id":         {body: `{"id":"e","type":"video.media.ready"}`, signatures: []string{"="}, want: 400},
		"unsigned, not JSON":                        {body: "hello", want: 401},
		"unknown endpoint":                          {path: "/webhooks/video/other", body: ready1, signatures: []string{"="}, want: 404},
		"unknown namespace":                         {path: "/webhooks/other/fastpix", body: ready1, signatures: []string{"="}, want: 404},
		"unknown path":                              {path: "/", body: ready1, want: 404},
		"polling only":                              {endpoint: receivertest.PollingOnly, body: ready1, signatures: []string{"="}, want: 404},
		"polling only, {}":                          {endpoint: receivertest.PollingOnly, body: "{}", want: 404},
		"polling only is checked before the size":   {endpoint: receivertest.PollingOnly, body: big, want: 404},
		"polling only is checked before suspension": {endpoint: pollingAndSuspended, body: ready1, want: 404},
		"GET of an endpoint that polls only":        {endpoint: receivertest.PollingOnly, method: http.MethodGet, want: 405},
		"path with a slash at its end":              {path: receivertest.Path + "/", body: ready1, signatures: []string{"="}, want: 200, wantJournal: 1},
		"path with two slashes at its end":          {path: receivertest.Path + "//", body: ready1, signatures: []string{"="}, want: 404},
		"path with a slash instead of a name":       {path: "/webhooks/video//", body: ready1, signatures: []string{"="}, want: 404},
		"path with an escaped slash at its end":     {path: receivertest.Path + "%2F", body: ready1, signatures: []string{"="}, want: 404},
		"path with an escaped slash":                {path: "/webhooks/video%2Ffastpix", body: ready1, signatures: []string{"="}, want: 404},
		"path with escaped letters":                 {path: "/webhooks/video/%66astpix", body: ready1, signatures: []string{"="}, want: 404},
		"path with dots":                            {path: "/webhooks/video/../video/fastpix", body: ready1, signatures: []string{"="}, want: 404},
		"path with a query":                         {path: receivertest.Path + "?a=b", body: ready1, signatures: []string{"="}, want: 200, wantJournal: 1},
		"GET":                                       {method: http.MethodGet, want: 405},
		"PUT":                                       {method: http.MethodPut, body: ready1, signatures: []string{"="}, want: 405},
		"method is checked before the path":         {method: http.MethodGet, path: "/nowhere", want: 405},
		"endpoint is checked before the size":       {path: "/webhooks/video/other", body: big, want: 404},
		"too large":                                 {body: big, signatures: []string{"="}, want: 413},
		"size is checked before suspension":         {body: big, endpoint: receivertest.Suspended, want: 413},
		"suspended":                                 {body: ready1, signatures: []string{"="}, endpoint: receivertest.Suspended, want: 503},
		"suspension is checked before signatures":   {body: ready1, endpoint: receivertest.Suspended, want: 503},
		"no secret, signed event":                   {secrets: []*corev1.Secret{}, body: ready1, signatures: []string{"="}, want: 503},
		"no secret, unsigned event":                 {secrets: []*corev1.Secret{}, body: ready1, want: 503},
		"no secret, {}":                             {secrets: []*corev1.Secret{}, body: "{}", want: 200},
		"no secret, newer probe":                    {secrets: []*corev1.Secret{}, body: newProbe, want: 200},
		"no secret, newer probe with a signature":   {secrets: []*corev1.Secret{}, body: newProbe, signatures: []string{"x"}, want: 200},
		"no secret, newer probe that is too large":  {secrets: []*corev1.Secret{}, body: newProbe + strings.Repeat(" ", maxProbeBytes), want: 503},
		"no secret, not JSON":                       {secrets: []*corev1.Secret{}, body: "hello", want: 503},
		"secret that is not base64":                 {secrets: []*corev1.Secret{receivertest.Secret("signing", "%")}, body: ready1, signatures: []string{"="}, want: 503},
		"two secrets, signed by the second":         {endpoint: receivertest.TwoSecrets, secrets: []*corev1.Secret{receivertest.Secret("signing", receivertest.OtherSecret), receivertest.Secret("second", key)}, body: ready1, signatures: []string{"="}, want: 200, wantJournal: 1},
		"two secrets, signed by neither":            {endpoint: receivertest.TwoSecrets, secrets: []*corev1.Secret{valid, receivertest.Secret("second", receivertest.OtherSecret)}, body: ready1, signatures: []string{"x"}, want: 401},
		"two secrets, the other is missing":         {endpoint: receivertest.TwoSecrets, secrets: []*corev1.Secret{valid}, body: ready1, signatures: []string{"="}, want: 200, wantJournal: 1},
		"two secrets, one missing, wrong signature": {endpoint: receivertest.TwoSecrets, secrets: []*corev1.Secret{valid}, body: ready1, signatures: []string{"x"}, want: 503},
		"two secrets, one missing, unsigned":        {endpoint: receivertest.TwoSecrets, secrets: []*corev1.Secret{valid}, body: ready1, want: 503},
		"two secrets, one of another type":          {endpoint: receivertest.TwoSecrets, secrets: []*corev1.Secret{valid, wrongType}, body: ready1, signatures: []string{fixtures.Sign(receivertest.OtherSecret, []byte(ready1))}, want: 503},
		"foreign workspace": {endpoint: func(e *fastpixv1.WebhookEndpoint) { e.Spec.WorkspaceID = "another" },
			body: string(fixtures.Payload("video.media.created.seed.json")), signatures: []string{"="}, want: 200},
		"own workspace in other letters": {endpoint: func(e *fastpixv1.WebhookEndpoint) { e.Spec.WorkspaceID = workspace },
			body: string(fixtures.Payload("video.media.created.seed.json")), signatures: []string{"="}, want: 200, wantJournal: 1},
		"event that does not name its workspace": {endpoint: func(e *fastpixv1.WebhookEndpoint) { e.Spec.WorkspaceID = workspace },
			body: ready1, signatures: []string{"="}, want: 200, wantJournal: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tc.secrets == nil {
				tc.secrets = []*corev1.Secret{valid}
			}
			e := receivertest.Endpoint()
			if tc.endpoint != nil {
				tc.endpoint(e)
			}
			r := newTestEnv(t, e)
			for _, s := range tc.secrets {
				if err := r.api.Create(t.Context(), s.DeepCopy()); err != nil {
					t.Fatal(err)
				}
			}
			for i := range tc.signatures {
				tc.signatures[i] = strings.Replace(tc.signatures[i], "=", fixtures.Sign(key, []byte(tc.body)), boolInt(tc.signatures[i] == "="))
			}
			if tc.path == "" {
				tc.path = receivertest.Path
			}
			if tc.method == "" {
				tc.method = http.MethodPost
			}
			got := r.do(r.request(tc.method, tc.path, tc.body, tc.signatures...))
			if journaled := len(r.journaled()); got != tc.want || journaled != tc.wantJournal {
				t.Errorf("got %d with %d journaled, want %d with %d", got, journaled, tc.want, tc.wantJournal)
			}
		})
	}
}

func pollingAndSuspended(e *fastpixv1.WebhookEndpoint) {
	receivertest.PollingOnly(e)
	receivertest.Suspended(e)
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestEverySampleIsAcknowledgedAndRedacted(t *testing.T) {
	t.Parallel()
	r := newTestEnv(t, receivertest.Endpoint(), receivertest.Secret("signing", key))
	for _, name := range fixtures.Payloads() {
		if got := r.post(string(fixtures.Payload(name)), key); got != 200 {
			t.Errorf("%s: got %d, want 200", name, got)
		}
	}
	all := strings.Join(r.journaled(), "\n")
	for _, marker := range fixtures.Markers {
		if strings.Contains(all, marker) {
			t.Errorf("the journal holds %s", marker)
		}
	}
	for _, text := range r.journaled() {
		if _, err := record.Decode(text); err != nil {
			t.Errorf("journaled a record that cannot be read: %v", err)
		}
	}
}

// Not parallel: it reads counters that all receivers of this process share.
func TestWhatIsNotMirroredIsCounted(t *testing.T) {
	r := newTestEnv(t, receivertest.Endpoint(), receivertest.Secret("signing", key))
	for name, tc := range map[string]struct{ body, want string }{
		"a type with a known beginning": {strings.Replace(ready1, "media.ready", "media.track.dreamt", 1), `fastpix_unknown_events_total{family="track"}`},
		"what AI failed to find":        {string(fixtures.Payload("inferred.video.mediaAI.summary.failed.json")), `fastpix_unknown_events_total{family="ai"}`},
		"no type":                       {`{"object":{"id":"x"}}`, `fastpix_unknown_events_total{family="other"}`},
		"a field of a wrong type":       {strings.Replace(ready1, "{", `{"data":{"title":5},`, 1), "fastpix_skipped_fields_total"},
	} {
		before := counted(t, tc.want)
		if got := r.post(tc.body, key); got != 200 {
			t.Errorf("%s: got %d, want 200", name, got)
		}
		if got := counted(t, tc.want) - before; got != 1 {
			t.Errorf("%s: %s grew by %d, want 1", name, tc.want, got)
		}
	}
	before := counted(t, "fastpix_skipped_fields_total")
	r.mu.Lock()
	r.fail = journal.ErrNotCommitted
	r.mu.Unlock()
	if got := r.post(strings.Replace(ready1, "{", `{"data":{"title":6},`, 1), key); got != 503 || counted(t, "fastpix_skipped_fields_total") != before {
		t.Errorf("an event that is answered %d and sent again is counted already", got)
	}
}

// counted returns the value of a counter.
func counted(t *testing.T, name string) int {
	t.Helper()
	for line := range strings.Lines(metricsText(t)) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+" "); ok {
			n, err := strconv.Atoi(value)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	return 0
}

func TestAnswersRevealNothing(t *testing.T) {
	t.Parallel()
	r := newTestEnv(t, receivertest.Endpoint(), receivertest.Secret("signing", key))
	bodies := map[int]string{}
	for _, req := range []*http.Request{
		r.request(http.MethodPost, receivertest.Path, ready1),
		r.request(http.MethodPost, receivertest.Path, ready1, "x"),
		r.request(http.MethodPost, receivertest.Path, ready1, "x", "y"),
		r.request(http.MethodPost, receivertest.Path, "", ""),
		r.request(http.MethodPost, receivertest.Path, ready1, fixtures.Sign(key, []byte(ready1))),
		r.request(http.MethodPost, "/webhooks/a/<b>", ready1),
		r.request(http.MethodPost, "/x", ready1),
		r.request(http.MethodGet, receivertest.Path, ""),
	} {
		resp, err := r.server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if before, ok := bodies[resp.StatusCode]; ok && before != string(body) {
			t.Errorf("two bodies for %d: %q and %q", resp.StatusCode, before, body)
		}
		bodies[resp.StatusCode] = string(body)
		if resp.Header.Get("Cache-Control") != "no-store" || len(body) > 64 {
			t.Errorf("%d: unexpected answer: %v %q", resp.StatusCode, resp.Header, body)
		}
		if allow := resp.Header.Get("Allow"); (allow == "POST") != (resp.StatusCode == 405) {
			t.Errorf("%d: got Allow %q", resp.StatusCode, allow)
		}
	}
	if got := slices.Sorted(maps.Keys(bodies)); !slices.Equal(got, []int{200, 401, 404, 405}) {
		t.Errorf("got answers %v", got)
	}
}

func TestChunkedBodyThatIsTooLargeIsCutOff(t *testing.T) {
	t.Parallel()
	r := newTestEnv(t, receivertest.Endpoint(), receivertest.Secret("signing", key))
	req := r.request(http.MethodPost, receivertest.Path, "")
	req.Body = io.NopCloser(io.LimitReader(zeros{}, 8<<20))
	req.ContentLength = -1
	if got := r.do(req); got != 413 {
		t.Errorf("got %d, want 413", got)
	}
	if held := r.handler.bodies.large.Load(); held != 0 {
		t.Errorf("%d bytes are still reserved", held)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestSlowBodyIsCutOff(t *testing.T) {
	t.Parallel()
	quick := func(r *testEnv) { r.server.Config.ReadTimeout = 200 * time.Millisecond }
	r := newTunedTestEnv(t, quick, receivertest.Endpoint(), receivertest.Secret("signing", key))
	answer := r.raw("POST " + receivertest.Path + " HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
	if !strings.HasPrefix(answer, "HTTP/1.1 503 ") || !strings.Contains(answer, "Connection: close") || !strings.Contains(answer, "Retry-After: ") {
		t.Errorf("got %q", answer)
	}
}

// raw sends text to the receiver and returns all that it answers before it closes the connection.
func (r *testEnv) raw(text string) string {
	r.t.Helper()
	var d net.Dialer
	conn, err := d.DialContext(r.t.Context(), "tcp", r.server.Listener.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, text); err != nil {
		r.t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	answer, _ := io.ReadAll(conn)
	return string(answer)
}

func TestRequestsThatTwoServersReadDifferentlyAreRefused(t *testing.T) {
	t.Parallel()
	r := newTestEnv(t, receivertest.Endpoint(), receivertest.Secret("signing", key))
	for name, header := range map[string]string{
		"two lengths":         "Content-Length: 3\r\nContent-Length: 5\r\n",
		"length that is text": "Content-Length: +3\r\n",
		"unknown encoding":    "Transfer-Encoding: gzip, chunked\r\n",
		"broken header":       "Content-Length : 3\r\n",
	} {
		answer := r.raw("POST " + receivertest.Path + " HTTP/1.1\r\nHost: x\r\n" + header + "\r\n{}\n")
		if !strings.HasPrefix(answer, "HTTP/1.1 400 ") && !strings.HasPrefix(answer, "HTTP/1.1 501 ") {
			t.Errorf("%s: got %q", name, answer)
		}
	}
}

// TestOneRequestHasOneAnswer protects senders behind a shared proxy. If proxy and receiver disagree where a request ends, the proxy takes
// the second answer of an attacker for the answer to a delivery, and FastPix never sends that delivery again.
func TestOneRequestHasOneAnswer(t *testing.T) {
	t.Parallel()
	r := newTestEnv(t, receivertest.Endpoint(), receivertest.Secret("signing", key))
	signed := "Host: x\r\nFastPix-Signature: " + fixtures.Sign(key, []byte(ready1)) + "\r\n"
	chunks := fmt.Sprintf("%x\r\n%s\r\n0\r\n", len(ready1), ready1)
	const second = "POST /second HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
	post := "POST " + receivertest.Path + " HTTP/1.1\r\n" + signed
	for name, request := range map[string]string{
		"length, then chunks":        post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + "\r\n" + second,
		"chunks, then length":        post + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" + chunks + "\r\n" + second,
		"chunks on a folded line":    post + "Transfer-Encoding:\r\n chunked\r\n\r\n" + chunks + "\r\n" + second,
		"chunks, and more length":    post + "Transfer-Encoding: chunked\r\n\r\n" + chunks + "Content-Length: 3\r\n\r\n" + second,
		"chunks of HTTP/1.0":         "POST " + receivertest.Path + " HTTP/1.0\r\nConnection: keep-alive\r\n" + signed + "Transfer-Encoding: chunked\r\n\r\n" + chunks + "\r\n" + second,
		"HTTP/1.0 that keeps open":   "POST " + receivertest.Path + " HTTP/1.0\r\nConnection: keep-alive\r\n" + signed + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(ready1)) + ready1 + second,
		"a broken chunk":             post + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n" + second,
		"chunks that end with LF":    post + "Transfer-Encoding: chunked\r\n\r\n" + strings.ReplaceAll(chunks, "\r\n", "\n") + "\r\n" + second,
		"a request as an ended body": fmt.Sprintf("POST /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n", len(second)) + second,
		"a request as a GET's body":  fmt.Sprintf("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n", len(second)) + second,
	} {
		if answer := r.raw(request); strings.Count(answer, "HTTP/1.") != 1 {
			t.Errorf("%s: got %q", name, answer)
		}
	}
}

func TestDuplicateIsAcknowledgedWithoutAnotherCommit(t *testing.T) {
	t.Parallel()
	r := newTestEnv(t, receivertest.Endpoint(), receivertest.Secret("signing", key))
	r.fail = receivertest.ErrUnavailable
	if got := r.post(ready1, key); got != 503 {
		t.Errorf("journal unavailable: got %d, want 503", got)
	}
	r.fail = nil
	for range 3 {
		if got := r.post(ready1, key); got != 200 {
			t.Errorf("got %d, want 200", got)
		}
	}
	if got := r.post(ready1+" ", key); got != 200 {
		t.Errorf("same event in other bytes: got %d, want 200", got)
	}
	if got := len(r.journaled()); got != 2 {
		t.Errorf("journaled %d times, want 2: once for each body", got)
	}
	r.handler.directory.Set(receivertest.Endpoint(func(e *fastpixv1.WebhookEndpoint) { e.UID = "uid-2" }))
	r.post(ready1, key)
	if got := len(r.journaled()); got != 3 {
		t.Errorf("journaled %d times, want 3: the endpoint was created again", got)
	}
}

func TestUnknownEndpointIs404OnlyOnceAllAreKnown(t *testing.T) {
	t.Parallel()
	r := newTestEnv(t, nil, receivertest.Secret("signing", key))
	if got := r.post(ready1, key); got != 503 {
		t.Errorf("got %d before all endpoints are read, want 503", got)
	}
	r.handler.directory.Set(receivertest.Endpoint())
	if got := r.post(ready1, key); got != 200 {
		t.Errorf("got %d for an endpoint that is read already, want 200", got)
	}
	r.handler.directory.Remove(receivertest.Endpoint())
	r.handler.directory.MarkSynced()
	if got := r.post(ready1, key); got != 404 {
		t.Errorf("got %d, want 404", got)
	}
}

func TestNewKeyWorksAtTheFirstDeliveryItSigns(t *testing.T) {
	t.Parallel()
	r := newTestEnv(t, receivertest.Endpoint())
	if got := r.post(ready1, key); got != 503 {
		t.Fatalf("got %d without a Secret, want 503", got)
	}
	secret := receivertest.Secret("signing", receivertest.OtherSecret)
	if err := r.api.Create(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	if got := r.post(ready1, receivertest.OtherSecret); got != 200 {
		t.Errorf("got %d at the first delivery after the Secret was made, want 200", got)
	}
	secret.Data[fastpixv1.DefaultSigningSecretKey] = []byte(key)
	if err := r.api.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	if got := r.post(ready1, key); got != 200 {
		t.Errorf("got %d at the first delivery that the replaced key signs, want 200", got)
	}
	if got := r.post(ready1+" ", receivertest.OtherSecret); got != 401 {
		t.Errorf("got %d for the key that was replaced, want 401", got)
	}
}

func TestKeyRemovedFromTheSpecStopsAtOnce(t *testing.T) {
	t.Parallel()
	r := newTestEnv(t, receivertest.Endpoint(receivertest.TwoSecrets), receivertest.Secret("signing", key), receivertest.Secret("second", receivertest.OtherSecret))
	if got := r.post(ready1, receivertest.OtherSecret); got != 200 {
		t.Fatalf("got %d, want 200", got)
	}
	r.breakReads(receivertest.ErrUnavailable)
	r.handler.directory.Set(receivertest.Endpoint(func(e *fastpixv1.WebhookEndpoint) { e.Generation = 2 }))
	if got := r.post(ready1, receivertest.OtherSecret); got != 401 {
		t.Errorf("got %d, want 401", got)
	}
}

func TestWrongSignatureIs503WhileSecretsCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"unavailable": receivertest.ErrUnavailable,
		"forbidden":   apierrors.NewForbidden(corev1.Resource("secrets"), "signing", errors.New("no")),
	} {
		r := newTestEnv(t, receivertest.Endpoint(), receivertest.Secret("signing", key))
		r.breakReads(err)
		if got := r.post(ready1, receivertest.OtherSecret); got != 503 {
			t.Errorf("%s: got %d, want 503", name, got)
		}
	}
}

func TestFloodOfWrongSignaturesCausesFewReads(t *testing.T) {
	t.Parallel()
	r := newTestEnv(t, receivertest.Endpoint(), receivertest.Secret("signing", key))
	start := time.Now()
	done := make(chan int)
	for range 40 {
		go func() { done <- r.post(ready1, receivertest.OtherSecret) }()
	}
	for range 40 {
		if got := <-done; got != 401 {
			t.Errorf("got %d, want 401", got)
		}
	}
	limit := 2 + int(time.Since(start)/readInterval)
	if got := r.secretReads(); got > limit {
		t.Errorf("got %d reads, want at most %d", got, limit)
	}
	before := r.secretReads()
	for range 10 {
		if got := r.post(ready1); got != 401 {
			t.Errorf("unsigned: got %d, want 401", got)
		}
	}
	if got := r.secretReads(); got != before {
		t.Errorf("unsigned deliveries caused %d reads", got-before)
	}
}

func TestBacklogAboveItsBoundIs503(t *testing.T) {
	t.Parallel()
	r := newTestEnv(t, receivertest.Endpoint(), receivertest.Secret("signing", key))
	if got := r.post(ready1, key); got != 200 {
		t.Fatalf("got %d, want 200", got)
	}
	full := receivertest.Endpoint(func(e *fastpixv1.WebhookEndpoint) {
		e.Status.PendingEvents, e.Status.FailedEvents = r.handler.options.MaxPendingPerEndpoint-1, 1
		e.Status.PendingTime = new(metav1.NowMicro())
	})
	r.handler.directory.Set(full)
	if got := r.post(ready1+" ", key); got != 503 {
		t.Errorf("got %d, want 503", got)
	}
	if got := r.post(ready1, key); got != 200 {
		t.Errorf("got %d for a duplicate, want 200: it needs no capacity", got)
	}
	r.handler.directory.Set(receivertest.Endpoint())
	r.handler.directory.Set(receivertest.Endpoint(func(e *fastpixv1.WebhookEndpoint) {
		e.Namespace, e.UID = "other", "uid-other"
		e.Status.PendingEvents, e.Status.PendingTime = r.handler.options.MaxPendingTotal, new(metav1.NowMicro())
	}))
	if got := r.post(ready1+" ", key); got != 503 {
		t.Errorf("got %d above the total bound, want 503", got)
	}
}

func TestDeliveriesInFlightAreBoundedForEachEndpoint(t *testing.T) {
	t.Parallel()
	r := newTestEnv(t, receivertest.Endpoint(), receivertest.Secret("signing", key))
	r.handler.directory.Set(receivertest.Endpoint(func(e *fastpixv1.WebhookEndpoint) { e.Name = "second" }))
	r.handler.options.MaxInFlightPerEndpoint = 1
	entered, release := make(chan struct{}), make(chan struct{})
	r.handler.journal = journalFunc(func(_ context.Context, name types.NamespacedName, _ string) error {
		if name.Name == "fastpix" {
			close(entered)
			<-release
		}
		return nil
	})
	first := make(chan int)
	go func() { first <- r.post(ready1, key) }()
	<-entered
	if got := r.post(ready1+" ", key); got != 503 {
		t.Errorf("got %d, want 503", got)
	}
	other := r.request(http.MethodPost, "/webhooks/video/second", ready1, fixtures.Sign(key, []byte(ready1)))
	if got := r.do(other); got != 200 {
		t.Errorf("got %d for another endpoint, want 200", got)
	}
	close(release)
	if got := <-first; got != 200 {
		t.Errorf("got %d for the first, want 200", got)
	}
}

// TestBytesThatWaitForTheJournalAreBounded protects the memory of the receiver while the API server hangs: no body is held, and records only
// up to a limit.
func TestBytesThatWaitForTheJournalAreBounded(t *testing.T) {
	t.Parallel()
	r := newTestEnv(t, receivertest.Endpoint(), receivertest.Secret("signing", key))
	entered, release := make(chan struct{}), make(chan struct{})
	r.handler.journal = journalFunc(func(context.Context, types.NamespacedName, string) error {
		close(entered)
		<-release
		return nil
	})
	first := make(chan int)
	go func() { first <- r.post(ready1+strings.Repeat(" ", 2*smallBodyBytes), key) }()
	<-entered
	if held := r.handler.bodies.large.Load(); held != 0 {
		t.Errorf("%d bytes of a body are held while its record waits for the journal", held)
	}
	if records := r.handler.waitingBytes.Load(); records == 0 || records > record.MaxBytes {
		t.Errorf("%d bytes of records wait", records)
	}
	r.handler.waitingBytes.Add(maxWaitingBytes)
	if got := r.post(ready1+" ", key); got != 503 {
		t.Errorf("got %d, want 503", got)
	}
	close(release)
	if got := <-first; got != 200 {
		t.Errorf("got %d for the first, want 200", got)
	}
	if left := r.handler.waitingBytes.Load(); left != maxWaitingBytes {
		t.Errorf("%d bytes are left", left-maxWaitingBytes)
	}
}

// TestBytesOfOneNamespaceThatWaitAreBounded protects tenants from a tenant with large records. It counts to zero again after each answer.
func TestBytesOfOneNamespaceThatWaitAreBounded(t *testing.T) {
	t.Parallel()
	r := newTestEnv(t, receivertest.Endpoint(), receivertest.Secret("signing", key))
	r.handler.directory.Set(receivertest.Endpoint(func(e *fastpixv1.WebhookEndpoint) { e.Namespace, e.UID = "other", "other" }))
	secret := receivertest.Secret("signing", key)
	secret.Namespace = "other"
	if err := r.api.Create(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	bodies := 0
	deliver := func(namespace string) int {
		bodies++ // another body each time: a duplicate is not appended
		body := ready1 + strings.Repeat(" ", bodies)
		return r.do(r.request(http.MethodPost, "/webhooks/"+namespace+"/"+receivertest.Name.Name, body, fixtures.Sign(key, []byte(body))))
	}
	e := r.handler.directory.Get(receivertest.Name)
	for name, fail := range map[string]error{"committed": nil, "not committed": journal.ErrNotCommitted, "refused": journal.ErrRefused} {
		r.fail = fail
		deliver(receivertest.Name.Namespace)
		if own, all := e.AddWaitingBytes(0), r.handler.waitingBytes.Load(); own != 0 || all != 0 {
			t.Errorf("%s: %d bytes of the namespace and %d of all are left", name, own, all)
		}
	}
	r.fail = nil
	e.AddWaitingBytes(maxWaitingBytes / 2)
	if got := deliver(receivertest.Name.Namespace); got != 503 {
		t.Errorf("got %d for a namespace that uses half of the limit, want 503", got)
	}
	if got := deliver("other"); got != 200 {
		t.Errorf("got %d for another namespace, want 200", got)
	}
	if own := e.AddWaitingBytes(-maxWaitingBytes / 2); own != 0 {
		t.Errorf("%d bytes of the namespace are left", own)
	}
	if got := deliver(receivertest.Name.Namespace); got != 200 {
		t.Errorf("got %d after the records were committed, want 200", got)
	}
}

// TestOneNamespaceUsesAtMostHalfOfTheLimits protects tenants from a tenant with many endpoints.
func TestOneNamespaceUsesAtMostHalfOfTheLimits(t *testing.T) {
	t.Parallel()
	r := newTestEnv(t, receivertest.Endpoint(), receivertest.Secret("signing", key))
	o, d := r.handler.options, r.handler.directory
	set := func(namespace, name string, pending int64) *fastpixv1.WebhookEndpoint {
		e := receivertest.Endpoint(func(e *fastpixv1.WebhookEndpoint) {
			e.Namespace, e.Name, e.UID = namespace, name, types.UID(namespace+name)
			e.Status.PendingEvents, e.Status.PendingTime = pending, new(metav1.NowMicro())
		})
		d.Set(e)
		return e
	}
	secret := receivertest.Secret("signing", key)
	secret.Namespace = "other"
	if err := r.api.Create(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	deliver := func(namespace, name string) int {
		path := "/webhooks/" + namespace + "/" + name
		return r.do(r.request(http.MethodPost, path, ready1, fixtures.Sign(key, []byte(ready1))))
	}

	o.MaxPendingPerEndpoint, o.MaxPendingTotal = 100, 200
	set("video", "first", 60)
	set("video", "second", 40)
	if got := deliver("video", "first"); got != 200 {
		t.Errorf("got %d, want 200: no other namespace has endpoints", got)
	}
	other := set("other", "fastpix", 0)
	if got := deliver("video", "fastpix"); got != 503 {
		t.Errorf("got %d for a namespace that uses half of the limit of pending events, want 503", got)
	}
	if got := deliver("other", "fastpix"); got != 200 {
		t.Errorf("got %d for another namespace, want 200", got)
	}

	set("video", "first", 0)
	set("video", "second", 0)
	o.MaxInFlightPerEndpoint, o.MaxInFlight = 1, 2
	entered, release := make(chan struct{}), make(chan struct{})
	r.handler.journal = journalFunc(func(_ context.Context, name types.NamespacedName, _ string) error {
		if name.Name == "second" {
			close(entered)
			<-release
		}
		return nil
	})
	blocked := make(chan int)
	go func() { blocked <- deliver("video", "second") }()
	<-entered
	if got := deliver("video", "fastpix"); got != 503 {
		t.Errorf("got %d for a namespace that uses half of the limit of deliveries in flight, want 503", got)
	}
	o.MaxPendingPerEndpoint = 200 // its first event still counts as pending
	other.UID = "another"
	d.Set(other)
	if got := deliver("other", "fastpix"); got != 200 {
		t.Errorf("got %d for another namespace, want 200", got)
	}
	d.Remove(other)
	if got := deliver("video", "fastpix"); got != 200 {
		t.Errorf("got %d, want 200: no other namespace has endpoints any more", got)
	}
	close(release)
	if got := <-blocked; got != 200 {
		t.Errorf("got %d for the first, want 200", got)
	}
}

func TestReceiptIsNeverBeforeTheEndpoint(t *testing.T) {
	t.Parallel()
	created := time.Now().Add(time.Hour).Truncate(time.Second)
	r := newTestEnv(t, receivertest.Endpoint(func(e *fastpixv1.WebhookEndpoint) {
		e.CreationTimestamp = metav1.NewTime(created)
		e.Spec.MetadataPolicy = fastpixv1.MetadataOmit
	}), receivertest.Secret("signing", key))
	r.post(string(fixtures.Payload("video.media.ready.json")), key)
	got, err := record.Decode(r.journaled()[0])
	if err != nil {
		t.Fatal(err)
	}
	if !got.Received.Time.Equal(created) || got.EndpointUID != "uid-1" || got.Fingerprint == "" {
		t.Errorf("got receipt %v of endpoint %q by key %q", got.Received, got.EndpointUID, got.Fingerprint)
	}
	if title := got.Changes[0].Media.Title; title == nil || *title != "" {
		t.Error("the policy Omit let a title through")
	}
}

func TestRefusalsAreLoggedByCountWithoutWhatWasSent(t *testing.T) {
	t.Parallel()
	r := newTestEnv(t, receivertest.Endpoint(), receivertest.Secret("signing", key))
	for range 5 {
		r.post(`{"type":"video.media.ready","x":"attack"}`, key)
		r.do(r.request(http.MethodPost, "/webhooks/attack/attack", "attack", "attack"))
	}
	r.handler.refusals.flush()
	r.handler.refusals.flush()
	log := r.log.String()
	if strings.Contains(log, "attack") || strings.Count(log, "\n") != 2 || strings.Count(log, `"count"=5`) != 2 {
		t.Errorf("got log:\n%s", log)
	}
}

func TestDefectIsAnswered503(t *testing.T) {
	t.Parallel()
	r := newTestEnv(t, receivertest.Endpoint(), receivertest.Secret("signing", key))
	r.handler.journal = nil
	if got := r.post(ready1, key); got != 503 {
		t.Errorf("got %d, want 503", got)
	}
	if got := r.handler.inFlight.Load(); got != 0 {
		t.Errorf("%d deliveries are still in flight", got)
	}
}

func TestCompressedBodyIsVerifiedAsItCame(t *testing.T) {
	t.Parallel()
	r := newTestEnv(t, receivertest.Endpoint(), receivertest.Secret("signing", key))
	body := string(bytes.Repeat([]byte{0x1f, 0x8b, 8, 0}, 8))
	if got := r.post(body, key); got != 400 {
		t.Errorf("got %d, want 400: bytes that are not JSON, whatever their encoding", got)
	}
}
