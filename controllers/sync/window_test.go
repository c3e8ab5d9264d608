// These tests protect what a run compares: a window gives back each record as it was added, and its memory is bounded.
package sync

import (
	"hash/maphash"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestWindowGivesBackWhatWasAdded(t *testing.T) {
	t.Parallel()
	w := newWindow(maphash.MakeSeed())
	for range 2 { // it is used again after a reset
		w.reset()
		names, texts := benchRecords(t, 150)
		for i := range names {
			if err := w.add(names[i], texts[i]); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.add(names[7], "a newer row"); err != nil {
			t.Fatal(err)
		}
		texts[7] = "a newer row"
		for i := range names {
			row := w.find(names[i])
			if row == nil {
				t.Fatalf("row %d is not found", i)
			}
			if got, err := w.unpack(row); err != nil || got != texts[i] {
				t.Fatalf("row %d is %q (%v), want %q", i, got, err, texts[i])
			}
		}
		if w.find("another name") != nil {
			t.Error("a row is found that was not added")
		}
		older := 0
		for i := range w.rows {
			if w.rows[i].matched {
				older++
			}
		}
		if older != 1 {
			t.Errorf("%d rows are marked as older ones of the same object, want 1", older)
		}
	}
}

// TestWindowTakesLittleMoreThanItsBound protects the memory of the syncer: a buffer that doubles would take twice as much.
func TestWindowTakesLittleMoreThanItsBound(t *testing.T) {
	t.Parallel()
	w := newWindow(maphash.MakeSeed())
	random := rand.New(rand.NewPCG(1, 2))
	for !w.isFull() {
		var text strings.Builder
		for range 2000 {
			text.WriteByte(byte(random.IntN(256)))
		}
		if err := w.add("name", text.String()); err != nil {
			t.Fatal(err)
		}
	}
	if limit := windowBytes * 13 / 10; cap(w.packed) > limit {
		t.Errorf("a full window of %d bytes takes %d", len(w.packed), cap(w.packed))
	}
}
