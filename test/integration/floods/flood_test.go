package floods

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/uuid"

	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
	"github.com/fastpix-operator/fastpix-operator/test/framework/process"
)

// These tests flood a receiver with forged deliveries and with clients that are slow, silent or never read, also while the API server hangs.
// Meanwhile the receiver acknowledges valid deliveries, its memory is bounded, and it reads few Secrets. Each test runs a receiver of its own,
// with the memory limit of config.

// pace lets so many attempts of a flood begin each second: the attackers live on the same machine, and what is to be measured is what
// they cost the receiver, not what they cost themselves.
type pace struct {
	perSecond float64
	start     time.Time
	due, made atomic.Int64
}

// step waits until the next attempt is due; it reports false when the flood is over.
func (p *pace) step(ctx context.Context) bool {
	n := float64(p.due.Add(1))
	select {
	case <-time.After(time.Until(p.start.Add(time.Duration(n / p.perSecond * float64(time.Second))))):
		p.made.Add(1)
		return true
	case <-ctx.Done():
		return false
	}
}

// attack is what one client of a flood does until it is cut off or the flood is over.
type attack func(ctx context.Context, conn net.Conn, e framework.Endpoint, p *pace) error

// forged sends deliveries with wrong signatures, one after the other.
func forged(size int) attack {
	return func(ctx context.Context, conn net.Conn, e framework.Endpoint, p *pace) error {
		body := strings.Repeat(" ", size)
		request := []byte(framework.RawPost(e.Path(), body, fixtures.Sign(framework.OtherSigningSecret, []byte(body))))
		for answers := bufio.NewReader(conn); p.step(ctx); {
			if _, err := conn.Write(request); err != nil {
				return err
			}
			resp, err := http.ReadResponse(answers, nil)
			if err != nil {
				return err
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				panic("a forged delivery was acknowledged")
			}
		}
		return nil
	}
}

// silent sends the beginning of something, and waits until it is cut off.
func silent(begin string) attack {
	return func(_ context.Context, conn net.Conn, e framework.Endpoint, _ *pace) error {
		_, _ = io.WriteString(conn, strings.ReplaceAll(begin, "PATH", e.Path()))
		_, err := io.Copy(io.Discard, conn)
		return err
	}
}

// startFlood starts clients that attack the receiver, each on a connection of its own, and come again when they are cut off. The function
// that is returned ends it.
func startFlood(t *testing.T, r *framework.Receiver, e framework.Endpoint, clients int, protocol string, p *pace, a attack) (end func()) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for p.step(ctx) {
				conn, err := r.Dial(ctx, protocol)
				if err != nil {
					continue
				}
				cut := context.AfterFunc(ctx, func() { _ = conn.Close() })
				_ = a(ctx, conn, e, p)
				cut()
				_ = conn.Close()
			}
		})
	}
	return func() {
		stop()
		wg.Wait()
	}
}

// maxMemory is what a receiver may need, in MiB: GOMEMLIMIT of config/, below its limit of 256.
const maxMemory = 230

// flooding is a flood: how many clients, how often they may attempt something, and what.
type flooding struct {
	clients   int
	perSecond float64
	attack    attack
	protocol  string // by TLS, if it is said
}

func (f flooding) kind() string {
	if f.protocol != "" {
		return "tls"
	}
	return "plain"
}

func TestFloods(t *testing.T) {
	const quiet, flooded = time.Second, 2 * time.Second
	const slowBody = "POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"
	for name, tt := range map[string]flooding{
		"forged":                          {clients: 768, perSecond: 1000, attack: forged(1 << 10)},
		"forged, large":                   {clients: 256, perSecond: 50, attack: forged(1<<20 - 1)},
		"forged, by TLS":                  {clients: 768, perSecond: 1000, attack: forged(1 << 10), protocol: "http/1.1"},
		"silent, by TLS":                  {clients: 4000, perSecond: 500, attack: silent(""), protocol: "http/1.1"},
		"slow bodies without an endpoint": {clients: 4000, perSecond: 1000, attack: silent(slowBody)},
	} {
		t.Run(name, func(t *testing.T) {
			e, r := framework.NewEndpoint(t), framework.StartReceiver(t, tt.kind())
			r.DeliverFor(t.Context(), e, quiet/2) // opens connections, reads the Secret
			before := r.DeliverFor(t.Context(), e, quiet)
			memory, _ := process.Memory(r.PID())
			reads := r.Metric(t, "fastpix_secret_reads_total")

			p := &pace{perSecond: tt.perSecond, start: time.Now()}
			end := startFlood(t, r, e, tt.clients, tt.protocol, p, tt.attack)
			during := r.DeliverFor(t.Context(), e, flooded)
			reads = r.Metric(t, "fastpix_secret_reads_total") - reads
			took := time.Since(p.start)
			end()
			_, peak := process.Memory(r.PID())

			t.Logf("%s: %.0f attempts/s, deliveries %.0f/s -> %.0f/s (%.0f %%), p99 %v -> %v, memory %.0f -> %.0f MiB, %.1f reads of Secrets/s",
				name, float64(p.made.Load())/took.Seconds(), before.PerSecond, during.PerSecond, 100*during.PerSecond/before.PerSecond,
				before.P99.Round(time.Millisecond), during.P99.Round(time.Millisecond), memory, peak, reads/took.Seconds())
			for _, got := range []framework.Throughput{before, during} {
				if len(got.Answers) != 1 || got.Answers[http.StatusOK] == 0 {
					t.Errorf("valid deliveries are answered %v", got.Answers)
				}
			}
			if reads > 3+2*took.Seconds() {
				t.Errorf("%v reads of Secrets in %v", reads, took)
			}
			if peak > maxMemory {
				t.Errorf("memory grew to %.0f MiB", peak)
			}
		})
	}
	framework.WaitJournalEmpty(t)
}

// TestFloodWhileTheAPIServerHangs protects memory when nothing can be known of a signature, and that the receiver goes on afterwards.
func TestFloodWhileTheAPIServerHangs(t *testing.T) {
	e, r := framework.NewEndpoint(t), framework.StartReceiver(t, "plain")
	if got := r.DeliverFor(t.Context(), e, time.Second); got.Answers[http.StatusOK] == 0 {
		t.Fatalf("valid deliveries are answered %v", got.Answers)
	}
	memory, _ := process.Memory(r.PID())
	framework.Deployed.APIServer.Pause()
	p := &pace{perSecond: 2000, start: time.Now()}
	end := startFlood(t, r, e, 4000, "", p, forged(16<<10-1))
	during := r.DeliverFor(t.Context(), e, 4*time.Second)
	end()
	framework.Deployed.APIServer.Resume()
	_, peak := process.Memory(r.PID())
	t.Logf("%.0f attempts/s: memory %.0f -> %.0f MiB", float64(p.made.Load())/time.Since(p.start).Seconds(), memory, peak)
	if peak > maxMemory {
		t.Errorf("memory grew to %.0f MiB", peak)
	}
	if n := during.Answers[http.StatusUnauthorized]; n > 0 {
		t.Errorf("%d valid deliveries were answered 401", n)
	}
	framework.Eventually(t, "deliveries are acknowledged again", func(ctx context.Context) error {
		if code := r.Send(ctx, r.Client(), e, framework.NewEvent(string(uuid.NewUUID()))); code != http.StatusOK {
			return fmt.Errorf("answer %d", code)
		}
		return nil
	})
	framework.WaitJournalEmpty(t)
}
