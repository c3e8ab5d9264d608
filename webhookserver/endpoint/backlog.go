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
	// maxClockSkew is how old a count of the controllers may seem when it is first seen: it takes well under a second to be
	// published, so an older one is another clock's, and would never cover what was committed here.
	maxClockSkew = 5 * time.Second
	// maxTallies bounds the memory of what was committed since the last count.
	maxTallies = 128
)

// backlog is how many events of one endpoint wait to be mirrored: what the controllers counted last, and what this receiver
// committed since. Other receivers' commits appear with the next count.
type backlog struct {
	mu      sync.Mutex
	counted int64             // pending, as the controllers counted
	failed  int64             // failed, as the controllers counted
	at      *metav1.MicroTime // when they did
	since   []tally           // what was committed here since, oldest first
	own     int64             // sum of since
	total   *atomic.Int64     // of all endpoints, nil once the endpoint is gone
	tenant  *atomic.Int64     // of those of the namespace, nil with total
}

// tally is how many events were committed in about one second.
type tally struct {
	first, last time.Time
	events      int64
}

// observe takes over what the controllers published, if it is news.
func (b *backlog) observe(status *fastpixv1.WebhookEndpointStatus, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := b.counted + b.own
	if at := status.PendingTime; at != nil && !at.Equal(b.at) {
		b.at = at
		b.forgetBefore(clock.Latest(at.Time, now.Add(-maxClockSkew)))
	}
	b.counted, b.failed = status.PendingEvents, status.FailedEvents
	b.addToTotal(b.counted + b.own - before)
}

// forgetBefore drops what a count at that time covers.
func (b *backlog) forgetBefore(counted time.Time) {
	for len(b.since) > 0 && b.since[0].last.Before(counted) {
		b.own -= b.since[0].events
		b.since = b.since[1:]
	}
}

// committed notes events that are in the journal now.
func (b *backlog) committed(events int64, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.own += events
	b.addToTotal(events)
	if n := len(b.since); n > 0 && now.Sub(b.since[n-1].first) < time.Second {
		b.since[n-1].last = now
		b.since[n-1].events += events
		return
	}
	b.since = append(b.since, tally{first: now, last: now, events: events})
	if len(b.since) > maxTallies { // no count for long: the two oldest count as one, longer than they must, never shorter
		b.since[1].first = b.since[0].first
		b.since[1].events += b.since[0].events
		b.since = b.since[1:]
	}
}

// waiting is how many events of the endpoint wait to be mirrored or failed to be.
func (b *backlog) waiting() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.counted + b.failed + b.own
}

// drop takes the endpoint out of the totals, for good.
func (b *backlog) drop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.addToTotal(-b.counted - b.own)
	b.total, b.tenant = nil, nil
}

func (b *backlog) addToTotal(events int64) {
	if b.total != nil {
		b.total.Add(events)
		b.tenant.Add(events)
	}
}
