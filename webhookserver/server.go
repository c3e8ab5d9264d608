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
	"sync/atomic"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/fastpix-operator/fastpix-operator/internal/connlimit"
	"github.com/fastpix-operator/fastpix-operator/internal/httpserver"
	"github.com/fastpix-operator/fastpix-operator/webhookserver/endpoint"
)

const (
	// writeTimeout is longer than the longest request, so that every request gets its answer.
	writeTimeout = requestTimeout + 5*time.Second
	// shutdownTimeout is long enough to answer every accepted request.
	shutdownTimeout = writeTimeout
)

// newServer returns the HTTP server.
func newServer(h *handler, limiter *connlimit.Limiter) *http.Server {
	server := httpserver.New(limiter, h)
	server.DisableGeneralOptionsHandler = true // the handler answers OPTIONS * like any other method
	server.WriteTimeout = writeTimeout
	server.ErrorLog = log.New(h.refusals, "", 0)
	return server
}

// listen opens the receiver's port. It serves TLS if there is a certificate, and reloads the certificate when it changes.
func listen(add func(manager.Runnable) error, limiter *connlimit.Limiter, o *Options) (net.Listener, error) {
	var certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	if o.TLSCertDir != "" {
		watcher, err := certwatcher.New(filepath.Join(o.TLSCertDir, "tls.crt"), filepath.Join(o.TLSCertDir, "tls.key"))
		if err != nil {
			return nil, fmt.Errorf("load the receiver's certificate: %w", err)
		}
		if err := add(watcher); err != nil {
			return nil, fmt.Errorf("watch the receiver's certificate: %w", err)
		}
		certificate = watcher.GetCertificate
	}
	return httpserver.Listen(limiter, o.BindAddress, certificate)
}

// serverRunnable returns the server as a runnable of the manager. It must be a bare manager.Server: the manager starts it before any cache
// has synced and stops it last, after the drainer has ended.
func serverRunnable(server *http.Server, listener net.Listener) *manager.Server {
	return &manager.Server{Name: "receiver", Server: server, Listener: listener, ShutdownTimeout: new(shutdownTimeout)}
}

// drainer ends readiness when the manager stops. It delays the rest of the shutdown until load balancers have noticed, and until the
// receiver has asked clients with open connections to close them. The manager stops ordinary runnables such as this one first, then caches,
// then HTTP servers.
type drainer struct {
	delay    time.Duration
	draining *atomic.Bool
}

// Start waits for the end of the context, and then for the delay.
func (d *drainer) Start(ctx context.Context) error {
	<-ctx.Done()
	d.draining.Store(true)
	time.Sleep(d.delay)
	return nil
}

// NeedLeaderElection returns false: every replica drains.
func (*drainer) NeedLeaderElection() bool { return false }

var (
	errNotSynced = errors.New("the receiver has not read all WebhookEndpoints yet")
	errDraining  = errors.New("the receiver is stopping")
)

// ready returns the readiness check. A receiver is ready once it knows the endpoints. It stays ready while the API server is unavailable:
// otherwise all replicas would leave the load balancer at once, and FastPix would get the load balancer's error instead of 503 with
// Retry-After.
func ready(d *endpoint.Directory, drain *drainer) func(*http.Request) error {
	return func(*http.Request) error {
		switch {
		case drain.draining.Load():
			return errDraining
		case !d.Synced():
			return errNotSynced
		}
		return nil
	}
}
