package webhookserver

import (
	"container/list"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
)

// crowd is a bounded set of clients that keep the receiver waiting. When it is full, the one that has waited longest must go: what
// FastPix sends arrives within moments, so a flood of slow clients pushes out itself.
type crowd struct {
	limit int

	mu      sync.Mutex
	members list.List // of *member, the longest waiting first
}

type member struct {
	evict   func()
	element *list.Element
}

// enter adds a client. If there are too many, the one waiting longest is evicted, by the caller's goroutine.
func (c *crowd) enter(evict func()) *member {
	m := &member{evict: evict}
	if out := c.add(m); out != nil {
		evictions.Inc()
		out.evict()
	}
	return m
}

func (c *crowd) add(m *member) (out *member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m.element = c.members.PushBack(m)
	if c.members.Len() <= c.limit {
		return nil
	}
	out, _ = c.members.Front().Value.(*member)
	c.remove(out)
	return out
}

// leave removes a client, whether or not it was evicted.
func (c *crowd) leave(m *member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(m)
}

// renew takes a client for one that has just come, if it is still there.
func (c *crowd) renew(m *member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m.element != nil {
		c.members.MoveToBack(m.element)
	}
}

func (c *crowd) remove(m *member) {
	if m.element != nil {
		c.members.Remove(m.element)
		m.element = nil
	}
}

// connections keeps in a crowd every connection that has not shown a valid signature since it was opened or last idle: silent ones,
// slow ones, those that wait for a verdict, and those that do not read theirs. It does so whatever net/http is doing with them, which
// reads what is left of a body, and writes answers, when the handler is done.
type connections struct {
	crowd *crowd

	mu      sync.Mutex
	waiting map[net.Conn]*member
}

func newConnections(limit int) *connections {
	return &connections{crowd: &crowd{limit: limit}, waiting: map[net.Conn]*member{}}
}

type connectionKey struct{}

// context is a http.Server's ConnContext.
func (c *connections) context(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, conn)
}

// observe is a http.Server's ConnState.
func (c *connections) observe(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew, http.StateIdle:
		c.leave(conn)
		c.enter(conn)
	case http.StateClosed, http.StateHijacked:
		c.leave(conn)
	case http.StateActive: // its header may still be on its way
	}
}

// arrived notes that the header of a request has come: the wait for its client begins anew.
func (c *connections) arrived(ctx context.Context) {
	if m := c.member(connectionOf(ctx)); m != nil {
		c.crowd.renew(m)
	}
}

// verified notes that a request had a valid signature: its connection is a sender's until it is idle again.
func (c *connections) verified(ctx context.Context) { c.leave(connectionOf(ctx)) }

func connectionOf(ctx context.Context) net.Conn {
	conn, _ := ctx.Value(connectionKey{}).(net.Conn)
	return conn
}

func (c *connections) member(conn net.Conn) *member {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.waiting[conn]
}

func (c *connections) enter(conn net.Conn) {
	m := c.crowd.enter(func() { cut(conn) })
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting[conn] = m
}

func (c *connections) leave(conn net.Conn) {
	c.mu.Lock()
	m := c.waiting[conn]
	delete(c.waiting, conn)
	c.mu.Unlock()
	if m != nil {
		c.crowd.leave(m)
	}
}

// cut closes a connection without a word. To say goodbye by TLS would hold up whoever accepts connections while a client that reads
// nothing has filled its buffers.
func cut(conn net.Conn) {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	_ = conn.Close()
}
