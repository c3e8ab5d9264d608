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
	mu    sync.Mutex
	known map[Digest]time.Time // when each was committed
	ring  []Digest             // in order of arrival, starting at next
	next  int
	limit int
	now   func() time.Time
}

// NewDedupeCache returns a cache of at most limit deliveries.
func NewDedupeCache(limit int, now func() time.Time) *DedupeCache {
	return &DedupeCache{known: map[Digest]time.Time{}, limit: limit, now: now}
}

// Has reports whether the delivery was committed recently.
func (m *DedupeCache) Has(d Digest) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, ok := m.known[d]
	return ok && m.now().Sub(at) < dedupeLifetime
}

// Add adds a committed delivery. It drops the oldest one if there are more than the limit.
func (m *DedupeCache) Add(d Digest) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, known := m.known[d]
	m.known[d] = m.now()
	if known {
		return
	}
	if len(m.ring) < m.limit {
		m.ring = append(m.ring, d)
		return
	}
	delete(m.known, m.ring[m.next])
	m.ring[m.next] = d
	m.next = (m.next + 1) % m.limit
}
