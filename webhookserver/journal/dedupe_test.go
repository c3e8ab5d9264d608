package journal

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/webhookserver/internal/receivertest"
)

func TestDedupeCacheDropsTheOldest(t *testing.T) {
	t.Parallel()
	m := NewDedupeCache(3, time.Now)
	of := func(i int) Digest { return sha256.Sum256(fmt.Append(nil, i)) }
	for i := range 10 {
		m.Add(of(i))
		m.Add(of(i))
	}
	for i := range 10 {
		if m.Has(of(i)) != (i >= 7) {
			t.Errorf("%d: got %v", i, m.Has(of(i)))
		}
	}
	if len(m.known) != 3 || len(m.ring) != 3 {
		t.Errorf("holds %d and %d entries, want 3", len(m.known), len(m.ring))
	}
}

// A mirror that was deleted by hand is made again by what FastPix delivers again: the memory must not stand in the way for long.
func TestDedupeCacheExpiresAfterAMinute(t *testing.T) {
	t.Parallel()
	now := time.Unix(1e9, 0)
	m := NewDedupeCache(3, func() time.Time { return now })
	d := Digest{1}
	m.Add(d)
	now = now.Add(dedupeLifetime - time.Second)
	if !m.Has(d) {
		t.Error("it is forgotten before a minute has passed")
	}
	now = now.Add(time.Second)
	if m.Has(d) {
		t.Error("it is known after a minute")
	}
	m.Add(d)
	if !m.Has(d) || len(m.ring) != 1 {
		t.Errorf("committed again, it is known: %v, in %d entries", m.Has(d), len(m.ring))
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
