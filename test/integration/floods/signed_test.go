package floods

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/uuid"

	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/process"
)

// These tests protect the receiver's memory from clients with a right signature while the API server hangs.

const (
	// signedTime is how long the deliveries last. Before each commit that hung released its batch, 15 seconds took all memory.
	signedTime = 15 * time.Second
	// signedMemory is what the receiver may hold meanwhile, in MiB. It held 165 and 183 on two machines, and 241 to 256 before what it keeps of a commit
	// that hangs was bounded.
	signedMemory = 210
)

// hammer sends signed deliveries from so many connections until the context ends, each again at once, and counts the answers by status code.
func hammer(ctx context.Context, r *framework.Receiver, e framework.Endpoint, connections int, body func(i int) []byte) map[int]int64 {
	var wg sync.WaitGroup
	var codes [600]atomic.Int64
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{TLSClientConfig: r.TLS, MaxIdleConnsPerHost: connections}}
	defer client.CloseIdleConnections()
	for i := range connections {
		wg.Go(func() {
			for b := body(i); ctx.Err() == nil; {
				code := r.Send(ctx, client, e, b)
				codes[code].Add(1)
				if code == 0 {
					time.Sleep(50 * time.Millisecond)
				}
			}
		})
	}
	wg.Wait()
	result := map[int]int64{}
	for code := range codes {
		if n := codes[code].Load(); n > 0 {
			result[code] = n
		}
	}
	return result
}

// largeDelivery returns an event whose record has nearly 16 KiB. One in 40 has a body of 1 MiB.
func largeDelivery(i int) []byte {
	var b strings.Builder
	value := strings.Repeat("<", 480)
	fmt.Fprintf(&b, `{"type":"video.media.created","object":{"type":"media","id":"m%d"},"id":"hang-%d","createdAt":"2026-11-20T09:00:01Z","data":{"id":"m%d","metadata":{"a":"b"`, i, i, i)
	for k := range 31 {
		fmt.Fprintf(&b, `,"k%d":"%s"`, k, value)
	}
	b.WriteString("}}}")
	if i%40 == 0 {
		return []byte(strings.Replace(b.String(), `"data":{`, `"data":{"x":"`+strings.Repeat("y", 1_000_000)+`",`, 1))
	}
	return []byte(b.String())
}

// TestSignedDeliveriesWhileTheAPIServerHangs sends large deliveries with a right signature from 2,200 connections while no commit ends. The receiver
// answers them 503, does not exceed its memory, and forgets the requests that hang.
func TestSignedDeliveriesWhileTheAPIServerHangs(t *testing.T) {
	e := framework.NewEndpoint(t)
	group, err := process.NewMemoryGroup("fastpix-signed-"+e.Namespace, deployedLimit)
	if err != nil {
		t.Skipf("this machine does not let the test limit memory: %v", err)
	}
	t.Cleanup(func() {
		if err := group.Remove(); err != nil {
			t.Error(err)
		}
	})
	r := framework.StartReceiverIn(t, "plain", group)
	r.DeliverFor(t.Context(), e, 200*time.Millisecond)
	framework.Deployed.APIServer.Pause()
	resume := sync.OnceFunc(framework.Deployed.APIServer.Resume)
	defer resume()
	ctx, stop := context.WithTimeout(t.Context(), signedTime)
	defer stop()
	codes := hammer(ctx, r, e, 2200, largeDelivery)
	_, peak := process.Memory(r.PID())
	kills, err := group.Kills()
	t.Logf("answers %v, peak %.0f MiB", codes, peak)
	if err != nil || kills > 0 || !r.Running() {
		t.Fatalf("the kernel has killed %d processes for want of memory (%v)", kills, err)
	}
	if codes[http.StatusServiceUnavailable] == 0 || codes[http.StatusUnauthorized] > 0 {
		t.Errorf("answers %v, want 503", codes)
	}
	if peak > signedMemory {
		t.Errorf("the receiver held %.0f MiB, want at most %d", peak, signedMemory)
	}
	resume()
	framework.Eventually(t, "deliveries are acknowledged again", func(ctx context.Context) error {
		if code := r.Send(ctx, r.Client(), e, framework.NewEvent(string(uuid.NewUUID()))); code != http.StatusOK {
			return fmt.Errorf("answer %d", code)
		}
		return nil
	})
	framework.WaitJournalEmpty(t)
}
