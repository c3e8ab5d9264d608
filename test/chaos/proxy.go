package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// proxy forwards TCP connections to a target, and can fail as networks do.
type proxy struct {
	listener net.Listener
	target   string

	mu    sync.Mutex
	fault linkFault
	open  map[net.Conn]bool // both ends of every connection
	wg    sync.WaitGroup
}

// linkFault is how a link behaves; its zero value forwards.
type linkFault struct {
	// reset ends every connection by RST, new ones at once.
	reset bool
	// delay is how long each piece of data is held at most.
	delay time.Duration
	// hole, if there is one, holds everything, an end of a connection too, until it is closed.
	hole chan struct{}
}

// newProxy listens on a free loopback port.
func newProxy(target string) (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{listener: l, target: target, open: map[net.Conn]bool{}}
	p.wg.Go(p.accept)
	return p, nil
}

func (p *proxy) address() string { return p.listener.Addr().String() }

// become makes the link behave in another way, for connections that are open too.
func (p *proxy) become(f linkFault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fault.hole != nil {
		close(p.fault.hole)
	}
	p.fault = f
	if f.reset {
		p.resetAll()
	}
}

func (p *proxy) resetAll() {
	for c := range p.open {
		_ = c.(*net.TCPConn).SetLinger(0) // so that its end is a RST
		_ = c.Close()
	}
}

// close ends the proxy and every connection.
func (p *proxy) close() error {
	err := p.listener.Close()
	p.become(linkFault{reset: true})
	p.wg.Wait()
	return err
}

func (p *proxy) accept() {
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
func (p *proxy) track(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fault.reset {
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
		return false
	}
	p.open[c] = true
	return true
}

func (p *proxy) serve(client net.Conn) {
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

func (p *proxy) drop(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, c)
	_ = c.Close()
}

// pump forwards one direction until either side ends it.
func (p *proxy) pump(to, from net.Conn) {
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
func (p *proxy) hold() {
	p.mu.Lock()
	f := p.fault
	p.mu.Unlock()
	if f.hole != nil {
		<-f.hole
	}
	if f.delay > 0 {
		time.Sleep(rand.N(f.delay))
	}
}
