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
	m, out := c.add(evict)
	out.push()
	return m
}

// add adds a client and takes out the one waiting longest if there are too many; the caller must push it, holding no lock.
func (c *crowd) add(evict func()) (m, out *member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m = &member{evict: evict}
	m.element = c.members.PushBack(m)
	if c.members.Len() > c.limit {
		out, _ = c.members.Front().Value.(*member)
		c.remove(out)
	}
	return m, out
}

// push evicts a client that was taken out, if there is one.
func (m *member) push() {
	if m != nil {
		evictions.Inc()
		m.evict()
	}
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
// reads what is left of a body, and writes answers, when the handler is done. Those that have shown one before have a crowd of their
// own, so that no flood of strangers takes an idle sender's connection away.
type connections struct {
	strangers, senders *crowd

	mu   sync.Mutex
	open map[net.Conn]*connection
}

// connection is what is known of an open connection.
type connection struct {
	sender bool    // it has shown a valid signature
	crowd  *crowd  // where it waits, or waited last
	member *member // as whom, nil while a valid delivery is on its way
}

func newConnections(limit int) *connections {
	return &connections{strangers: &crowd{limit: limit}, senders: &crowd{limit: limit}, open: map[net.Conn]*connection{}}
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
		c.wait(conn)
	case http.StateClosed, http.StateHijacked:
		c.forget(conn)
	case http.StateActive: // its header may still be on its way
	}
}

// arrived notes that the header of a request has come: the wait for its client begins anew.
func (c *connections) arrived(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k := c.of(ctx); k != nil && k.member != nil {
		k.crowd.renew(k.member)
	}
}

// verified notes that a request had a valid signature: its connection is a sender's, and nobody waits for it until it is idle again.
func (c *connections) verified(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k := c.of(ctx); k != nil {
		k.sender = true
		k.leave()
	}
}

func (c *connections) of(ctx context.Context) *connection {
	conn, _ := ctx.Value(connectionKey{}).(net.Conn)
	return c.open[conn]
}

func (k *connection) leave() {
	if k.member != nil {
		k.crowd.leave(k.member)
		k.member = nil
	}
}

// wait has a connection wait from now on. net/http calls it for each connection from one goroutine at a time, and never after forget.
func (c *connections) wait(conn net.Conn) {
	c.mu.Lock()
	k := c.open[conn]
	if k == nil {
		k = &connection{}
		c.open[conn] = k
	}
	k.leave()
	k.crowd = c.strangers
	if k.sender {
		k.crowd = c.senders
	}
	member, out := k.crowd.add(func() { cut(conn) })
	k.member = member
	c.mu.Unlock()
	out.push()
}

func (c *connections) forget(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k := c.open[conn]; k != nil {
		k.leave()
		delete(c.open, conn)
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
