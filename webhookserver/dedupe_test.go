package webhookserver

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/webhookserver/internal/receivertest"
)

func TestMemoryForgetsTheOldest(t *testing.T) {
	t.Parallel()
	m := newMemory(3, time.Now)
	of := func(i int) digest { return sha256.Sum256(fmt.Append(nil, i)) }
	for i := range 10 {
		m.add(of(i))
		m.add(of(i))
	}
	for i := range 10 {
		if m.has(of(i)) != (i >= 7) {
			t.Errorf("%d: got %v", i, m.has(of(i)))
		}
	}
	if len(m.known) != 3 || len(m.ring) != 3 {
		t.Errorf("holds %d and %d entries, want 3", len(m.known), len(m.ring))
	}
}

// A mirror that was deleted by hand is made again by what FastPix delivers again: the memory must not stand in the way for long.
func TestMemoryForgetsAfterAMinute(t *testing.T) {
	t.Parallel()
	now := time.Unix(1e9, 0)
	m := newMemory(3, func() time.Time { return now })
	d := digest{1}
	m.add(d)
	now = now.Add(rememberedFor - time.Second)
	if !m.has(d) {
		t.Error("it is forgotten before a minute has passed")
	}
	now = now.Add(time.Second)
	if m.has(d) {
		t.Error("it is known after a minute")
	}
	m.add(d)
	if !m.has(d) || len(m.ring) != 1 {
		t.Errorf("committed again, it is known: %v, in %d entries", m.has(d), len(m.ring))
	}
}

func TestDigestTellsApartWhatDiffers(t *testing.T) {
	t.Parallel()
	e := receivertest.Endpoint()
	other := receivertest.Endpoint(func(e *fastpixv1.WebhookEndpoint) { e.UID = "uid-2" })
	omit := receivertest.Endpoint(func(e *fastpixv1.WebhookEndpoint) { e.Spec.MetadataPolicy = fastpixv1.MetadataOmit })
	seen := map[digest]bool{}
	for _, d := range []digest{
		digestOf(e, "a", []byte("b")), digestOf(e, "a", []byte("c")), digestOf(e, "b", []byte("b")),
		digestOf(other, "a", []byte("b")), digestOf(omit, "a", []byte("b")),
	} {
		if seen[d] {
			t.Error("two deliveries have one digest")
		}
		seen[d] = true
	}
	if !seen[digestOf(receivertest.Endpoint(), "a", []byte("b"))] {
		t.Error("one delivery has two digests")
	}
}
