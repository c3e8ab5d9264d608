package webhookserver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

const (
	// readHeaderTimeout and readTimeout cut off clients that send slowly; a delivery has a few KiB.
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	// writeTimeout is longer than a request may take, so that it gets its answer.
	writeTimeout = requestTimeout + 5*time.Second
	// idleTimeout is longer than proxies keep connections idle, so that it is they who close them.
	idleTimeout = 2 * time.Minute
	// maxHeaderBytes is several times what a proxy in front adds.
	maxHeaderBytes = 16 << 10
	// maxWaitingConnections bounds the connections of strangers, and those of senders that are idle.
	maxWaitingConnections = 1024
	// maxStreams bounds the requests at once on one HTTP/2 connection, streamBufferBytes and connectionBufferBytes what one may
	// send of their bodies before somebody reads it. maxFrameBytes, the least that the protocol allows, is what is kept of a frame
	// until it ends.
	maxStreams            = 128
	streamBufferBytes     = 64 << 10
	connectionBufferBytes = 256 << 10
	maxFrameBytes         = 16 << 10
	// shutdownTimeout is enough for every request that was taken to be answered.
	shutdownTimeout = writeTimeout
)

// newServer makes the HTTP server.
func newServer(h *handler) *http.Server {
	return &http.Server{
		DisableGeneralOptionsHandler: true, // OPTIONS * is a method like any other
		Handler:                      h,
		ReadHeaderTimeout:            readHeaderTimeout,
		ReadTimeout:                  readTimeout,
		WriteTimeout:                 writeTimeout,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               maxHeaderBytes,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          maxStreams,
			MaxReceiveBufferPerStream:     streamBufferBytes,
			MaxReceiveBufferPerConnection: connectionBufferBytes,
			MaxReadFrameSize:              maxFrameBytes,
			WriteByteTimeout:              writeTimeout, // WriteTimeout ends streams, not a connection that takes no byte
		},
		ConnState:   h.connections.observe,
		ConnContext: h.connections.context,
		ErrorLog:    log.New(h.refusals, "", 0),
	}
}

// listen opens the receiver's port, by TLS if there is a certificate, which is reloaded when it changes.
func listen(add func(manager.Runnable) error, o *Options) (net.Listener, error) {
	var config *tls.Config
	if o.TLSCertDir != "" {
		watcher, err := certwatcher.New(filepath.Join(o.TLSCertDir, "tls.crt"), filepath.Join(o.TLSCertDir, "tls.key"))
		if err != nil {
			return nil, fmt.Errorf("load the receiver's certificate: %w", err)
		}
		if err := add(watcher); err != nil {
			return nil, fmt.Errorf("watch the receiver's certificate: %w", err)
		}
		config = tlsConfig(watcher.GetCertificate)
	}
	listener, err := net.Listen("tcp", o.BindAddress) //nolint:noctx // opening a port does not wait
	if err != nil {
		return nil, fmt.Errorf("open the receiver's port: %w", err)
	}
	if config != nil {
		listener = tls.NewListener(listener, config)
	}
	return listener, nil
}

func tlsConfig(certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12, CipherSuites: cipherSuites(), NextProtos: []string{"h2", "http/1.1"}, GetCertificate: certificate,
	}
}

// cipherSuites are those of TLS 1.2 that encrypt and authenticate in one step; TLS 1.3 has no others.
func cipherSuites() []uint16 {
	var ids []uint16
	for _, s := range tls.CipherSuites() {
		if !strings.Contains(s.Name, "_CBC_") {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

// serverRunnable is the server as a runnable of the manager. It must be a bare manager.Server: such a one starts before any cache
// has synced and stops last, after the drainer has waited.
func serverRunnable(server *http.Server, listener net.Listener) *manager.Server {
	return &manager.Server{Name: "receiver", Server: server, Listener: listener, ShutdownTimeout: new(shutdownTimeout)}
}

// drainer ends readiness when the manager stops, and holds up the rest of the stop until load balancers have noticed, and clients that
// keep connections have been told to close them. The manager stops ordinary runnables such as this one first, then caches, then
// HTTP servers.
type drainer struct {
	delay    time.Duration
	draining *atomic.Bool
}

// Start waits for the context to end, and then for the delay.
func (d *drainer) Start(ctx context.Context) error {
	<-ctx.Done()
	d.draining.Store(true)
	time.Sleep(d.delay)
	return nil
}

// NeedLeaderElection is false: every replica drains.
func (*drainer) NeedLeaderElection() bool { return false }

var (
	errNotSynced = errors.New("the endpoints are not known yet")
	errDraining  = errors.New("the receiver is stopping")
)

// ready is the readiness check. A receiver is ready once it knows the endpoints, and stays so while the API server is away: all
// replicas would leave the load balancer at once, whose own error tells FastPix less than 503 with Retry-After.
func ready(d *directory, drain *drainer) func(*http.Request) error {
	return func(*http.Request) error {
		switch {
		case drain.draining.Load():
			return errDraining
		case !d.synced.Load():
			return errNotSynced
		}
		return nil
	}
}
