package flood

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Port is what is attacked.
type Port struct {
	Name string
	// Address is a TCP address.
	Address string
	// TLS says that it speaks TLS.
	TLS bool
	// Path is one that it serves.
	Path string
}

// Takes reports whether a shape can be thrown at a port.
func (p Port) Takes(s Shape) bool { return p.TLS || !s.TLSOnly }

// Counts are what became of a flood.
type Counts struct {
	// Connections were made, and had sent all that there was to send or were cut off.
	Connections int64
	// Failed were not made.
	Failed int64
}

// handshakeCost is how much more seldom connections with a handshake are made: it costs the attacker's half of the machine most.
const handshakeCost = 4

// dialTimeout is how long a client waits for a connection and its handshake.
const dialTimeout = 5 * time.Second

// RunAll throws every shape at every port at the same time, each with its share of the connections and of their rate.
func RunAll(ctx context.Context, ports []Port) Counts {
	var mu sync.Mutex
	var all Counts
	var wg sync.WaitGroup
	shapes := Shapes()
	for _, p := range ports {
		for _, s := range shapes {
			if p.Takes(s) {
				wg.Go(func() {
					share := len(ports) * len(shapes)
					s.clients, s.perSecond = max(1, s.clients*totalShare/share), s.perSecond*totalShare/float64(share)
					c := Run(ctx, p, s)
					mu.Lock()
					defer mu.Unlock()
					all.Connections += c.Connections
					all.Failed += c.Failed
				})
			}
		}
	}
	wg.Wait()
	return all
}

// totalShare is how many floods of one shape all shapes together amount to.
const totalShare = 2

// Run throws a shape at a port until the context ends, and returns when all its connections are closed.
func Run(ctx context.Context, p Port, s Shape) Counts {
	var made, failed, due atomic.Int64
	started, perSecond := time.Now(), s.perSecond
	if p.TLS && !s.TLSOnly {
		perSecond /= handshakeCost
	}
	var wg sync.WaitGroup
	for range s.clients {
		wg.Go(func() {
			for wait(ctx, started.Add(time.Duration(float64(due.Add(1))/perSecond*float64(time.Second)))) {
				if err := attack(ctx, p, s); err != nil {
					failed.Add(1)
				} else {
					made.Add(1)
				}
			}
		})
	}
	wg.Wait()
	return Counts{Connections: made.Load(), Failed: failed.Load()}
}

func wait(ctx context.Context, until time.Time) bool {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// attack makes one connection and keeps it until it is cut off. The error says that there was none.
func attack(ctx context.Context, p Port, s Shape) error {
	conn, err := dial(ctx, p, s)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if s.attack(ctx, conn, p.Path) == nil {
		_, _ = io.Copy(io.Discard, conn)
	}
	return nil
}

func dial(ctx context.Context, p Port, s Shape) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	if !p.TLS || s.TLSOnly {
		return (&net.Dialer{}).DialContext(ctx, "tcp", p.Address)
	}
	config := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}
	return (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", p.Address)
}
