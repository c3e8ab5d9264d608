package upgrade

import (
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

	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
)

// These tests protect roll-outs: a process that is asked to end answers what it accepted, load balancers send nothing to it once it is not ready,
// and its successor continues at once.

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
	b.ready[i].Store(framework.IsReady(ctx, b.receivers[i]))
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

func TestRollingRestartFailsNoDelivery(t *testing.T) {
	e := framework.NewEndpoint(t)
	var receivers []*controlplane.Operator
	for i := range 3 {
		receivers = append(receivers, framework.NewReceiver(t, fmt.Sprintf("rolled-%d", i+1), "--drain-delay=3s"))
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
				_, body := framework.NewAsset()
				got, err := e.PostOnce(t.Context(), client, url, body)
				if err != nil || got.Code != http.StatusOK {
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
		framework.Eventually(t, "the balancer knows that a receiver is back", func(context.Context) error {
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
	framework.WaitJournalEmpty(t)
}

func TestSIGTERMUnderLoadAnswersAcceptedDeliveries(t *testing.T) {
	e := framework.NewEndpoint(t)
	r := framework.NewReceiver(t, "drained", "--drain-delay=1500ms")
	const deliveries = 64
	clients := make([]*http.Client, deliveries)
	for i := range clients { // each has a connection before it counts
		clients[i] = &http.Client{Transport: &http.Transport{}}
		_, body := framework.NewAsset()
		if got, err := e.PostOnce(t.Context(), clients[i], r.ReceiverURL, body); err != nil || got.Code != http.StatusOK {
			t.Fatalf("before it is asked to end: %+v, %v", got, err)
		}
	}
	if err := framework.CheckMetric(t.Context(), r, "fastpix_in_flight_deliveries", 0); err != nil { // by the way the API server says who may ask
		t.Fatal(err)
	}
	// Nothing is committed for a while: the deliveries wait when the receiver is asked to end, and when its listener closes.
	framework.Deployed.APIServer.Pause()
	resumed := sync.OnceFunc(framework.Deployed.APIServer.Resume)
	defer resumed()
	var wg sync.WaitGroup
	for _, c := range clients {
		wg.Go(func() {
			_, body := framework.NewAsset()
			got, err := e.PostOnce(t.Context(), c, r.ReceiverURL, body)
			if err != nil {
				t.Errorf("a delivery that was taken got no answer: %v", err)
			} else if !got.Closes {
				t.Error("an answer while draining does not ask to close the connection")
			}
		})
	}
	framework.Eventually(t, "all deliveries wait for the journal", func(ctx context.Context) error {
		return framework.CheckMetric(ctx, r, "fastpix_in_flight_deliveries", deliveries)
	})
	stopped := make(chan error, 1)
	go func() { stopped <- r.Stop() }()
	framework.Eventually(t, "readiness falls", func(ctx context.Context) error {
		if framework.IsReady(ctx, r) {
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
	framework.Eventually(t, "the listener closes", func(ctx context.Context) error {
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
	framework.WaitJournalEmpty(t)
}

func TestLeadershipIsHandedOver(t *testing.T) {
	const leaseDuration = 15 * time.Second
	e := framework.NewEndpoint(t)
	if err := framework.Deployed.Controllers.Stop(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { framework.EnsureRunning(t, framework.Deployed.Controllers) })
	leader := framework.NewProcess(t, "leader", framework.Deployed.AsControllers, "--receiver=false", "--syncer=false", "--leader-elect")
	id, body := framework.NewAsset()
	e.MustDeliver(t, body)
	e.WaitState(t, id, "Created")
	framework.NewProcess(t, "successor", framework.Deployed.AsControllers, "--receiver=false", "--syncer=false", "--leader-elect")

	begun := time.Now()
	if err := leader.Stop(); err != nil {
		t.Error(err)
	}
	id, body = framework.NewAsset()
	e.MustDeliver(t, body)
	e.WaitState(t, id, "Created")
	took := time.Since(begun)
	t.Logf("%v from SIGTERM to the leader until its successor had mirrored an event; a lease lasts %v", took.Round(10*time.Millisecond), leaseDuration)
	if took > leaseDuration-5*time.Second { // a leader renews its lease every two seconds: one that has to run out lasts 13 more
		t.Errorf("a hand-over took %v, as if the lease had to run out", took)
	}
}
