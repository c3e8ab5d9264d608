// These tests protect the fake: it answers as the captured replies of the real API do.
package fastpixfake

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/util/cert"

	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

var access = Access{TokenID: "token", SecretKey: "key"}

var created = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

func TestAnswersHaveTheFormOfCapturedReplies(t *testing.T) {
	t.Parallel()
	f, w := serve(t)
	for i := range 3 {
		w.PutMedia(NewMedia(MediaID(i), created.Add(time.Duration(i)*time.Hour)))
		w.PutStream(NewStream(StreamID(i), created))
	}
	for file, path := range map[string]string{
		"media.list.json": "/on-demand?limit=50&offset=1&orderBy=asc", "media.list.page-2-of-3.json": "/on-demand?limit=1&offset=2&orderBy=asc",
		"media.get.json": "/on-demand/" + MediaID(0), "streams.list.json": "/live/streams?limit=50&offset=1", "stream.get.json": "/live/streams/" + StreamID(0),
		"list.empty.json": "/on-demand?limit=50&offset=9", "error.404.json": "/on-demand/" + MediaID(9), "error.422.json": "/on-demand?offset=0",
	} {
		captured, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		code, body := get(t, f.URL()+path, access)
		want := http.StatusOK
		if _, err := fmt.Sscanf(file, "error.%d", &want); err != nil && code != http.StatusOK {
			t.Errorf("%s: the answer is %d", path, code)
		}
		if code != want {
			t.Errorf("%s: the answer is %d, want %d", path, code, want)
		}
		ours, theirs := shapes(t, body), shapes(t, captured)
		for field, types := range ours {
			if strings.HasPrefix(field, "error.") || strings.Contains(field, "metadata.") {
				continue
			}
			if known, ok := theirs[field]; ok && !slices.ContainsFunc(types, func(typ string) bool { return slices.Contains(known, typ) }) {
				t.Errorf("%s: %s is %v, in the captured reply %v", path, field, types, known)
			} else if !ok && !slices.Contains([]string{"creatorId", "title"}, field[strings.LastIndex(field, ".")+1:]) { // some captured rows omit these
				t.Errorf("%s: the captured reply has no %s", path, field)
			}
		}
	}
	if code, _ := get(t, f.URL()+"/on-demand", Access{"token", "other"}); code != http.StatusUnauthorized {
		t.Errorf("unknown credentials are answered %d", code)
	}
	f.Deny(access, true)
	if code, _ := get(t, f.URL()+"/on-demand", access); code != http.StatusForbidden {
		t.Errorf("denied credentials are answered %d", code)
	}
}

// shapes returns the JSON types of every field, by its path.
func shapes(t *testing.T, body []byte) map[string][]string {
	t.Helper()
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	found := map[string][]string{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, member := range v {
				walk(strings.TrimPrefix(path+"."+name, "."), member)
			}
		case []any:
			for _, element := range v {
				walk(path+"[]", element)
			}
		}
		found[path] = append(found[path], fmt.Sprintf("%T", v))
	}
	walk("", value)
	return found
}

func TestPagesFollowTheCreation(t *testing.T) {
	t.Parallel()
	f, w := serve(t)
	const n = 120
	for i := range n {
		w.PutMedia(NewMedia(MediaID(i), created.Add(time.Duration(n-i)*time.Minute)))
	}
	w.DeleteMedia(MediaID(7))
	seen := map[string]bool{}
	last := ""
	for page := 1; page <= 4; page++ {
		_, body := get(t, fmt.Sprintf("%s/on-demand?limit=50&offset=%d&orderBy=asc", f.URL(), page), access)
		var answer struct {
			Data []Row `json:"data"`
		}
		if err := json.Unmarshal(body, &answer); err != nil {
			t.Fatal(err)
		}
		if want := []int{50, 50, 19, 0}[page-1]; len(answer.Data) != want {
			t.Errorf("page %d has %d rows, want %d", page, len(answer.Data), want)
		}
		for _, row := range answer.Data {
			if at := text(row, "createdAt"); at < last {
				t.Errorf("a media of %s comes after one of %s", at, last)
			} else {
				last = at
			}
			seen[text(row, "id")] = true
		}
	}
	if len(seen) != n-1 || seen[MediaID(7)] {
		t.Errorf("%d media were listed, want %d", len(seen), n-1)
	}
}

func TestRequestsThatNoClientMaySendAreReported(t *testing.T) {
	t.Parallel()
	for name, request := range map[string]func(*http.Request){
		"method": func(r *http.Request) { r.Method = http.MethodDelete }, "path": func(r *http.Request) { r.URL.Path = "/v1/on-demand/uploads/x" },
		"accept": func(r *http.Request) { r.Header.Del("Accept") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, _ := serve(t)
			r := newRequest(t, f.URL()+"/on-demand", access)
			request(r)
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
			if f.Check() == nil {
				t.Error("the request is not reported")
			}
		})
	}
}

// Each sample event of an object changes the workspace, so that the API shows what the event says.
func TestWorkspaceAppliesEvents(t *testing.T) {
	t.Parallel()
	w := &Workspace{ID: "workspace"}
	apply := func(name string) {
		t.Helper()
		if err := w.Apply(fixtures.Payload(name)); err != nil {
			t.Fatal(err)
		}
	}
	id := func(name, field string) string {
		var e apiEvent
		if err := json.Unmarshal(fixtures.Payload(name), &e); err != nil {
			t.Fatal(err)
		}
		return first(text(e.Data, field), e.Object.ID)
	}
	media, stream := id("video.media.ready.json", "id"), id("video.live_stream.active.json", "streamId")
	apply("video.media.ready.json")
	if got := text(w.Media(media), "status"); got != "Ready" {
		t.Errorf("the media is %q after it was ready", got)
	}
	apply("video.live_stream.active.json")
	if got := text(w.Stream(stream), "status"); got != "active" {
		t.Errorf("the stream is %q after it was active", got)
	}
	for got, want := range map[string]string{
		text(w.Media(media), "createdAt"): id("video.media.ready.json", "createdAt"), text(w.Stream(stream), "createdAt"): id("video.live_stream.active.json", "createdAt"),
	} {
		if got != want {
			t.Errorf("the object was created at %s, the event says %s", got, want)
		}
	}
	for _, name := range fixtures.Payloads() {
		apply(name)
	}
	apply("video.media.deleted.json")
	if gone := id("video.media.deleted.json", "id"); w.Media(gone) != nil {
		t.Error("a deleted media is still there")
	}
	if media, streams := w.Len(); media == 0 || streams == 0 {
		t.Errorf("the samples made %d media and %d streams", media, streams)
	}
}

func TestFaultsEnd(t *testing.T) {
	t.Parallel()
	f, _ := serve(t)
	f.Inject(Fault{Path: "/v1/live", Times: 2, Answer: Status(http.StatusTooManyRequests, "7").Answer})
	var got []int
	for _, path := range []string{"/on-demand", "/live/streams", "/live/streams", "/live/streams"} {
		code, _ := get(t, f.URL()+path, access)
		got = append(got, code)
	}
	if want := []int{200, 429, 429, 200}; !slices.Equal(got, want) {
		t.Errorf("the answers are %v, want %v", got, want)
	}
	if want := map[string]int{"media page": 1, "stream page": 3}; !maps.Equal(f.Requests(), want) {
		t.Errorf("the requests are counted wrong, want %v", want)
	}
}

func serve(t *testing.T) (*Server, *Workspace) {
	t.Helper()
	f := New()
	w := f.AddWorkspace("workspace", access)
	s, err := Serve(f, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, w
}

func newRequest(t *testing.T, url string, a Access) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(a.TokenID, a.SecretKey)
	r.Header.Set("Accept", "application/json")
	return r
}

func get(t *testing.T, url string, a Access) (int, []byte) {
	t.Helper()
	answer, err := http.DefaultClient.Do(newRequest(t, url, a))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, body
}

func TestFaultIsRemoved(t *testing.T) {
	t.Parallel()
	f, _ := serve(t)
	remove := f.Inject(Status(http.StatusBadGateway, ""))
	f.Inject(Status(http.StatusInternalServerError, ""))
	if code, _ := get(t, f.URL()+"/on-demand", access); code != http.StatusBadGateway {
		t.Errorf("the answer is %d with a fault", code)
	}
	remove()
	if code, _ := get(t, f.URL()+"/on-demand", access); code != http.StatusInternalServerError {
		t.Errorf("the answer is %d when the first of two faults is removed", code)
	}
}

// A client that trusts the certificate reaches the API, another one does not.
func TestServesTLS(t *testing.T) {
	t.Parallel()
	certificates, key, err := cert.GenerateSelfSignedCertKey("127.0.0.1", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(certificates, key)
	if err != nil {
		t.Fatal(err)
	}
	f := New()
	f.AddWorkspace("workspace", access)
	s, err := ServeTLS(f, "127.0.0.1:0", pair)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(certificates)
	trusting := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	defer trusting.CloseIdleConnections()
	answer, err := trusting.Do(newRequest(t, s.URL()+"/on-demand", access))
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("the answer is %s", answer.Status)
	}
	if answer, err := http.DefaultClient.Do(newRequest(t, s.URL()+"/on-demand", access)); err == nil {
		_ = answer.Body.Close()
		t.Error("a client that does not trust the certificate is answered")
	}
}
