package webhookserver

import (
	"container/list"
	"context"
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

func (c *crowd) remove(m *member) {
	if m.element != nil {
		c.members.Remove(m.element)
		m.element = nil
	}
}

// connections keeps in a crowd the connections that wait for a client to send a request's header: new ones, idle ones, slow ones.
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
		m := c.crowd.enter(func() { _ = conn.Close() })
		c.mu.Lock()
		defer c.mu.Unlock()
		c.waiting[conn] = m
	case http.StateClosed, http.StateHijacked:
		c.leave(conn)
	case http.StateActive: // its header may still be on its way
	}
}

// arrived notes that the header of a request has come.
func (c *connections) arrived(ctx context.Context) {
	if conn, ok := ctx.Value(connectionKey{}).(net.Conn); ok {
		c.leave(conn)
	}
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
