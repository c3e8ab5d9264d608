package previous

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/fastpix-operator/fastpix-operator/test/chaos/oracle"
	"github.com/fastpix-operator/fastpix-operator/test/chaos/workload"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
)

const (
	senders   = 6
	pace      = 200 * time.Millisecond // the pause of each sender between two events
	histories = 20                     // media and streams that change at the same time
	retryWait = 100 * time.Millisecond
)

// load sends the events of many media and streams, each until it is acknowledged, to receivers that may change.
type load struct {
	receivers func() []string // their URLs
	tenant    *workload.Tenant
	oracle    *oracle.Oracle

	mu        sync.Mutex
	random    *rand.Rand
	generator *workload.Generator
	queue     []*workload.Event
	answers   map[int]int // since the last step, by status code; 0 is no answer
	last      time.Time   // of the last acknowledgement
	gap       time.Duration
}

func newLoad(t *testing.T, seed uint64, to *workload.Tenant, receivers func() []string) *load {
	t.Helper()
	scenarios, err := workload.LoadScenarios()
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(seed, 0))
	return &load{
		receivers: receivers, tenant: to, oracle: oracle.New(), random: random, answers: map[int]int{},
		generator: workload.NewGenerator(random, []*workload.Tenant{to}, scenarios, histories),
	}
}

// start starts the senders. stop ends them when everything that they took is acknowledged.
func (l *load) start(t *testing.T) (stop func()) {
	t.Helper()
	l.step()
	ending := make(chan struct{})
	var wg sync.WaitGroup
	for range senders {
		wg.Go(func() {
			client := &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for {
				select {
				case <-ending:
					return
				case <-time.After(pace):
				}
				if err := l.deliver(t.Context(), client, l.next()); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	return func() {
		close(ending)
		wg.Wait()
	}
}

// deliverCanary delivers one event about a media that has no other.
func (l *load) deliverCanary(t *testing.T) {
	t.Helper()
	l.mu.Lock()
	e, _ := workload.Canary(l.random, l.tenant)
	l.mu.Unlock()
	if err := l.deliver(t.Context(), http.DefaultClient, e); err != nil {
		t.Fatal(err)
	}
}

// next takes an event.
func (l *load) next() *workload.Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.queue) == 0 {
		l.queue = l.generator.Next()
	}
	e := l.queue[0]
	l.queue = l.queue[1:]
	return e
}

// deliver sends an event to one receiver after the other until it is acknowledged.
func (l *load) deliver(ctx context.Context, client *http.Client, e *workload.Event) error {
	endpoint := framework.Endpoint{Namespace: e.Tenant.Namespace}
	for begun := time.Now(); time.Since(begun) < 2*time.Minute; time.Sleep(retryWait) {
		urls := l.receivers()
		answer, err := endpoint.PostOnce(ctx, client, urls[l.intN(len(urls))], e.Body)
		if l.note(answer.Code, err) {
			l.oracle.Record(e)
			return nil
		}
	}
	return fmt.Errorf("event %s was not acknowledged for two minutes", e.ID)
}

func (l *load) intN(n int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.random.IntN(n)
}

// note counts an answer, and reports whether it acknowledges the event.
func (l *load) note(code int, err error) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		code = 0
	}
	l.answers[code]++
	if code != http.StatusOK {
		return false
	}
	now := time.Now()
	l.gap, l.last = max(l.gap, now.Sub(l.last)), now
	return true
}

// step returns the answers and the longest time without an acknowledgement since the last call.
func (l *load) step() (acknowledged int, answers map[int]int, gap time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	answers, gap = l.answers, max(l.gap, time.Since(l.last))
	l.answers, l.gap, l.last = map[int]int{}, 0, time.Now()
	acknowledged = answers[http.StatusOK]
	delete(answers, http.StatusOK)
	return acknowledged, answers, gap
}
