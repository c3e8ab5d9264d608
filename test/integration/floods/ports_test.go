package floods

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/uuid"

	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/flood"
	"github.com/fastpix-operator/fastpix-operator/test/framework/process"
)

// These tests protect the deployed processes from being killed for their memory: clients without credentials, on any port, cannot make a process
// exceed its limit in config, and clients with credentials get their answers meanwhile.

const (
	// deployedLimit is the memory limit of every Deployment.
	deployedLimit = 256 << 20
	// floodMemory is what a process may need in any flood, in MiB.
	floodMemory = 192
	// floodAnswer is how long 99 in 100 genuine requests may take in a flood, and floodSlowdown how often as long as without one: attackers,
	// API server and whatever else runs share the machine, and one of the two must hold.
	floodAnswer   = 3 * time.Second
	floodSlowdown = 20
)

// floodTime returns how long each shape attacks each port. FLOOD_TIME=1m is the long form. The default is not to be shortened: only in two seconds
// do handshakes show a limiter that evicts nothing.
func floodTime(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("FLOOD_TIME")
	if text == "" {
		return 2 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestFloodsOfEveryPort attacks every port of a receiver with every shape, within the deployed memory limit.
func TestFloodsOfEveryPort(t *testing.T) {
	for _, kind := range []string{"plain", "tls"} {
		t.Run(kind, func(t *testing.T) {
			e, length := framework.NewEndpoint(t), floodTime(t)
			group, err := process.NewMemoryGroup("fastpix-flood-"+e.Namespace, deployedLimit)
			if err != nil {
				t.Skipf("this machine does not let the test limit memory: %v", err)
			}
			t.Cleanup(func() {
				if err := group.Remove(); err != nil {
					t.Error(err)
				}
			})
			r := framework.StartReceiverIn(t, kind, group)
			ports := portsOf(r, e)
			if kind == "tls" {
				ports = ports[:1] // the others are the same
			}
			r.DeliverFor(t.Context(), e, 200*time.Millisecond) // opens connections, reads the Secret
			bar := max(floodAnswer, floodSlowdown*r.DeliverFor(t.Context(), e, time.Second).P99)
			for _, p := range ports {
				for _, s := range flood.Shapes() {
					if p.Takes(s) {
						t.Run(p.Name+"/"+s.Name, func(t *testing.T) {
							surviveFlood(t, r, e, group, length, bar, func(ctx context.Context) flood.Counts { return flood.Run(ctx, p, s) })
						})
					}
				}
			}
			t.Run("everything at once", func(t *testing.T) {
				surviveFlood(t, r, e, group, 2*length, bar, func(ctx context.Context) flood.Counts { return flood.RunAll(ctx, portsOf(r, e)) })
			})
		})
	}
	framework.WaitJournalEmpty(t)
}

// portsOf returns the ports of a receiver.
func portsOf(r *framework.Receiver, e framework.Endpoint) []flood.Port {
	return []flood.Port{
		{Name: "webhooks", Address: r.Address, TLS: r.TLS != nil, Path: e.Path()},
		{Name: "probes", Address: strings.TrimPrefix(r.ProbeURL, "http://"), Path: "/readyz"},
		{Name: "metrics", Address: strings.TrimPrefix(r.MetricsURL, "https://"), TLS: true, Path: "/metrics"},
	}
}

// surviveFlood has a flood last while events are delivered, probes asked and metrics scraped, of which 99 in 100 are answered within the bar.
func surviveFlood(
	t *testing.T, r *framework.Receiver, e framework.Endpoint, group *process.MemoryGroup, length, bar time.Duration, run func(context.Context) flood.Counts,
) {
	t.Helper()
	if !r.Running() { // an earlier flood had it killed; each has a verdict of its own
		if err := r.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.DeliverFor(t.Context(), e, 200*time.Millisecond)
	}
	if err := process.ResetPeak(r.PID()); err != nil {
		t.Fatal(err)
	}
	before, _ := process.Memory(r.PID())
	ctx, stop := context.WithTimeout(t.Context(), length)
	defer stop()
	var wg sync.WaitGroup
	var counts flood.Counts
	var probes, scrapes, fresh asked
	wg.Go(func() { counts = run(ctx) })
	wg.Go(func() {
		probes = ask(ctx, 100*time.Millisecond, func(ctx context.Context) error { return probe(ctx, r) })
	})
	wg.Go(func() {
		scrapes = ask(ctx, 250*time.Millisecond, func(ctx context.Context) error { return scrapeAll(ctx, r) })
	})
	wg.Go(func() {
		fresh = ask(ctx, 20*time.Millisecond, func(ctx context.Context) error { return deliverAfresh(ctx, r, e) })
	})
	kept := r.DeliverFor(t.Context(), e, length)
	wg.Wait()
	_, peak := process.Memory(r.PID())
	t.Logf("%s: %d connections, %d failed; memory %.0f, at most %.0f of 256 MiB; deliveries %.0f/s p99 %v, on new connections %s; probes %s; scrapes %s",
		t.Name(), counts.Connections, counts.Failed, before, peak, kept.PerSecond, kept.P99.Round(time.Millisecond), fresh, probes, scrapes)
	if !r.Running() {
		kills, err := group.Kills()
		t.Fatalf("the receiver ended; the kernel has killed %d for want of memory (%v)", kills, err)
	}
	if peak > floodMemory {
		t.Errorf("the receiver held %.0f MiB", peak)
	}
	if len(kept.Answers) != 1 || kept.Answers[http.StatusOK] == 0 || kept.P99 > bar {
		t.Errorf("deliveries are answered %v, p99 %v", kept.Answers, kept.P99)
	}
	for what, a := range map[string]asked{"deliveries on new connections": fresh, "probes": probes, "scrapes": scrapes} {
		if len(a.failed) > 0 || len(a.took) == 0 || a.p99() > bar {
			t.Errorf("%s: %s, %v", what, a, errors.Join(a.failed...))
		}
	}
}

// asked is what became of requests that were made one after the other.
type asked struct {
	took   []time.Duration
	failed []error
}

func (a asked) p99() time.Duration {
	if len(a.took) == 0 {
		return 0
	}
	slices.Sort(a.took)
	return a.took[len(a.took)*99/100]
}

func (a asked) String() string {
	return fmt.Sprintf("%d, %d failed, p99 %v", len(a.took), len(a.failed), a.p99().Round(time.Millisecond))
}

// ask asks again and again until the context ends.
func ask(ctx context.Context, pause time.Duration, question func(context.Context) error) (a asked) {
	for ctx.Err() == nil {
		began := time.Now()
		if err := question(context.WithoutCancel(ctx)); err != nil {
			a.failed = append(a.failed, err)
		}
		a.took = append(a.took, time.Since(began))
		time.Sleep(pause)
	}
	return a
}

// probe asks as the kubelet does: on a new connection, which has to answer soon.
func probe(ctx context.Context, r *framework.Receiver) error {
	return getOnce(ctx, r.ProbeURL+"/readyz", "")
}

func scrapeAll(ctx context.Context, r *framework.Receiver) error {
	return getOnce(ctx, r.MetricsURL+"/metrics", framework.Deployed.Config().BearerToken)
}

func getOnce(ctx context.Context, url, token string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %s", resp.Status)
	}
	return nil
}

// deliverAfresh delivers an event on a connection of its own.
func deliverAfresh(ctx context.Context, r *framework.Receiver, e framework.Endpoint) error {
	client := r.Client()
	defer client.CloseIdleConnections()
	if code := r.Send(ctx, client, e, framework.NewEvent(string(uuid.NewUUID()))); code != http.StatusOK {
		return fmt.Errorf("answer %d", code)
	}
	return nil
}
