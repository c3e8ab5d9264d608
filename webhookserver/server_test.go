// These tests protect the start and the end of the receiver: it serves before it knows the endpoints and while the API server is
// unavailable, drains before it stops, and loads new certificates without a restart.
package webhookserver

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/fastpix-operator/fastpix-operator/internal/connlimit"
	"github.com/fastpix-operator/fastpix-operator/internal/httpserver"
	"github.com/fastpix-operator/fastpix-operator/internal/receivertest"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
	"github.com/fastpix-operator/fastpix-operator/test/framework/process"
	"github.com/fastpix-operator/fastpix-operator/webhookserver/endpoint"
)

// freeAddress returns an address without a listener.
func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := process.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

func status(t *testing.T, method, url string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never " + what)
		}
	}
}

func TestReceiverServesWithoutAnAPIServerAndDrains(t *testing.T) {
	t.Parallel()
	probes := freeAddress(t)
	mgr, err := ctrl.NewManager(&rest.Config{Host: "https://" + freeAddress(t)}, ctrl.Options{
		Scheme: receivertest.Scheme(), HealthProbeBindAddress: probes, Metrics: metricsserver.Options{BindAddress: "0"},
	})
	if err != nil {
		t.Fatal(err)
	}
	o := testOptions()
	o.BindAddress, o.DrainDelay = freeAddress(t), 5*time.Second
	if err := AddToManager(mgr, connlimit.New(), *o); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()

	url, readyz := "http://"+o.BindAddress+receivertest.Path, "http://"+probes+"/readyz"
	eventually(t, "served", func() bool { return status(t, http.MethodPost, url) == 503 })
	eventually(t, "answered that it is not ready", func() bool { return status(t, http.MethodGet, readyz) == 500 })
	if got := status(t, http.MethodGet, url); got != 405 {
		t.Errorf("got %d, want 405", got)
	}
	stop()
	time.Sleep(100 * time.Millisecond)
	if got := status(t, http.MethodPost, url); got != 503 {
		t.Errorf("got %d while draining, want to be served still", got)
	}
	if err := <-ended; err != nil {
		t.Errorf("the manager ended with %v", err)
	}
	if got := status(t, http.MethodPost, url); got != 0 {
		t.Errorf("got %d after the end", got)
	}
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	d, drain := endpoint.NewDirectory(nil, time.Now), &drainer{draining: &atomic.Bool{}}
	check := ready(d, drain)
	if check(nil) == nil {
		t.Error("ready before all endpoints are read")
	}
	d.MarkSynced()
	if err := check(nil); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := drain.Start(ctx); err != nil || check(nil) == nil {
		t.Error("ready while draining")
	}
}

// writeCertificate writes a new certificate for 127.0.0.1 and returns it.
func writeCertificate(t *testing.T, folder string) []byte {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<62))
	template := &x509.Certificate{
		SerialNumber: serial, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		"tls.crt": {Type: "CERTIFICATE", Bytes: der}, "tls.key": {Type: "PRIVATE KEY", Bytes: secret},
	} {
		if err := os.WriteFile(filepath.Join(folder, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return der
}

func TestTLSTakesNewCertificates(t *testing.T) {
	t.Parallel()
	r := newTestEnv(t, receivertest.Endpoint(), receivertest.Secret("signing", key))
	folder := t.TempDir()
	first := writeCertificate(t, folder)
	o := testOptions()
	o.TLSCertDir, o.BindAddress = folder, "127.0.0.1:0"
	var watcher *certwatcher.CertWatcher
	listener, err := listen(func(r manager.Runnable) error {
		watcher, _ = r.(*certwatcher.CertWatcher)
		return nil
	}, r.limiter, o)
	if err != nil {
		t.Fatal(err)
	}
	server := newServer(r.handler, r.limiter)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })

	// deliver returns the status code, the protocol and the server's certificate. The client supports HTTP/2.
	deliver := func(config *tls.Config) (code, major int, certificate []byte, err error) {
		transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
		defer transport.CloseIdleConnections()
		req := r.request(http.MethodPost, receivertest.Path, ready1, fixtures.Sign(key, []byte(ready1)))
		req.URL.Scheme, req.URL.Host = "https", listener.Addr().String()
		resp, err := transport.RoundTrip(req)
		if err != nil {
			return 0, 0, nil, err
		}
		_ = resp.Body.Close()
		return resp.StatusCode, resp.ProtoMajor, resp.TLS.PeerCertificates[0].Raw, nil
	}
	trust := func() *tls.Config { return &tls.Config{InsecureSkipVerify: true} } // the test compares certificates itself

	code, major, certificate, err := deliver(trust())
	if err != nil || code != 200 || major != 1 || !bytes.Equal(certificate, first) {
		t.Fatalf("got %d by HTTP/%d, want 200 by HTTP/1: %v", code, major, err)
	}
	second := writeCertificate(t, folder)
	if err := watcher.ReadCertificate(); err != nil {
		t.Fatal(err)
	}
	if _, _, certificate, err := deliver(trust()); err != nil || !bytes.Equal(certificate, second) {
		t.Errorf("the new certificate is not served: %v", err)
	}
	old := trust()
	old.MaxVersion = tls.VersionTLS11
	if _, _, _, err := deliver(old); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
}

// pipes is a listener of connections without a buffer: a write waits for the read.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if conn, ok := <-p; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}

func (p pipes) Close() error { return nil }

func (p pipes) Addr() net.Addr { return &net.UnixAddr{} }

func TestClientThatReadsNothingIsCutOff(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	writeCertificate(t, folder)
	certificate, err := tls.LoadX509KeyPair(filepath.Join(folder, "tls.crt"), filepath.Join(folder, "tls.key"))
	if err != nil {
		t.Fatal(err)
	}
	const closeTimeout = 5 * time.Second // of crypto/tls, for its last message
	synctest.Test(t, func(t *testing.T) {
		serverSide, clientSide := net.Pipe()
		listener := make(pipes, 1)
		listener <- serverSide
		h := &handler{
			directory: endpoint.NewDirectory(nil, time.Now), bodies: &bodies{}, decoding: make(chan struct{}, maxDecoding),
			refusals: newRefusalLog(logr.Discard()), options: testOptions(), now: time.Now,
		}
		limiter := connlimit.New()
		server := newServer(h, limiter)
		config := httpserver.TLSConfig(func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &certificate, nil })
		go func() { _ = server.Serve(limiter.Listen(listener, config)) }()
		client := tls.Client(clientSide, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12})
		if _, err := io.WriteString(client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		for err = nil; err == nil; time.Sleep(time.Second) {
			_, err = io.WriteString(client, "x") // until the server closes the connection
		}
		if took := time.Since(start); took < writeTimeout || took > writeTimeout+closeTimeout+2*time.Second {
			t.Errorf("disconnected after %v, want %v", took, writeTimeout)
		}
		close(listener)
		_ = server.Close()
	})
}

func TestOptionsSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	if err := testOptions().Validate(); err != nil {
		t.Errorf("defaults: %v", err)
	}
	for want, change := range map[string]func(*Options){
		"--receiver-bind-address": func(o *Options) { o.BindAddress = "" },
		"--operator-namespace":    func(o *Options) { o.OperatorNamespace = "No/Name" },
		"--drain-delay":           func(o *Options) { o.DrainDelay = -1 },
		"--max-pending-events":    func(o *Options) { o.MaxPendingTotal = 0 },
		"--max-in-flight":         func(o *Options) { o.MaxInFlightPerEndpoint = 0 },
		"not a URL":               func(o *Options) { o.ExternalURL = "https://a:b" },
		"https://":                func(o *Options) { o.ExternalURL = "hooks.example.com" },
		"a user":                  func(o *Options) { o.ExternalURL = "https://a:hunter2@hooks.example.com" },
		"1024":                    func(o *Options) { o.ExternalURL = "https://a/" + strings.Repeat("b", 1100) },
	} {
		o := testOptions()
		change(o)
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v", want, err)
		}
	}
}
