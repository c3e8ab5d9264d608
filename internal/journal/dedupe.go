package journal

import (
	"crypto/sha256"
	"sync"
	"time"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

// DedupeCacheSize is the number of recent deliveries that a receiver remembers. They take about 6 MiB.
const DedupeCacheSize = 1 << 16

// dedupeLifetime outlasts a burst and the first retries of a sender. A longer time would save little. After a user deletes a mirror, a
// delivery that is sent again should soon create a new one.
const dedupeLifetime = time.Minute

// Digest identifies one delivery to one endpoint.
type Digest [sha256.Size]byte

// DigestOf returns the digest of a delivery: of the endpoint, the event ID, the body, and the metadata policy of the endpoint. After the
// policy has changed, a delivery that is sent again has a new result.
func DigestOf(endpoint *fastpixv1.WebhookEndpoint, eventID string, body []byte) Digest {
	sum := sha256.Sum256(body)
	text := make([]byte, 0, 256)
	for _, part := range []string{string(endpoint.UID), string(endpoint.Spec.MetadataPolicy), eventID} {
		text = append(append(text, part...), 0)
	}
	return sha256.Sum256(append(text, sum[:]...))
}

// DedupeCache holds the digests of recently committed deliveries, so that a duplicate is not appended to the journal again. It only saves
// work: appending a duplicate changes nothing.
type DedupeCache struct {
	mu        sync.Mutex
	committed map[Digest]time.Time // when each was committed
	ring      []Digest             // in order of arrival, starting at next
	next      int
	limit     int
	now       func() time.Time
}

// NewDedupeCache returns a cache of at most limit deliveries.
func NewDedupeCache(limit int, now func() time.Time) *DedupeCache {
	return &DedupeCache{committed: map[Digest]time.Time{}, limit: limit, now: now}
}

// Has reports whether the delivery was committed recently.
func (c *DedupeCache) Has(d Digest) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.committed[d]
	return ok && c.now().Sub(at) < dedupeLifetime
}

// Add adds a committed delivery. It drops the oldest one if there are more than the limit.
func (c *DedupeCache) Add(d Digest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, committed := c.committed[d]
	c.committed[d] = c.now()
	if committed {
		return
	}
	if len(c.ring) < c.limit {
		c.ring = append(c.ring, d)
		return
	}
	delete(c.committed, c.ring[c.next])
	c.ring[c.next] = d
	c.next = (c.next + 1) % c.limit
}
