package proxy

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// Proxy forwards TCP connections to a target, and can fail as networks do.
type Proxy struct {
	listener net.Listener
	target   string

	mu      sync.Mutex
	fault   Fault
	open    map[net.Conn]bool // both ends of every connection
	refused int               // how many connections were reset at once
	wg      sync.WaitGroup
}

// Fault is how a link behaves; its zero value forwards.
type Fault struct {
	// Reset ends every connection by RST, new ones at once.
	Reset bool
	// Delay is how long each piece of data is held at most.
	Delay time.Duration
	// Hole, if there is one, holds everything, an end of a connection too, until it is closed.
	Hole chan struct{}
}

// New listens on a free loopback port.
func New(target string) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{listener: l, target: target, open: map[net.Conn]bool{}}
	p.wg.Go(p.accept)
	return p, nil
}

// Address is where it listens.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// SetFault makes the link behave in another way, for connections that are open too.
func (p *Proxy) SetFault(f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fault.Hole != nil {
		close(p.fault.Hole)
	}
	p.fault = f
	if f.Reset {
		p.resetAll()
	}
}

// Refused returns how many connections were reset at once.
func (p *Proxy) Refused() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.refused
}

func (p *Proxy) resetAll() {
	for c := range p.open {
		_ = c.(*net.TCPConn).SetLinger(0) // so that its end is a RST
		_ = c.Close()
	}
}

// Close ends the proxy and every connection.
func (p *Proxy) Close() error {
	err := p.listener.Close()
	p.SetFault(Fault{Reset: true})
	p.wg.Wait()
	return err
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil && p.track(client) {
			p.wg.Go(func() { p.serve(client) })
		}
	}
}

// track remembers a connection, unless they are all reset.
func (p *Proxy) track(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fault.Reset {
		p.refused++
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
		return false
	}
	p.open[c] = true
	return true
}

func (p *Proxy) serve(client net.Conn) {
	defer p.drop(client)
	p.hold()
	server, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", p.target)
	if err != nil || !p.track(server) {
		return
	}
	defer p.drop(server)
	ended := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{server, client}, {client, server}} {
		p.wg.Go(func() {
			p.pump(way[0], way[1])
			ended <- struct{}{}
		})
	}
	<-ended
}

func (p *Proxy) drop(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, c)
	_ = c.Close()
}

// pump forwards one direction until either side ends it.
func (p *Proxy) pump(to, from net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		p.hold()
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// hold delays what is under way as the link's fault wants it.
func (p *Proxy) hold() {
	p.mu.Lock()
	f := p.fault
	p.mu.Unlock()
	if f.Hole != nil {
		<-f.Hole
	}
	if f.Delay > 0 {
		time.Sleep(rand.N(f.Delay))
	}
}
