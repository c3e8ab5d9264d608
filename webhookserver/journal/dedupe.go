package journal

import (
	"crypto/sha256"
	"sync"
	"time"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

// DedupeCacheSize bounds the memory of recent deliveries to about 6 MiB.
const DedupeCacheSize = 1 << 16

// dedupeLifetime outlasts a burst and a sender's first attempts. Longer would save little, and a delivery that comes again to a mirror
// which was deleted by hand should soon make a new one.
const dedupeLifetime = time.Minute

// Digest identifies one delivery to one endpoint.
type Digest [sha256.Size]byte

// DigestOf tells deliveries apart by endpoint, event id and body, and by what the endpoint does with customers' text: after that
// changed, a redelivery has something new to say.
func DigestOf(endpoint *fastpixv1.WebhookEndpoint, eventID string, body []byte) Digest {
	sum := sha256.Sum256(body)
	text := make([]byte, 0, 256)
	for _, part := range []string{string(endpoint.UID), string(endpoint.Spec.MetadataPolicy), eventID} {
		text = append(append(text, part...), 0)
	}
	return sha256.Sum256(append(text, sum[:]...))
}

// DedupeCache remembers what was committed lately, so that a duplicate need not be journaled again. It only ever saves work: what
// it has forgotten is journaled, and folding it changes nothing.
type DedupeCache struct {
	mu    sync.Mutex
	known map[Digest]time.Time // when they were committed
	ring  []Digest             // in order of arrival, from next on
	next  int
	limit int
	now   func() time.Time
}

// NewDedupeCache makes a cache of as many deliveries.
func NewDedupeCache(limit int, now func() time.Time) *DedupeCache {
	return &DedupeCache{known: map[Digest]time.Time{}, limit: limit, now: now}
}

// Has reports whether the delivery is known to be committed.
func (m *DedupeCache) Has(d Digest) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, ok := m.known[d]
	return ok && m.now().Sub(at) < dedupeLifetime
}

// Add remembers a delivery that is committed, and forgets the oldest if there are too many.
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
