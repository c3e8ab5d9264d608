package connlimit

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
)

const (
	// unauthenticatedBudget bounds what connections without an authenticated request are charged for, on all ports together.
	unauthenticatedBudget = 64 << 20
	// idleBudget bounds what connections are charged for that wait for another request after an authenticated one.
	idleBudget = 48 << 20
)

// Limiter decides which connections of a process may stay open. All ports of the process share it.
type Limiter struct {
	mu sync.Mutex
	// unauthenticated holds the connections that have not had an authenticated request. idle holds those that wait for another request
	// after an authenticated one.
	unauthenticated, idle pool
}

// New returns a limiter with the budgets that suit the deployed memory limit of 256 MiB.
func New() *Limiter { return NewWithBudgets(unauthenticatedBudget, idleBudget) }

// NewWithBudgets returns a limiter with other budgets, in bytes of memory.
func NewWithBudgets(unauthenticated, idle int64) *Limiter {
	return &Limiter{
		unauthenticated: pool{budget: unauthenticated, gauge: connectionBytes.WithLabelValues("unauthenticated")},
		idle:            pool{budget: idle, gauge: connectionBytes.WithLabelValues("idle")},
	}
}

// Listen wraps a listener so that its connections are limited. They speak TLS if there is a configuration for it. The server that takes
// them has to be attached.
func (l *Limiter) Listen(inner net.Listener, config *tls.Config) net.Listener {
	return &listener{Listener: inner, limiter: l, tls: config}
}

type listener struct {
	net.Listener
	limiter *Limiter
	tls     *tls.Config
}

// Accept implements net.Listener. Nothing in it waits for a client.
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

// Attach has the limiter follow the connections of a server. It sets ConnContext and ConnState, and MaxHeaderBytes, on which the charges
// depend.
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

// Authenticated notes that the client of a request has proved who it is. Its connection is not evicted until the request is answered; what
// the request holds meanwhile has to be bounded otherwise. The context is the request's or comes from it.
func Authenticated(ctx context.Context) {
	if c, ok := ctx.Value(contextKey{}).(*conn); ok {
		c.limiter.mu.Lock()
		defer c.limiter.mu.Unlock()
		c.authenticated = true
		c.leave()
	}
}
