// These tests protect the receiver's limits: slow clients, and the memory of bodies.
package webhookserver

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fastpix-operator/fastpix-operator/internal/connlimit"
	"github.com/fastpix-operator/fastpix-operator/internal/receivertest"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// fewConnections is a budget for fewer than ten connections.
const fewConnections = 256 << 10

// slowness is how long slow clients wait before a fast one comes. It is far longer than a busy machine keeps a fast client from sending.
const slowness = time.Second

func TestFloodOfSlowClientsDoesNotKeepOutFastOnes(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]string{
		"silent":                    "",
		"slow header":               "POST " + receivertest.Path + " HTTP/1.1\r\nHost: x\r\n",
		"slow body":                 "POST " + receivertest.Path + " HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
		"slow body for no endpoint": "POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
		"slow body of a PUT":        "PUT " + receivertest.Path + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{",
		"slow body, and 100 wanted": "POST " + receivertest.Path + " HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n{",
		"forger that waits":         "POST " + receivertest.Path + " HTTP/1.1\r\nHost: x\r\nFastPix-Signature: x\r\nContent-Length: 1\r\n\r\n{",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newTunedTestEnv(t, func(r *testEnv) {
				r.limiter = connlimit.NewWithBudgets(fewConnections, fewConnections)
				// No timeout closes the connections.
				r.server.Config.ReadTimeout, r.server.Config.ReadHeaderTimeout = time.Hour, time.Hour
			}, receivertest.Endpoint(), receivertest.Secret("signing", key))
			var open atomic.Int64
			for range 60 {
				r.keepOpen(&open, begin)
			}
			eventually(t, "evicted all but a few", func() bool { return open.Load() <= 10 })
			time.Sleep(slowness)
			for i := range 5 {
				if got := r.post(ready1+strings.Repeat(" ", i), key); got != 200 {
					t.Errorf("got %d, want 200", got)
				}
			}
		})
	}
}

func TestUnauthenticatedClientsDoNotEvictIdleSenders(t *testing.T) {
	t.Parallel()
	r := newTunedTestEnv(t, func(r *testEnv) { r.limiter = connlimit.NewWithBudgets(fewConnections, fewConnections) }, receivertest.Endpoint(), receivertest.Secret("signing", key))
	if got := r.post(ready1, key); got != 200 {
		t.Fatalf("got %d, want 200", got)
	}
	var open atomic.Int64
	for range 60 {
		r.keepOpen(&open, "")
	}
	eventually(t, "evicted all but a few", func() bool { return open.Load() <= 10 })
	reused := false
	req := r.request(http.MethodPost, receivertest.Path, ready1, fixtures.Sign(key, []byte(ready1)))
	req = req.WithContext(httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) { reused = info.Reused },
	}))
	if got := r.do(req); got != 200 || !reused {
		t.Errorf("got %d, on the same connection: %t", got, reused)
	}
}

// keepOpen opens a connection, sends the beginning of a request, and counts the connection as open until the receiver closes it.
func (r *testEnv) keepOpen(open *atomic.Int64, begin string) {
	r.t.Helper()
	var d net.Dialer
	conn, err := d.DialContext(r.t.Context(), "tcp", r.server.Listener.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	open.Add(1)
	go func() {
		_, _ = io.Copy(io.Discard, conn)
		open.Add(-1)
	}()
	_, _ = conn.Write([]byte(begin))
}

func TestFloodOfLargeBodiesDelaysOnlyLargeOnes(t *testing.T) {
	t.Parallel()
	r := newTestEnv(t, receivertest.Endpoint(), receivertest.Secret("signing", key))
	r.handler.bodies.large.Store(maxLargeBytes)
	if got := r.post(ready1+strings.Repeat(" ", 2*smallBodyBytes), key); got != 503 {
		t.Errorf("got %d for a large body, want 503", got)
	}
	if got := r.post(ready1, key); got != 200 {
		t.Errorf("got %d for a small body, want 200", got)
	}
	if got := r.handler.bodies.large.Load(); got != maxLargeBytes {
		t.Errorf("%d bytes are reserved, want as many as before", got)
	}
}

func TestBodyOfAnySizeIsReadWhole(t *testing.T) {
	t.Parallel()
	b := &bodies{}
	for _, size := range []int{0, 1, smallBodyBytes - 1, smallBodyBytes, smallBodyBytes + 1, 3 * smallBodyBytes, maxBodyBytes, maxBodyBytes + 1} {
		for _, known := range []bool{true, false} {
			text := strings.Repeat("x", size)
			req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, receivertest.Path, strings.NewReader(text))
			if !known {
				req.ContentLength = -1
			}
			body, release, err := b.read(httptest.NewRecorder(), req)
			if size > maxBodyBytes {
				if !errors.Is(err, errBodyTooLarge) {
					t.Errorf("%d: got %v", size, err)
				}
			} else if err != nil || string(body) != text {
				t.Errorf("%d: got %d bytes, %v", size, len(body), err)
			}
			release()
			if got := b.large.Load(); got != 0 {
				t.Errorf("%d: %d bytes are still reserved", size, got)
			}
		}
	}
}
