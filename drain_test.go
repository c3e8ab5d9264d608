package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// These tests protect what a roll-out promises: whoever is asked to end first answers what it took, nothing is sent to one that
// cannot answer, and the work goes on at once elsewhere.

// balancer hands connections to receivers that are ready, in turn, as a Service does: an open connection stays where it is, whether or
// not its receiver is still ready.
type balancer struct {
	listener  net.Listener
	receivers []*controlplane.Operator
	ready     []atomic.Bool
	turn      atomic.Uint64
}

func newBalancer(t *testing.T, receivers ...*controlplane.Operator) *balancer {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &balancer{listener: listener, receivers: receivers, ready: make([]atomic.Bool, len(receivers))}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var wg sync.WaitGroup
	for i := range receivers {
		b.check(ctx, i)
		wg.Go(func() {
			for tick := time.Tick(100 * time.Millisecond); ctx.Err() == nil; <-tick {
				b.check(ctx, i)
			}
		})
	}
	wg.Go(b.accept)
	t.Cleanup(func() {
		cancel()
		_ = listener.Close()
		wg.Wait()
	})
	return b
}

func (b *balancer) check(ctx context.Context, i int) {
	b.ready[i].Store(isReady(ctx, b.receivers[i]))
}

func isReady(ctx context.Context, o *controlplane.Operator) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, o.ProbeURL+"/readyz", http.NoBody)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

func (b *balancer) accept() {
	for {
		client, err := b.listener.Accept()
		if err != nil {
			return
		}
		for range b.receivers {
			if i := int(b.turn.Add(1) % uint64(len(b.receivers))); b.ready[i].Load() {
				go forward(client, strings.TrimPrefix(b.receivers[i].ReceiverURL, "http://"))
				break
			}
		}
	}
}

// forward joins two connections until both are over.
func forward(client net.Conn, to string) {
	defer client.Close()
	server, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", to)
	if err != nil {
		return
	}
	defer server.Close()
	var wg sync.WaitGroup
	for _, way := range [][2]net.Conn{{server, client}, {client, server}} {
		wg.Go(func() {
			_, _ = io.Copy(way[0], way[1])
			_ = way[0].(*net.TCPConn).CloseWrite()
		})
	}
	wg.Wait()
}

// newReceiver starts another receiver beside the one that all tests share.
func newReceiver(t *testing.T, name string, args ...string) *controlplane.Operator {
	t.Helper()
	return newProcess(t, name, deployment.asReceiver, append([]string{"--controllers=false"}, args...)...)
}

func newProcess(t *testing.T, name string, identity controlplane.Identity, args ...string) *controlplane.Operator {
	t.Helper()
	return newProcessWith(t, name, nil, identity, args...)
}

// newProcessWith starts another process of the operator, with more in its environment, that ends with the test.
func newProcessWith(t *testing.T, name string, env []string, identity controlplane.Identity, args ...string) *controlplane.Operator {
	t.Helper()
	o, err := deployment.NewOperator(name, deployment.receiver.Path, identity, args...)
	if err != nil {
		t.Fatal(err)
	}
	o.Env = env
	if err := o.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := o.Stop(); err != nil {
			t.Error(err)
		}
	})
	return o
}

func signed(body []byte) string { return fixtures.Sign(fixtures.SigningSecret, body) }

// reply is what a sender learns of a delivery.
type reply struct {
	code       int
	retryAfter string
	closes     bool // the connection
}

// once posts a delivery once, by a client of the caller's.
func (e endpoint) once(ctx context.Context, client *http.Client, to string, body []byte) (reply, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to+e.path(), bytes.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	req.Header.Set(controlplane.SignatureHeader, signed(body))
	resp, err := client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return reply{code: resp.StatusCode, retryAfter: resp.Header.Get("Retry-After"), closes: resp.Close}, err
}

func TestRollingRestartFailsNoDelivery(t *testing.T) {
	e := newEndpoint(t)
	var receivers []*controlplane.Operator
	for i := range 3 {
		receivers = append(receivers, newReceiver(t, fmt.Sprintf("rolled-%d", i+1), "--drain-delay=1s"))
	}
	b := newBalancer(t, receivers...)
	url := "http://" + b.listener.Addr().String()

	var delivering atomic.Bool
	delivering.Store(true)
	var acknowledged, failed atomic.Int64
	var wg sync.WaitGroup
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	for range 16 {
		wg.Go(func() {
			for delivering.Load() {
				_, body := newAsset()
				got, err := e.once(t.Context(), client, url, body)
				if err != nil || got.code != http.StatusOK {
					failed.Add(1)
					t.Errorf("a delivery during the roll-out: %+v, %v", got, err)
					return
				}
				acknowledged.Add(1)
			}
		})
	}
	for i, r := range receivers {
		if err := r.Stop(); err != nil {
			t.Error(err)
		}
		if err := r.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the balancer knows that a receiver is back", func(context.Context) error {
			if !b.ready[i].Load() {
				return errors.New("it is not ready")
			}
			return nil
		})
	}
	delivering.Store(false)
	wg.Wait()
	client.CloseIdleConnections()
	if acknowledged.Load() < 100 {
		t.Errorf("only %d deliveries while three receivers were restarted", acknowledged.Load())
	}
	t.Logf("%d deliveries while three receivers were restarted, %d failed", acknowledged.Load(), failed.Load())
	waitFolded(t)
}

func TestSIGTERMUnderLoadAnswersWhatWasTaken(t *testing.T) {
	e := newEndpoint(t)
	r := newReceiver(t, "drained", "--drain-delay=500ms")
	const deliveries = 64
	clients := make([]*http.Client, deliveries)
	for i := range clients { // each has a connection before it counts
		clients[i] = &http.Client{Transport: &http.Transport{}}
		_, body := newAsset()
		if got, err := e.once(t.Context(), clients[i], r.ReceiverURL, body); err != nil || got.code != http.StatusOK {
			t.Fatalf("before it is asked to end: %+v, %v", got, err)
		}
	}
	if err := metricIs(t.Context(), r, "fastpix_in_flight_deliveries", 0); err != nil { // by the way the API server says who may ask
		t.Fatal(err)
	}
	// Nothing is committed for a while: the deliveries wait when the receiver is asked to end, and when its listener closes.
	deployment.APIServer.Pause()
	resumed := sync.OnceFunc(deployment.APIServer.Resume)
	defer resumed()
	var wg sync.WaitGroup
	for _, c := range clients {
		wg.Go(func() {
			_, body := newAsset()
			got, err := e.once(t.Context(), c, r.ReceiverURL, body)
			if err != nil {
				t.Errorf("a delivery that was taken got no answer: %v", err)
			} else if !got.closes {
				t.Error("an answer while draining does not ask to close the connection")
			}
		})
	}
	eventually(t, "all deliveries wait for the journal", func(ctx context.Context) error {
		return metricIs(ctx, r, "fastpix_in_flight_deliveries", deliveries)
	})
	stopped := make(chan error, 1)
	go func() { stopped <- r.Stop() }()
	eventually(t, "readiness falls", func(ctx context.Context) error {
		if isReady(ctx, r) {
			return errors.New("it is ready")
		}
		return nil
	})
	// The listener is still open: a load balancer that has not noticed yet does no harm.
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(r.ReceiverURL, "http://"))
	if err != nil {
		t.Errorf("when readiness has fallen the listener is closed: %v", err)
	} else {
		_ = conn.Close()
	}
	eventually(t, "the listener closes", func(ctx context.Context) error {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", strings.TrimPrefix(r.ReceiverURL, "http://"))
		if err == nil {
			_ = conn.Close()
			return errors.New("it is open")
		}
		return nil
	})
	resumed()
	wg.Wait()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	waitFolded(t)
}

func TestLeadershipIsHandedOver(t *testing.T) {
	const leaseDuration = 15 * time.Second
	e := newEndpoint(t)
	if err := deployment.controllers.Stop(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { restart(t, deployment.controllers) })
	leader := newProcess(t, "leader", deployment.asControllers, "--receiver=false", "--leader-elect")
	id, body := newAsset()
	e.mustDeliver(t, body)
	e.waitState(t, id, "Created")
	newProcess(t, "successor", deployment.asControllers, "--receiver=false", "--leader-elect")

	begun := time.Now()
	if err := leader.Stop(); err != nil {
		t.Error(err)
	}
	id, body = newAsset()
	e.mustDeliver(t, body)
	e.waitState(t, id, "Created")
	took := time.Since(begun)
	t.Logf("%v from SIGTERM to the leader until its successor had mirrored an event; a lease lasts %v", took.Round(10*time.Millisecond), leaseDuration)
	if took > leaseDuration/2 {
		t.Errorf("a hand-over took %v, as if the lease had to run out", took)
	}
}
