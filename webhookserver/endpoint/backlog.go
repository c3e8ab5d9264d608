package endpoint

import (
	"sync"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/clock"
)

const (
	// maxClockSkew bounds the age of a count when the receiver observes it first. The controllers publish a count well under a second after
	// they made it. A count that seems older was made by a clock that is late; it would never cover what this receiver committed.
	maxClockSkew = 5 * time.Second
	// maxCommitCounts bounds the memory that the commits since the last count take.
	maxCommitCounts = 128
)

// backlog counts the events of one endpoint that wait to be mirrored: what the controllers counted last, and what this receiver has
// committed since. The commits of other replicas appear with the next count.
type backlog struct {
	mu            sync.Mutex
	counted       int64             // pending, as the controllers counted
	failed        int64             // failed, as the controllers counted
	countTime     *metav1.MicroTime // when the controllers counted
	commits       []commitCount     // what this receiver has committed since, oldest first
	committedHere int64             // sum of commits
	total         *atomic.Int64     // of all endpoints; nil once the endpoint is deleted
	tenant        *atomic.Int64     // of the endpoints of the namespace; nil once the endpoint is deleted
}

// commitCount is how many events were committed in about one second.
type commitCount struct {
	first, last time.Time
	events      int64
}

// observe reads the count that the controllers published, if it is a new one.
func (b *backlog) observe(status *fastpixv1.WebhookEndpointStatus, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := b.counted + b.committedHere
	if at := status.PendingTime; at != nil && !at.Equal(b.countTime) {
		b.countTime = at
		b.dropBefore(clock.Latest(at.Time, now.Add(-maxClockSkew)))
	}
	b.counted, b.failed = status.PendingEvents, status.FailedEvents
	b.addToTotal(b.counted + b.committedHere - before)
}

// dropBefore drops the commits that a count made at that time covers.
func (b *backlog) dropBefore(counted time.Time) {
	for len(b.commits) > 0 && b.commits[0].last.Before(counted) {
		b.committedHere -= b.commits[0].events
		b.commits = b.commits[1:]
	}
}

// addCommitted counts events that were committed just now.
func (b *backlog) addCommitted(events int64, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.committedHere += events
	b.addToTotal(events)
	if n := len(b.commits); n > 0 && now.Sub(b.commits[n-1].first) < time.Second {
		b.commits[n-1].last = now
		b.commits[n-1].events += events
		return
	}
	b.commits = append(b.commits, commitCount{first: now, last: now, events: events})
	if len(b.commits) > maxCommitCounts { // no count for long: merge the two oldest; the sum counts longer than needed, never shorter
		b.commits[1].first = b.commits[0].first
		b.commits[1].events += b.commits[0].events
		b.commits = b.commits[1:]
	}
}

// waiting returns how many events of the endpoint wait to be mirrored or failed to be mirrored.
func (b *backlog) waiting() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.counted + b.failed + b.committedHere
}

// drop takes the endpoint out of the totals for good.
func (b *backlog) drop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.addToTotal(-b.counted - b.committedHere)
	b.total, b.tenant = nil, nil
}

func (b *backlog) addToTotal(events int64) {
	if b.total != nil {
		b.total.Add(events)
		b.tenant.Add(events)
	}
}
