package connlimit

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
)

const (
	// unauthenticatedBudget bounds the charges of connections without an authenticated request, on all ports together.
	unauthenticatedBudget = 64 << 20
	// idleBudget bounds the charges of connections that wait for another request after an authenticated one.
	idleBudget = 48 << 20
)

// Limiter decides which connections of a process stay open. All ports of the process share it.
type Limiter struct {
	mu sync.Mutex
	// unauthenticated holds the connections without an authenticated request. idle holds the connections that wait for another request after an
	// authenticated one.
	unauthenticated, idle pool
}

// New returns a limiter with budgets for the deployed memory limit of 256 MiB.
func New() *Limiter { return NewWithBudgets(unauthenticatedBudget, idleBudget) }

// NewWithBudgets returns a limiter with other budgets, in bytes of memory.
func NewWithBudgets(unauthenticated, idle int64) *Limiter {
	return &Limiter{
		unauthenticated: pool{budget: unauthenticated, gauge: connectionBytes.WithLabelValues("unauthenticated")},
		idle:            pool{budget: idle, gauge: connectionBytes.WithLabelValues("idle")},
	}
}

// Listen wraps a listener so that the limiter limits its connections. They speak TLS if config is not nil. The server that accepts them must be
// attached.
func (l *Limiter) Listen(inner net.Listener, config *tls.Config) net.Listener {
	return &listener{Listener: inner, limiter: l, tls: config}
}

type listener struct {
	net.Listener
	limiter *Limiter
	tls     *tls.Config
}

// Accept implements net.Listener. It does not wait for the client of a connection.
func (l *listener) Accept() (net.Conn, error) {
	raw, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := newConn(l.limiter, raw, l.tls)
	l.limiter.mu.Lock()
	c.join(&l.limiter.unauthenticated)
	evicted := c.charge()
	l.limiter.mu.Unlock()
	closeEvicted(evicted)
	return c, nil
}

type contextKey struct{}

// Attach connects the limiter to a server. It sets ConnContext, ConnState and MaxHeaderBytes, on which the charges depend.
func (*Limiter) Attach(server *http.Server) {
	server.MaxHeaderBytes = headerBytes - headerSlop
	server.ConnContext = func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, contextKey{}, c) }
	server.ConnState = func(nc net.Conn, state http.ConnState) {
		c, ok := nc.(*conn)
		switch {
		case ok && state == http.StateActive:
			c.header.ended = true
		case ok && state == http.StateIdle:
			c.answered()
		}
	}
}

// Authenticated records that the client of a request is authenticated. The limiter does not evict the connection until the request is answered. The
// caller must bound the memory of the request until then. The context is that of the request or is derived from it.
func Authenticated(ctx context.Context) {
	if c, ok := ctx.Value(contextKey{}).(*conn); ok {
		c.limiter.mu.Lock()
		defer c.limiter.mu.Unlock()
		c.authenticated = true
		c.leave()
	}
}
