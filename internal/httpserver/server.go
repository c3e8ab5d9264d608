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
	// readHeaderTimeout and readTimeout cut off clients that send slowly; a delivery has a few KiB.
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	// writeTimeout is how long a request may take from the end of its header to the end of its answer.
	writeTimeout = 15 * time.Second
	// idleTimeout is longer than proxies keep connections idle, so that it is they who close them.
	idleTimeout = 2 * time.Minute
)

// New makes a server for a listener of Listen.
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

// Listen opens a port, by TLS if there is a certificate. The certificate is asked for at each handshake.
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
