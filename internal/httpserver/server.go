package httpserver

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/fastpix-operator/fastpix-operator/internal/connlimit"
)

const (
	// readHeaderTimeout and readTimeout close connections of clients that send slowly. A delivery has a few KiB.
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	// writeTimeout bounds the time from the end of a request's header to the end of its answer.
	writeTimeout = 15 * time.Second
	// idleTimeout is longer than the idle timeout of proxies, so that the proxy closes an idle connection and not the server.
	idleTimeout = 2 * time.Minute
)

// New returns a server for a listener that Listen returned.
func New(limiter *connlimit.Limiter, handler http.Handler) *http.Server {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		Protocols:         &http.Protocols{},
	}
	server.Protocols.SetHTTP1(true)
	limiter.Attach(server)
	return server
}

// Listen opens a port. It speaks TLS if certificate is not nil, and calls certificate for each handshake.
func Listen(limiter *connlimit.Limiter, address string, certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)) (net.Listener, error) {
	listener, err := net.Listen("tcp", address) //nolint:noctx // opening a port does not wait
	if err != nil {
		return nil, fmt.Errorf("open a port: %w", err)
	}
	if certificate == nil {
		return limiter.Listen(listener, nil), nil
	}
	return limiter.Listen(listener, TLSConfig(certificate)), nil
}
