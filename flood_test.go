// These tests protect the receiver from whoever keeps it busy: floods of forged deliveries, of clients that are slow, silent or never
// read, and all of it while the API server hangs. Meanwhile valid deliveries are acknowledged, memory is bounded, and
// the API server is not made to read Secrets for an attacker. Each runs a receiver of its own, with the memory limit of config/.
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"

	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// receiver is a receiver beside the deployed one, by TLS or not.
type receiver struct {
	*controlplane.Operator
	address string
	tls     *tls.Config // nil for plain HTTP
	folder  string      // of the certificate
}

// startReceiver starts one; kind is "plain" or "tls".
func startReceiver(t *testing.T, kind string) *receiver {
	t.Helper()
	return startReceiverIn(t, kind, nil)
}

// startReceiverIn starts one in a control group, if there is one.
func startReceiverIn(t *testing.T, kind string, group *controlplane.MemoryGroup) *receiver {
	t.Helper()
	args := []string{"--controllers=false", "--drain-delay=0s"}
	var config *tls.Config
	folder := t.TempDir()
	if kind == "tls" {
		writeCertificate(t, folder)
		args = append(args, "--receiver-tls-cert-dir="+folder)
		config = &tls.Config{InsecureSkipVerify: true}
	}
	name := "receiver-" + kind + "-" + strings.ToLower(strings.NewReplacer("/", "-", " ", "-", ",", "").Replace(t.Name()))
	o, err := deployment.NewOperator(name, deployment.receiver.Path, deployment.asReceiver, args...)
	if err != nil {
		t.Fatal(err)
	}
	o.Env = []string{"GOMEMLIMIT=230MiB"}
	if group != nil {
		group.Hold(o.Process)
	}
	if err := o.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !o.Running() {
			t.Errorf("the receiver ended by itself:\n%s", controlplane.Tail(o.Log, 20))
		}
		if err := o.Stop(); err != nil {
			t.Error(err)
		}
	})
	r := &receiver{Operator: o, address: strings.TrimPrefix(o.ReceiverURL, "http://"), tls: config, folder: folder}
	if config != nil {
		r.ReceiverURL = "https://" + r.address
	}
	return r
}

// writeCertificate writes a new certificate.
func writeCertificate(t *testing.T, folder string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader) // as config/components asks for
	if err != nil {
		t.Fatal(err)
	}
	private, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := cert.NewSelfSignedCACert(cert.Config{CommonName: "localhost"}, key)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"tls.crt": pem.EncodeToMemory(&pem.Block{Type: cert.CertificateBlockType, Bytes: certificate.Raw}), "tls.key": private} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// dial opens a connection; protocol is what a client by TLS asks for.
func (r *receiver) dial(ctx context.Context, protocol string) (net.Conn, error) {
	if r.tls == nil {
		return (&net.Dialer{}).DialContext(ctx, "tcp", r.address)
	}
	config := r.tls.Clone()
	config.NextProtos = []string{protocol}
	return (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", r.address)
}

// client is a well-behaved one, as FastPix's is.
func (r *receiver) client() *http.Client {
	return &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{TLSClientConfig: r.tls, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 16}}
}

// senders is how many valid deliveries are on their way at once while something is measured.
const senders = 8

// throughput is what became of valid deliveries over some time.
type throughput struct {
	perSecond float64
	p99       time.Duration
	answers   map[int]int
}

// deliverFor sends valid events about one media, new ones all the time.
func (r *receiver) deliverFor(ctx context.Context, e endpoint, d time.Duration) throughput {
	asset := string(uuid.NewUUID())
	var mu sync.Mutex
	result := throughput{answers: map[int]int{}}
	var took []time.Duration
	client, start := r.client(), time.Now()
	defer client.CloseIdleConnections()
	var wg sync.WaitGroup
	for range senders {
		wg.Go(func() {
			for time.Since(start) < d && ctx.Err() == nil {
				body := newEvent(asset)
				began := time.Now()
				code := r.send(ctx, client, e, body)
				mu.Lock()
				result.answers[code]++
				took = append(took, time.Since(began))
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	slices.Sort(took)
	result.perSecond = float64(len(took)) / time.Since(start).Seconds()
	if len(took) > 0 {
		result.p99 = took[len(took)*99/100]
	}
	return result
}

// send delivers an event and returns the status code, 0 if there is none.
func (r *receiver) send(ctx context.Context, client *http.Client, e endpoint, body []byte) int {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.ReceiverURL+e.path(), bytes.NewReader(body))
	if err != nil {
		return 0
	}
	req.Header.Set(controlplane.SignatureHeader, fixtures.Sign(fixtures.SigningSecret, body))
	resp, err := client.Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

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
type attack func(ctx context.Context, conn net.Conn, e endpoint, p *pace) error

// forged sends deliveries with wrong signatures, one after the other.
func forged(size int) attack {
	return func(ctx context.Context, conn net.Conn, e endpoint, p *pace) error {
		body := strings.Repeat(" ", size)
		request := []byte(post(e.path(), body, fixtures.Sign(otherSecret, []byte(body))))
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
	return func(_ context.Context, conn net.Conn, e endpoint, _ *pace) error {
		_, _ = io.WriteString(conn, strings.ReplaceAll(begin, "PATH", e.path()))
		_, err := io.Copy(io.Discard, conn)
		return err
	}
}

// startFlood starts clients that attack the receiver, each on a connection of its own, and come again when they are cut off. The function
// that is returned ends it.
func startFlood(t *testing.T, r *receiver, e endpoint, clients int, protocol string, p *pace, a attack) (end func()) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for p.step(ctx) {
				conn, err := r.dial(ctx, protocol)
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
		"forged":                 {clients: 768, perSecond: 1000, attack: forged(1 << 10)},
		"forged, large":          {clients: 256, perSecond: 50, attack: forged(1<<20 - 1)},
		"forged, by TLS":         {clients: 768, perSecond: 1000, attack: forged(1 << 10), protocol: "http/1.1"},
		"silent, by TLS":         {clients: 4000, perSecond: 500, attack: silent(""), protocol: "http/1.1"},
		"slow bodies for nobody": {clients: 4000, perSecond: 1000, attack: silent(slowBody)},
	} {
		t.Run(name, func(t *testing.T) {
			e, r := newEndpoint(t), startReceiver(t, tt.kind())
			r.deliverFor(t.Context(), e, quiet/2) // opens connections, reads the Secret
			before := r.deliverFor(t.Context(), e, quiet)
			memory, _ := controlplane.Memory(r.PID())
			reads := r.metric(t, "fastpix_secret_reads_total")

			p := &pace{perSecond: tt.perSecond, start: time.Now()}
			end := startFlood(t, r, e, tt.clients, tt.protocol, p, tt.attack)
			during := r.deliverFor(t.Context(), e, flooded)
			reads = r.metric(t, "fastpix_secret_reads_total") - reads
			took := time.Since(p.start)
			end()
			_, peak := controlplane.Memory(r.PID())

			t.Logf("%s: %.0f attempts/s, deliveries %.0f/s -> %.0f/s (%.0f %%), p99 %v -> %v, memory %.0f -> %.0f MiB, %.1f reads of Secrets/s",
				name, float64(p.made.Load())/took.Seconds(), before.perSecond, during.perSecond, 100*during.perSecond/before.perSecond,
				before.p99.Round(time.Millisecond), during.p99.Round(time.Millisecond), memory, peak, reads/took.Seconds())
			for _, got := range []throughput{before, during} {
				if len(got.answers) != 1 || got.answers[http.StatusOK] == 0 {
					t.Errorf("valid deliveries are answered %v", got.answers)
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
	waitFolded(t)
}

// TestFloodWhileTheAPIServerHangs protects memory when nothing can be known of a signature, and that the receiver goes on afterwards.
func TestFloodWhileTheAPIServerHangs(t *testing.T) {
	e, r := newEndpoint(t), startReceiver(t, "plain")
	if got := r.deliverFor(t.Context(), e, time.Second); got.answers[http.StatusOK] == 0 {
		t.Fatalf("valid deliveries are answered %v", got.answers)
	}
	memory, _ := controlplane.Memory(r.PID())
	deployment.APIServer.Pause()
	p := &pace{perSecond: 2000, start: time.Now()}
	end := startFlood(t, r, e, 4000, "", p, forged(16<<10-1))
	during := r.deliverFor(t.Context(), e, 4*time.Second)
	end()
	deployment.APIServer.Resume()
	_, peak := controlplane.Memory(r.PID())
	t.Logf("%.0f attempts/s: memory %.0f -> %.0f MiB", float64(p.made.Load())/time.Since(p.start).Seconds(), memory, peak)
	if peak > maxMemory {
		t.Errorf("memory grew to %.0f MiB", peak)
	}
	if n := during.answers[http.StatusUnauthorized]; n > 0 {
		t.Errorf("%d valid deliveries were answered 401", n)
	}
	eventually(t, "deliveries are acknowledged again", func(ctx context.Context) error {
		if code := r.send(ctx, r.client(), e, newEvent(string(uuid.NewUUID()))); code != http.StatusOK {
			return fmt.Errorf("answer %d", code)
		}
		return nil
	})
	waitFolded(t)
}

// metric sums a metric over its labels.
func (r *receiver) metric(t *testing.T, name string) float64 {
	t.Helper()
	var text []byte
	eventually(t, "metrics can be read", func(ctx context.Context) (err error) { // in a flood a new connection may be cut off
		text, err = deployment.Metrics(ctx, r.Operator)
		return err
	})
	sum := 0.0
	for line := range strings.Lines(string(text)) {
		var value float64
		if i := strings.LastIndexByte(line, ' '); i > 0 && strings.HasPrefix(line, name) {
			_, _ = fmt.Sscan(line[i:], &value)
		}
		sum += value
	}
	return sum
}
