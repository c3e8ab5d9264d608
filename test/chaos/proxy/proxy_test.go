// These tests protect the faults of the network: a reset link resets, a black hole swallows and then goes on, a healed one forwards.
package proxy

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// newEcho returns a proxy in front of a server that echoes.
func newEcho(t *testing.T) *Proxy {
	t.Helper()
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := server.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			}()
		}
	}()
	p, err := New(server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(server.Close(), p.Close()); err != nil {
			t.Error(err)
		}
	})
	return p
}

func dial(t *testing.T, p *Proxy) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", p.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// say sends a line and returns what comes back in time.
func say(t *testing.T, c net.Conn, line string, wait time.Duration) (string, error) {
	t.Helper()
	if _, err := c.Write([]byte(line + "\n")); err != nil {
		return "", err
	}
	return hear(t, c, wait)
}

func hear(t *testing.T, c net.Conn, wait time.Duration) (string, error) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(wait)); err != nil {
		t.Fatal(err)
	}
	return bufio.NewReader(c).ReadString('\n')
}

func TestLinkForwardsSlowly(t *testing.T) {
	p := newEcho(t)
	c := dial(t, p)
	for _, f := range []Fault{{}, {Delay: 20 * time.Millisecond}} {
		p.SetFault(f)
		if got, err := say(t, c, "hello", 10*time.Second); err != nil || got != "hello\n" {
			t.Errorf("got %q, %v", got, err)
		}
	}
}

func TestBlackHoleDelaysThenForwards(t *testing.T) {
	p := newEcho(t)
	c := dial(t, p)
	p.SetFault(Fault{Hole: make(chan struct{})})
	if got, err := say(t, c, "hello", 100*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %q, %v through a black hole", got, err)
	}
	late := dial(t, p)
	p.SetFault(Fault{})
	for _, c := range []net.Conn{c, late} {
		if c == late {
			_, _ = late.Write([]byte("hello\n"))
		}
		if got, err := hear(t, c, 10*time.Second); err != nil || got != "hello\n" {
			t.Errorf("after it healed: got %q, %v", got, err)
		}
	}
}

func TestResetEndsOpenAndNewConnections(t *testing.T) {
	p := newEcho(t)
	c := dial(t, p)
	if _, err := say(t, c, "hello", 10*time.Second); err != nil {
		t.Fatal(err)
	}
	p.SetFault(Fault{Reset: true})
	if _, err := hear(t, c, 10*time.Second); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the open connection: %v", err)
	}
	if c, err := net.Dial("tcp", p.Address()); err == nil { // or it was reset so soon that it never was
		if got, err := say(t, c, "hello", 10*time.Second); err == nil {
			t.Errorf("a new connection answers %q", got)
		}
		_ = c.Close()
	}
	if p.Refused() != 1 {
		t.Errorf("%d connections were refused", p.Refused())
	}
	p.SetFault(Fault{})
	if got, err := say(t, dial(t, p), "hello", 10*time.Second); err != nil || got != "hello\n" {
		t.Errorf("after it healed: got %q, %v", got, err)
	}
}
