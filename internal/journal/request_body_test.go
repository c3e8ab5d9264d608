// These tests protect the receiver's memory while an API server hangs.
package journal

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/receivertest"
)

// pausingListener is a listener whose connections are not read while paused is locked for writing.
type pausingListener struct {
	net.Listener
	paused *sync.RWMutex
}

func (l pausingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return pausingConn{c, l.paused}, nil
}

type pausingConn struct {
	net.Conn
	paused *sync.RWMutex
}

func (c pausingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.paused.RLock()
	defer c.paused.RUnlock()
	return n, err
}

// newHangingServer returns an API server that accepts batches by HTTP/2. It reads nothing while the lock is held for writing.
func newHangingServer(t *testing.T) (*rest.Config, *sync.RWMutex) {
	t.Helper()
	paused := &sync.RWMutex{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var created metav1.PartialObjectMetadata
		if err := json.NewDecoder(r.Body).Decode(&created); err != nil || r.ProtoMajor != 2 {
			http.Error(w, "not a batch by HTTP/2", http.StatusBadRequest)
			return
		}
		created.UID = "u1"
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(created)
	}))
	server.Listener = pausingListener{server.Listener, paused}
	server.EnableHTTP2 = true
	server.Config.HTTP2 = &http.HTTP2Config{MaxReceiveBufferPerConnection: 1 << 30, MaxReceiveBufferPerStream: 1 << 20}
	server.StartTLS()
	t.Cleanup(server.CloseClientConnections) // Close would wait for the requests that hang
	return &rest.Config{Host: server.URL, QPS: -1, TLSClientConfig: rest.TLSClientConfig{Insecure: true}}, paused
}

func TestHangingCommitsHoldNoBatches(t *testing.T) {
	config, paused := newHangingServer(t)
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	create, err := BatchCreator(config, client, receivertest.Scheme(), "fastpix-receiver")
	if err != nil {
		t.Fatal(err)
	}
	batch := newBatch("fastpix-system", time.Unix(1, 0), []*entry{{endpoint: receivertest.Name, record: strings.Repeat("a", maxBatchBytes)}})
	if err := create(t.Context(), batch.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	before := liveMiB()
	paused.Lock()
	defer paused.Unlock()
	const attempts = 60
	for range attempts {
		if err := attemptFor(t.Context(), 20*time.Millisecond, create, batch); err == nil {
			t.Fatal("a server that reads nothing committed a batch")
		}
	}
	after := liveMiB()
	t.Logf("%d attempts took %d MiB", attempts, after-before)
	if after-before > attempts*maxBatchBytes>>20/3 {
		t.Errorf("%d attempts of %d KiB took %d MiB", attempts, maxBatchBytes>>10, after-before)
	}
}

func attemptFor(ctx context.Context, d time.Duration, create func(context.Context, *fastpixv1.EventBatch) error, batch *fastpixv1.EventBatch) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return create(ctx, batch.DeepCopy())
}

// liveMiB returns how much memory is in use after the garbage is collected.
func liveMiB() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc >> 20)
}
