package framework

import (
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
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"

	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
	"github.com/fastpix-operator/fastpix-operator/test/framework/process"
)

// Receiver is a receiver beside the deployed one, with TLS or without.
type Receiver struct {
	*controlplane.Operator
	Address        string      // where it accepts events
	TLS            *tls.Config // of its clients; nil for plain HTTP
	CertificateDir string
}

// StartReceiver starts a receiver of a kind, "plain" or "tls". It ends with the test.
func StartReceiver(t *testing.T, kind string) *Receiver {
	t.Helper()
	return StartReceiverIn(t, kind, nil)
}

// StartReceiverIn starts a receiver in a control group; nil is no group.
func StartReceiverIn(t *testing.T, kind string, group *process.MemoryGroup) *Receiver {
	t.Helper()
	args := []string{"--controllers=false", "--syncer=false", "--drain-delay=0s"}
	var config *tls.Config
	folder := t.TempDir()
	if kind == "tls" {
		WriteCertificate(t, folder)
		args = append(args, "--receiver-tls-cert-dir="+folder)
		config = &tls.Config{InsecureSkipVerify: true}
	}
	name := "receiver-" + kind + "-" + strings.ToLower(strings.NewReplacer("/", "-", " ", "-", ",", "").Replace(t.Name()))
	o, err := Deployed.NewOperator(name, Deployed.Receiver.Path, Deployed.AsReceiver, args...)
	if err != nil {
		t.Fatal(err)
	}
	o.Env = []string{controlplane.ReceiverGoMemoryLimit}
	if group != nil {
		group.Hold(o.Process)
	}
	if err := o.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !o.Running() {
			t.Errorf("the receiver ended by itself:\n%s", process.Tail(o.Log, 20))
		}
		if err := o.Stop(); err != nil {
			t.Error(err)
		}
	})
	r := &Receiver{Operator: o, Address: strings.TrimPrefix(o.ReceiverURL, "http://"), TLS: config, CertificateDir: folder}
	if config != nil {
		r.ReceiverURL = "https://" + r.Address
	}
	return r
}

// WriteCertificate writes a new certificate and its key into a folder.
func WriteCertificate(t *testing.T, folder string) {
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

// Dial opens a connection; protocol is what a client with TLS offers.
func (r *Receiver) Dial(ctx context.Context, protocol string) (net.Conn, error) {
	if r.TLS == nil {
		return (&net.Dialer{}).DialContext(ctx, "tcp", r.Address)
	}
	config := r.TLS.Clone()
	config.NextProtos = []string{protocol}
	return (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", r.Address)
}

// Client returns a client that keeps connections open, as FastPix does.
func (r *Receiver) Client() *http.Client {
	return &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{TLSClientConfig: r.TLS, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 16}}
}

// senders is how many deliveries DeliverFor has in flight.
const senders = 8

// Throughput is the result of DeliverFor.
type Throughput struct {
	PerSecond float64
	P99       time.Duration
	Answers   map[int]int // by status code; 0 is no answer
}

// DeliverFor sends new valid events about one asset for a time.
func (r *Receiver) DeliverFor(ctx context.Context, e Endpoint, d time.Duration) Throughput {
	asset := string(uuid.NewUUID())
	var mu sync.Mutex
	result := Throughput{Answers: map[int]int{}}
	var took []time.Duration
	client, start := r.Client(), time.Now()
	defer client.CloseIdleConnections()
	var wg sync.WaitGroup
	for range senders {
		wg.Go(func() {
			for time.Since(start) < d && ctx.Err() == nil {
				body := NewEvent(asset)
				began := time.Now()
				code := r.Send(ctx, client, e, body)
				mu.Lock()
				result.Answers[code]++
				took = append(took, time.Since(began))
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	slices.Sort(took)
	result.PerSecond = float64(len(took)) / time.Since(start).Seconds()
	if len(took) > 0 {
		result.P99 = took[len(took)*99/100]
	}
	return result
}

// Send delivers an event and returns the status code, 0 if there is none.
func (r *Receiver) Send(ctx context.Context, client *http.Client, e Endpoint, body []byte) int {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.ReceiverURL+e.Path(), bytes.NewReader(body))
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

// Metric returns the sum of a metric over its labels.
func (r *Receiver) Metric(t *testing.T, name string) float64 {
	t.Helper()
	var text []byte
	Eventually(t, "metrics can be read", func(ctx context.Context) (err error) { // in a flood the receiver may close a new connection
		text, err = Deployed.Metrics(ctx, r.Operator)
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
