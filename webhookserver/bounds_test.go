// These tests protect the receiver's bounds: memory of duplicates, backlog, clients that keep it waiting, and memory of bodies.
package webhookserver

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/connlimit"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
	"github.com/fastpix-operator/fastpix-operator/webhookserver/internal/receivertest"
)

func TestMemoryForgetsTheOldest(t *testing.T) {
	t.Parallel()
	m := newMemory(3, time.Now)
	of := func(i int) digest { return sha256.Sum256(fmt.Append(nil, i)) }
	for i := range 10 {
		m.add(of(i))
		m.add(of(i))
	}
	for i := range 10 {
		if m.has(of(i)) != (i >= 7) {
			t.Errorf("%d: got %v", i, m.has(of(i)))
		}
	}
	if len(m.known) != 3 || len(m.ring) != 3 {
		t.Errorf("holds %d and %d entries, want 3", len(m.known), len(m.ring))
	}
}

// A mirror that was deleted by hand is made again by what FastPix delivers again: the memory must not stand in the way for long.
func TestMemoryForgetsAfterAMinute(t *testing.T) {
	t.Parallel()
	now := time.Unix(1e9, 0)
	m := newMemory(3, func() time.Time { return now })
	d := digest{1}
	m.add(d)
	now = now.Add(rememberedFor - time.Second)
	if !m.has(d) {
		t.Error("it is forgotten before a minute has passed")
	}
	now = now.Add(time.Second)
	if m.has(d) {
		t.Error("it is known after a minute")
	}
	m.add(d)
	if !m.has(d) || len(m.ring) != 1 {
		t.Errorf("committed again, it is known: %v, in %d entries", m.has(d), len(m.ring))
	}
}

func TestDigestTellsApartWhatDiffers(t *testing.T) {
	t.Parallel()
	e := receivertest.Endpoint()
	other := receivertest.Endpoint(func(e *fastpixv1.WebhookEndpoint) { e.UID = "uid-2" })
	omit := receivertest.Endpoint(func(e *fastpixv1.WebhookEndpoint) { e.Spec.MetadataPolicy = fastpixv1.MetadataOmit })
	seen := map[digest]bool{}
	for _, d := range []digest{
		digestOf(e, "a", []byte("b")), digestOf(e, "a", []byte("c")), digestOf(e, "b", []byte("b")),
		digestOf(other, "a", []byte("b")), digestOf(omit, "a", []byte("b")),
	} {
		if seen[d] {
			t.Error("two deliveries have one digest")
		}
		seen[d] = true
	}
	if !seen[digestOf(receivertest.Endpoint(), "a", []byte("b"))] {
		t.Error("one delivery has two digests")
	}
}

func TestBacklogIsWhatWasCountedAndWhatWasCommittedSince(t *testing.T) {
	t.Parallel()
	var total, tenant atomic.Int64
	b := backlog{total: &total, tenant: &tenant}
	start := time.Now()
	at := func(s float64) time.Time { return start.Add(time.Duration(s * float64(time.Second))) }
	counted := func(pending, failed int64, when time.Time) *fastpixv1.WebhookEndpointStatus {
		return &fastpixv1.WebhookEndpointStatus{PendingEvents: pending, FailedEvents: failed, PendingTime: new(metav1.NewMicroTime(when))}
	}
	check := func(what string, want, wantTotal int64) {
		t.Helper()
		if b.waiting() != want || total.Load() != wantTotal {
			t.Errorf("%s: got %d, %d in all; want %d, %d", what, b.waiting(), total.Load(), want, wantTotal)
		}
		if got := tenant.Load(); got != wantTotal {
			t.Errorf("%s: got %d in the namespace, want %d", what, got, wantTotal)
		}
	}
	for i := range 100 { // ten events a second without a pause
		b.committed(1, at(float64(i)/10))
	}
	check("before any count", 100, 100)
	b.observe(counted(30, 5, at(8)), at(8.5))
	if got := b.waiting(); got < 30+5+20 || got > 30+5+30 {
		t.Errorf("got %d, want what was counted and the last two seconds", got)
	}
	b.observe(counted(10, 5, at(11)), at(11.1))
	check("all is covered by the count", 15, 10)
	b.committed(7, at(12))
	b.observe(counted(10, 5, at(11)), at(12.5))
	check("the same count again", 22, 17)
	b.observe(counted(1, 0, at(-3600)), at(30))
	check("a count by a clock that is an hour late", 1, 1)
	b.drop()
	b.committed(5, at(31))
	check("of an endpoint that is gone", 6, 0)
}

func TestBacklogIsBoundedInMemoryWhileNobodyCounts(t *testing.T) {
	t.Parallel()
	var b backlog
	start := time.Now()
	for i := range 10_000 {
		b.committed(1, start.Add(time.Duration(i)*time.Second))
	}
	if b.waiting() != 10_000 || len(b.since) > maxTallies {
		t.Errorf("got %d in %d tallies", b.waiting(), len(b.since))
	}
	b.observe(&fastpixv1.WebhookEndpointStatus{PendingTime: new(metav1.NewMicroTime(start.Add(9_990 * time.Second)))}, start.Add(9_990*time.Second))
	if got := b.waiting(); got != 10 {
		t.Errorf("got %d after a count, want the last 10", got)
	}
}

// fewConnections is a budget for less than ten connections.
const fewConnections = 256 << 10

func TestFloodOfSlowClientsDoesNotKeepOutFastOnes(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]string{
		"silent":                    "",
		"slow header":               "POST " + receivertest.Path + " HTTP/1.1\r\nHost: x\r\n",
		"slow body":                 "POST " + receivertest.Path + " HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
		"slow body for nobody":      "POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
		"slow body of no POST":      "PUT " + receivertest.Path + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{",
		"slow body, and 100 wanted": "POST " + receivertest.Path + " HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n{",
		"forger who waits":          "POST " + receivertest.Path + " HTTP/1.1\r\nHost: x\r\nFastPix-Signature: x\r\nContent-Length: 1\r\n\r\n{",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newTunedRig(t, func(r *rig) {
				r.limiter = connlimit.NewWithBudgets(fewConnections, fewConnections)
				// Nothing else cuts them off.
				r.server.Config.ReadTimeout, r.server.Config.ReadHeaderTimeout = time.Hour, time.Hour
			}, receivertest.Endpoint(), receivertest.Secret("signing", key))
			var open atomic.Int64
			for range 60 {
				r.keepOpen(&open, begin)
			}
			for i := range 5 {
				if got := r.post(ready1+strings.Repeat(" ", i), key); got != 200 {
					t.Errorf("got %d, want 200", got)
				}
			}
			eventually(t, "evicted all but a few", func() bool { return open.Load() <= 10 })
		})
	}
}

func TestUnauthenticatedClientsDoNotEvictIdleSenders(t *testing.T) {
	t.Parallel()
	r := newTunedRig(t, func(r *rig) { r.limiter = connlimit.NewWithBudgets(fewConnections, fewConnections) }, receivertest.Endpoint(), receivertest.Secret("signing", key))
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

// keepOpen opens a connection, sends the beginning of something, and counts it as open until the receiver closes it.
func (r *rig) keepOpen(open *atomic.Int64, begin string) {
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
	r := newRig(t, receivertest.Endpoint(), receivertest.Secret("signing", key))
	r.handler.bodies.large.Store(maxLargeBytes)
	if got := r.post(ready1+strings.Repeat(" ", 2*smallBodyBytes), key); got != 503 {
		t.Errorf("got %d for a large body, want 503", got)
	}
	if got := r.post(ready1, key); got != 200 {
		t.Errorf("got %d for a small body, want 200", got)
	}
	if got := r.handler.bodies.large.Load(); got != maxLargeBytes {
		t.Errorf("%d bytes are taken, want as many as before", got)
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
				t.Errorf("%d: %d bytes are still taken", size, got)
			}
		}
	}
}
