package journal

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/receivertest"
)

func TestDedupeCacheDropsTheOldest(t *testing.T) {
	t.Parallel()
	cache := NewDedupeCache(3, time.Now)
	of := func(i int) Digest { return sha256.Sum256(fmt.Append(nil, i)) }
	for i := range 10 {
		cache.Add(of(i))
		cache.Add(of(i))
	}
	for i := range 10 {
		if cache.Has(of(i)) != (i >= 7) {
			t.Errorf("%d: got %v", i, cache.Has(of(i)))
		}
	}
	if len(cache.committed) != 3 || len(cache.ring) != 3 {
		t.Errorf("holds %d and %d entries, want 3", len(cache.committed), len(cache.ring))
	}
}

// After a user deletes a mirror, a delivery that FastPix sends again creates a new one. The cache must not prevent that for long.
func TestDedupeCacheExpiresAfterAMinute(t *testing.T) {
	t.Parallel()
	now := time.Unix(1e9, 0)
	cache := NewDedupeCache(3, func() time.Time { return now })
	d := Digest{1}
	cache.Add(d)
	now = now.Add(dedupeLifetime - time.Second)
	if !cache.Has(d) {
		t.Error("the delivery is dropped before a minute has passed")
	}
	now = now.Add(time.Second)
	if cache.Has(d) {
		t.Error("the delivery is still in the cache after a minute")
	}
	cache.Add(d)
	if !cache.Has(d) || len(cache.ring) != 1 {
		t.Errorf("committed again, it is in the cache: %v, in %d entries", cache.Has(d), len(cache.ring))
	}
}

func TestDifferentDeliveriesHaveDifferentDigests(t *testing.T) {
	t.Parallel()
	e := receivertest.Endpoint()
	other := receivertest.Endpoint(func(e *fastpixv1.WebhookEndpoint) { e.UID = "uid-2" })
	omit := receivertest.Endpoint(func(e *fastpixv1.WebhookEndpoint) { e.Spec.MetadataPolicy = fastpixv1.MetadataOmit })
	seen := map[Digest]bool{}
	for _, d := range []Digest{
		DigestOf(e, "a", []byte("b")), DigestOf(e, "a", []byte("c")), DigestOf(e, "b", []byte("b")),
		DigestOf(other, "a", []byte("b")), DigestOf(omit, "a", []byte("b")),
	} {
		if seen[d] {
			t.Error("two deliveries have one digest")
		}
		seen[d] = true
	}
	if !seen[DigestOf(receivertest.Endpoint(), "a", []byte("b"))] {
		t.Error("one delivery has two digests")
	}
}
