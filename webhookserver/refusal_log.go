package webhookserver

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
)

const (
	// refusalInterval is how often refusals are logged.
	refusalInterval = 10 * time.Second
	// maxRefusals bounds the lines of one interval.
	maxRefusals = 256
)

// refusalLog logs refused deliveries at a bounded rate: one line for each endpoint and reason, with a count. A line holds the name of an
// endpoint that exists and constants of this package, but no text of a sender.
type refusalLog struct {
	log logr.Logger

	mu      sync.Mutex
	counts  map[refusal]int
	omitted int // refusals beyond maxRefusals lines
}

type refusal struct {
	endpoint string
	reason   result
	detail   string
}

func newRefusalLog(log logr.Logger) *refusalLog {
	return &refusalLog{log: log, counts: map[refusal]int{}}
}

// add counts one refusal for the next lines.
func (l *refusalLog) add(r refusal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.counts[r]; !ok && len(l.counts) >= maxRefusals {
		l.omitted++
		return
	}
	l.counts[r]++
}

// Start logs until the context ends.
func (l *refusalLog) Start(ctx context.Context) error {
	ticker := time.NewTicker(refusalInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			l.flush()
		case <-ctx.Done():
			l.flush()
			return nil
		}
	}
}

// NeedLeaderElection returns false: every replica logs what it refused.
func (*refusalLog) NeedLeaderElection() bool { return false }

func (l *refusalLog) flush() {
	l.mu.Lock()
	counts, more := l.counts, l.omitted
	l.counts, l.omitted = map[refusal]int{}, 0
	l.mu.Unlock()

	lines := make([]refusal, 0, len(counts))
	for r := range counts {
		lines = append(lines, r)
	}
	slices.SortFunc(lines, func(a, b refusal) int {
		return cmp.Or(strings.Compare(a.endpoint, b.endpoint), cmp.Compare(a.reason, b.reason), strings.Compare(a.detail, b.detail))
	})
	for _, r := range lines {
		l.log.Info("Refused deliveries", "WebhookEndpoint", r.endpoint, "reason", r.reason, "detail", r.detail,
			"status", r.reason.status(), "count", counts[r])
	}
	if more > 0 {
		l.log.Info("Refused deliveries of further endpoints and reasons", "count", more)
	}
}

// Write counts what net/http logs about broken connections. It drops the text, because the text quotes the sender.
func (l *refusalLog) Write(text []byte) (int, error) {
	l.add(refusal{reason: resultIncomplete, detail: "connection"})
	return len(text), nil
}
