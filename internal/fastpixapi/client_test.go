// These tests protect the client: what it sends, what it accepts as an answer of the API, and what each failure is called.
package fastpixapi

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/fastpix-operator/fastpix-operator/test/framework/fastpixfake"
)

const (
	tokenID   = "0f5a3f3e-58a2-4f09-9f6e-2d1f7c1f9a11"
	secretKey = "b8c1d2e3-1111-4222-8333-944455566677"
)

var access = fastpixfake.Access{TokenID: tokenID, SecretKey: secretKey}

func newAPI(t *testing.T) (*fastpixfake.Server, *fastpixfake.Workspace) {
	t.Helper()
	f := fastpixfake.New()
	w := f.AddWorkspace("workspace", access)
	s, err := fastpixfake.Serve(f, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Check(); err != nil {
			t.Error(err)
		}
		_ = s.Close()
	})
	return s, w
}

func newClient(t *testing.T, url string) *Client {
	t.Helper()
	c, err := New(Options{BaseURL: url, Rate: 1000, UserAgent: "fastpix-operator/test"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func credentials(t *testing.T) Credentials {
	t.Helper()
	c, err := NewCredentials([]byte(tokenID), []byte(secretKey))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPagesAndObjects(t *testing.T) {
	t.Parallel()
	api, w := newAPI(t)
	created := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	for i := range 120 {
		w.PutMedia(fastpixfake.NewMedia(fastpixfake.MediaID(i), created.Add(time.Duration(i)*time.Minute)))
	}
	w.PutStream(fastpixfake.NewStream(fastpixfake.StreamID(0), created))
	at := time.Date(2026, 11, 30, 5, 0, 0, 0, time.UTC)
	api.SetClock(func() time.Time { return at })
	c := newClient(t, api.URL())
	for page, want := range map[int]int{1: 50, 2: 50, 3: 20, 4: 0} {
		got, err := c.MediaPage(t.Context(), credentials(t), page)
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Rows) != want || got.TotalRecords != 120 || got.Pages != 3 || got.Number != page || !got.Date.Equal(at) {
			t.Errorf("page %d: %d rows, total %d, pages %d, number %d, date %s", page, len(got.Rows), got.TotalRecords, got.Pages, got.Number, got.Date)
		}
	}
	streams, err := c.StreamPage(t.Context(), credentials(t), 1)
	if err != nil || len(streams.Rows) != 1 {
		t.Fatalf("streams: %v, %v", streams, err)
	}
	for name, get := range map[string]func() (*Object, error){
		"media":  func() (*Object, error) { return c.Media(t.Context(), credentials(t), fastpixfake.MediaID(3)) },
		"stream": func() (*Object, error) { return c.Stream(t.Context(), credentials(t), fastpixfake.StreamID(0)) },
	} {
		o, err := get()
		if err != nil || !json.Valid(o.Row) || !o.Date.Equal(at) {
			t.Errorf("%s: %v, %v", name, o, err)
		}
	}
	if _, err := c.Media(t.Context(), credentials(t), fastpixfake.MediaID(200)); ReasonFor(err) != NotFound {
		t.Errorf("a media that does not exist: %v", err)
	}
}

// Each way in which a request fails has a reason, and the text of the error holds neither credentials nor text of the answer.
func TestFailuresHaveReasons(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("another host got a request, with Authorization %v", r.Header.Get("Authorization") != "")
	}))
	t.Cleanup(other.Close)
	quoting := fastpixfake.Fault{Answer: func(w http.ResponseWriter, r *http.Request) { // an API that repeats what it was sent
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = fmt.Fprint(w, r.Header)
	}}
	for name, test := range map[string]struct {
		fault      fastpixfake.Fault
		want       Reason
		code       int
		retryAfter time.Duration
	}{
		"401":                   {fault: fastpixfake.Status(401, ""), want: Unauthorized, code: 401},
		"403":                   {fault: fastpixfake.Status(403, ""), want: AccessDenied, code: 403},
		"404 in the envelope":   {fault: fastpixfake.Status(404, ""), want: NotFound, code: 404},
		"404 of a proxy":        {fault: fastpixfake.HTML(404), want: Unavailable, code: 404},
		"422":                   {fault: fastpixfake.Status(422, ""), want: Rejected, code: 422},
		"429":                   {fault: fastpixfake.Status(429, "7"), want: RateLimited, code: 429, retryAfter: 7 * time.Second},
		"429 for a year":        {fault: fastpixfake.Status(429, "31536000"), want: RateLimited, code: 429, retryAfter: time.Hour},
		"429 for ever":          {fault: fastpixfake.Status(429, "99999999999999999999"), want: RateLimited, code: 429},
		"429 before":            {fault: fastpixfake.Status(429, "-5"), want: RateLimited, code: 429},
		"429 until a date":      {fault: fastpixfake.Status(429, time.Now().Add(3*time.Hour).UTC().Format(http.TimeFormat)), want: RateLimited, code: 429, retryAfter: time.Hour},
		"500":                   {fault: fastpixfake.Status(500, ""), want: Unavailable, code: 500},
		"503":                   {fault: fastpixfake.Status(503, "2"), want: Unavailable, code: 503, retryAfter: 2 * time.Second},
		"524":                   {fault: fastpixfake.Status(524, ""), want: Unavailable, code: 524},
		"204":                   {fault: fastpixfake.Fault{Answer: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }}, want: Unavailable, code: 204},
		"quoted headers":        {fault: quoting, want: Unavailable, code: 500},
		"HTML":                  {fault: fastpixfake.HTML(200), want: Unavailable, code: 200},
		"redirect":              {fault: fastpixfake.Redirect(other.URL + "/v1/on-demand"), want: Unavailable, code: 302},
		"cut off":               {fault: fastpixfake.CutOff(), want: Unavailable},
		"no answer":             {fault: fastpixfake.Drop(), want: Unavailable},
		"not JSON":              {fault: fastpixfake.Body("success"), want: Unavailable, code: 200},
		"null":                  {fault: fastpixfake.Body("null"), want: Unavailable, code: 200},
		"no data":               {fault: fastpixfake.Body(`{"success": true}`), want: Unavailable, code: 200},
		"data is null":          {fault: fastpixfake.Body(`{"success": true, "data": null, "pagination": {}}`), want: Unavailable, code: 200},
		"data is an object":     {fault: fastpixfake.Body(`{"success": true, "data": {}, "pagination": {}}`), want: Unavailable, code: 200},
		"no pagination":         {fault: fastpixfake.Body(`{"success": true, "data": []}`), want: Unavailable, code: 200},
		"success is false":      {fault: fastpixfake.Body(`{"success": false, "data": [], "pagination": {}}`), want: Unavailable, code: 200},
		"no success":            {fault: fastpixfake.Body(`{"data": [], "pagination": {}}`), want: Unavailable, code: 200},
		"another page":          {fault: fastpixfake.Body(`{"success": true, "data": [{}], "pagination": {"currentOffset": 9}}`), want: Unavailable, code: 200},
		"larger than the bound": {fault: fastpixfake.Huge(9 << 20), want: Unavailable, code: 200},
		"no date": {fault: fastpixfake.Fault{Answer: func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Date"] = nil
			fastpixfake.Body(`{"success": true, "data": [], "pagination": {}}`).Answer(w, r)
		}}, want: Unavailable, code: 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api, _ := newAPI(t)
			api.Inject(test.fault)
			_, err := newClient(t, api.URL()).MediaPage(t.Context(), credentials(t), 1)
			var e *Error
			if !errors.As(err, &e) || e.Reason != test.want || e.Code != test.code {
				t.Fatalf("got %+v, want %s with code %d", err, test.want, test.code)
			}
			if slack := e.RetryAfter - test.retryAfter; slack > 0 || slack < -2*time.Second {
				t.Errorf("Retry-After is %s, want %s", e.RetryAfter, test.retryAfter)
			}
			checkNoCredentials(t, err.Error())
		})
	}
}

// The envelope may hold what nobody knows yet.
func TestUnknownFieldsAndClaimsAreHarmless(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		body       string
		unreadable int
	}{
		"unknown fields":     {body: `{"success": true, "data": [{"a": 1}, {}], "pagination": {"totalRecords": 2, "cursor": {}}, "new": [1]}`},
		"counts of no type":  {body: `{"success": true, "data": [{"a": 1}, {}], "pagination": {"totalRecords": "many", "offsetCount": -1, "currentOffset": null}}`},
		"rows of other type": {body: `{"success": true, "data": [{"a": 1}, null, "x", [], 3, {}], "pagination": {"totalRecords": 1e300}}`, unreadable: 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api, _ := newAPI(t)
			api.Inject(fastpixfake.Body(test.body))
			p, err := newClient(t, api.URL()).StreamPage(t.Context(), credentials(t), 1)
			if err != nil || len(p.Rows) != 2 || p.Unreadable != test.unreadable || p.Pages != 0 {
				t.Errorf("got %+v, %v", p, err)
			}
		})
	}
}

func TestAnswerThatHangsEnds(t *testing.T) {
	t.Parallel()
	api, _ := newAPI(t)
	api.Inject(fastpixfake.Hang())
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	started := time.Now()
	_, err := newClient(t, api.URL()).MediaPage(ctx, credentials(t), 1)
	if ReasonFor(err) != Unavailable || time.Since(started) > 5*time.Second {
		t.Errorf("got %v after %s", err, time.Since(started))
	}
	c := newClient(t, api.URL())
	if c.http.Timeout != requestTimeout {
		t.Errorf("a request may take %s", c.http.Timeout)
	}
}

// A server that does not speak, refuses, or has a certificate that nobody trusts: each error says what to check.
func TestConnectionsThatFail(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := listener.Addr().String()
	_ = listener.Close()
	untrusted := httptest.NewTLSServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	t.Cleanup(untrusted.Close)
	for url, want := range map[string]string{
		"http://" + refused:                 "refused",
		untrusted.URL:                       "certificate",
		"https://fastpix.invalid/v1":        "host name",
		"http://127.0.0.1:1/" + "v1/":       "refused",
		"https://" + refused + "/some/path": "refused",
	} {
		c := newClient(t, url)
		if strings.Contains(url, ".invalid") { // whatever the name server of this machine says, or does not say in time
			unknown := &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "fastpix.invalid", IsNotFound: true}}
			c.http.Transport = &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, unknown }}
		}
		_, err := c.MediaPage(t.Context(), credentials(t), 1)
		if ReasonFor(err) != Unavailable || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want a text with %q", url, err, want)
		} else {
			checkNoCredentials(t, err.Error())
		}
	}
}

func TestPlainHTTPIsForLoopbackOnly(t *testing.T) {
	t.Parallel()
	for url, ok := range map[string]bool{
		"https://api.fastpix.com/v1": true, "https://api.fastpix.com/v1/": true, "http://127.0.0.1:8080/v1": true, "http://[::1]:8080": true, "http://localhost/v1": true,
		"http://api.fastpix.com/v1": false, "http://127.0.0.1.example.com": false, "ftp://127.0.0.1": false, "api.fastpix.com/v1": false, "": false, "https://": false,
		"https://user:" + secretKey + "@api.fastpix.com/v1": false, "https://api.fastpix.com/v1?x=1": false, "http://10.0.0.1/v1": false, "https://%zz": false,
	} {
		_, err := New(Options{BaseURL: url, Rate: 5})
		if (err == nil) != ok {
			t.Errorf("%q: %v", url, err)
		}
		if err != nil {
			checkNoCredentials(t, err.Error())
		}
	}
}

// An id from a mirror cannot change the path: no request is sent.
func TestIDsCannotChangeThePath(t *testing.T) {
	t.Parallel()
	api, _ := newAPI(t)
	c := newClient(t, api.URL())
	for _, id := range []string{"", "..", "../live/streams", "a/b", "a?x=1", "a%2fb", "a b", "a\n", "é", strings.Repeat("a", 256)} {
		if _, err := c.Media(t.Context(), credentials(t), id); ReasonFor(err) != Rejected {
			t.Errorf("%q: %v", id, err)
		}
	}
	if got := api.Requests(); len(got) != 0 {
		t.Errorf("requests were sent: %v", got)
	}
}

func TestRequestsOfOneTokenShareARate(t *testing.T) {
	t.Parallel()
	api, _ := newAPI(t)
	c, err := New(Options{BaseURL: api.URL(), Rate: 20})
	if err != nil {
		t.Fatal(err)
	}
	started := time.Now()
	done := make(chan error)
	for range 2 { // two endpoints with the same credentials
		go func() {
			var err error
			for range 4 {
				_, failure := c.MediaPage(context.Background(), credentials(t), 1)
				err = errors.Join(err, failure)
			}
			done <- err
		}()
	}
	if err := errors.Join(<-done, <-done); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(started); took < 7*time.Second/20 {
		t.Errorf("8 requests at 20 a second took %s", took)
	}
}

// While the API asks one set of credentials to wait, others go on.
func TestRetryAfterPausesOneToken(t *testing.T) {
	t.Parallel()
	api, w := newAPI(t)
	api.Grant(w, fastpixfake.Access{TokenID: "other", SecretKey: secretKey})
	other, err := NewCredentials([]byte("other"), []byte(secretKey))
	if err != nil {
		t.Fatal(err)
	}
	limited := fastpixfake.Status(http.StatusTooManyRequests, "30")
	limited.Times = 1
	api.Inject(limited)
	c := newClient(t, api.URL())
	if _, err := c.MediaPage(t.Context(), credentials(t), 1); ReasonFor(err) != RateLimited {
		t.Fatal(err)
	}
	if _, err := c.MediaPage(t.Context(), other, 1); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := c.MediaPage(ctx, credentials(t), 1); err == nil || !strings.Contains(err.Error(), "its turn did not come in time") {
		t.Errorf("a request that the API asked to wait gives %v", err)
	}
	if got := api.Requests()["media page"]; got != 2 {
		t.Errorf("%d requests were sent, want 2", got)
	}
}

func TestForgottenBucketsAreBounded(t *testing.T) {
	t.Parallel()
	l := newLimits(5)
	for i := range maxBuckets + 10 {
		c, err := NewCredentials(fmt.Appendf(nil, "token-%d", i), []byte(secretKey))
		if err != nil {
			t.Fatal(err)
		}
		l.bucket(c)
	}
	if kept := len(l.buckets.Keys()); kept != maxBuckets {
		t.Errorf("%d buckets are kept, want %d", kept, maxBuckets)
	}
}

// checkNoCredentials fails the test if a text holds credentials in any form.
func checkNoCredentials(t *testing.T, text string) {
	t.Helper()
	for _, secret := range []string{tokenID, secretKey, base64.StdEncoding.EncodeToString([]byte(tokenID + ":" + secretKey)), "Basic "} {
		if strings.Contains(text, secret) {
			t.Errorf("a text holds credentials: %s", text)
		}
	}
}
