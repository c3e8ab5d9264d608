package connlimit

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
)

// conn is a limited connection.
type conn struct {
	net.Conn          // what the server reads and writes: a meter of the raw connection, or TLS above it
	raw      net.Conn // the connection that was accepted
	limiter  *Limiter
	price    int64 // of the connection itself
	// header is the header of the request that is being read. Only Read and the server's callbacks use it, one after the other.
	header header

	// The limiter's mutex guards what follows.
	authenticated bool // whether the connection had an authenticated request
	wait          waitState
	// request is what was read since the last answer. ahead is what may have been read of the next request before that answer. recent and earlier
	// together cover at least the last bufferBytes.
	request, ahead  usage
	recent, earlier usage
}

func newConn(l *Limiter, raw net.Conn, config *tls.Config) *conn {
	c := &conn{raw: raw, limiter: l, price: plainPrice}
	c.Conn = &meter{Conn: raw, conn: c}
	if config != nil {
		c.Conn, c.price = tls.Server(c.Conn, config), tlsPrice
	}
	return c
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	if c.header.tooLong { // the rest of the header need not be read
		fill(p)
		return len(p), nil
	}
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.count(usage{plain: int64(n), lines: c.header.scan(p[:n])}, int64(bytes.Count(p[:n], []byte{'\n'})))
	}
	if err != nil {
		c.answerPlain(err)
	}
	return n, err
}

// Close implements net.Conn.
func (c *conn) Close() error {
	err := c.Conn.Close()
	c.limiter.mu.Lock()
	defer c.limiter.mu.Unlock()
	c.leave()
	return err
}

// CloseWrite lets net/http end the answer to a request that it does not read completely.
func (c *conn) CloseWrite() error { return closeWrite(c.Conn) }

func closeWrite(c net.Conn) error {
	if w, ok := c.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return nil
}

// meter counts the bytes that are read from a raw connection, and how long its client lets the process wait for them.
type meter struct {
	net.Conn
	conn *conn
}

// Read implements net.Conn.
func (m *meter) Read(p []byte) (int, error) {
	m.conn.reading(true)
	n, err := m.Conn.Read(p)
	m.conn.reading(false)
	m.conn.count(usage{raw: int64(n)}, 0)
	return n, err
}

// CloseWrite lets TLS and net/http close their side of the connection.
func (m *meter) CloseWrite() error { return closeWrite(m.Conn) }

// count charges a connection for what was read from it. Each of the lines may belong to the header of the next request.
func (c *conn) count(read usage, lines int64) {
	c.limiter.mu.Lock()
	c.request.add(read)
	read.lines = lines
	if read.plain > bufferBytes { // part of a body, read without the buffer
		c.recent, c.earlier = usage{}, usage{}
	} else {
		if c.recent.plain+read.plain > bufferBytes {
			c.earlier, c.recent = c.recent, usage{}
		}
		c.recent.add(read)
	}
	evicted := c.charge()
	c.limiter.mu.Unlock()
	closeEvicted(evicted)
}

// answered makes a connection wait for its next request. Only after an authenticated request does its delay start again.
func (c *conn) answered() {
	c.header.next()
	c.limiter.mu.Lock()
	// Only the lines count: the bytes are in the buffer, which is part of the connection's price.
	c.ahead, c.request = usage{lines: c.recent.lines + c.earlier.lines}, usage{}
	if c.wait.pool == nil && c.authenticated {
		c.join(&c.limiter.idle)
	}
	evicted := c.charge()
	c.limiter.mu.Unlock()
	closeEvicted(evicted)
}

// plainMethods are the first bytes of requests that get an answer if they come without TLS.
var plainMethods = [][]byte{[]byte("GET /"), []byte("HEAD "), []byte("POST "), []byte("PUT /"), []byte("OPTIO")}

// answerPlain answers a client that speaks HTTP on a TLS port, as net/http does for connections that it knows to be TLS.
func (c *conn) answerPlain(err error) {
	var header tls.RecordHeaderError
	if errors.As(err, &header) && header.Conn != nil &&
		slices.ContainsFunc(plainMethods, func(m []byte) bool { return bytes.Equal(m, header.RecordHeader[:]) }) {
		_, _ = io.WriteString(header.Conn, "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")
		_ = header.Conn.Close()
	}
}
