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

// refusalLog tells of refused deliveries at a bounded rate: one line for each endpoint and reason, with a count. A line holds
// the endpoint, which exists, and words of this package: nothing that a sender could make up.
type refusalLog struct {
	log logr.Logger

	mu     sync.Mutex
	counts map[refusal]int
	more   int // refusals beyond maxRefusals lines
}

type refusal struct {
	endpoint string
	reason   result
	detail   string
}

func newRefusalLog(log logr.Logger) *refusalLog {
	return &refusalLog{log: log, counts: map[refusal]int{}}
}

// add counts one refusal, to be told with the next lines.
func (l *refusalLog) add(r refusal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.counts[r]; !ok && len(l.counts) >= maxRefusals {
		l.more++
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

// NeedLeaderElection is false: every replica tells what it refused.
func (*refusalLog) NeedLeaderElection() bool { return false }

func (l *refusalLog) flush() {
	l.mu.Lock()
	counts, more := l.counts, l.more
	l.counts, l.more = map[refusal]int{}, 0
	l.mu.Unlock()

	lines := make([]refusal, 0, len(counts))
	for r := range counts {
		lines = append(lines, r)
	}
	slices.SortFunc(lines, func(a, b refusal) int {
		return cmp.Or(strings.Compare(a.endpoint, b.endpoint), cmp.Compare(a.reason, b.reason), strings.Compare(a.detail, b.detail))
	})
	for _, r := range lines {
		l.log.Info("Deliveries refused", "WebhookEndpoint", r.endpoint, "reason", r.reason, "detail", r.detail,
			"status", r.reason.status(), "count", counts[r])
	}
	if more > 0 {
		l.log.Info("Deliveries refused for further endpoints and reasons", "count", more)
	}
}

// Write makes the log a place for what net/http tells about broken connections. The text is dropped, because it quotes the sender.
func (l *refusalLog) Write(text []byte) (int, error) {
	l.add(refusal{reason: resultIncomplete, detail: "connection"})
	return len(text), nil
}
