package controllers

import (
	"testing"
)

// These tests protect the first promise where the fold keeps its memory: a record that arrives while its object is being folded stays
// pending, and a batch ends only when all of its records are done.

func TestRecordsThatArriveDuringAFoldStayPending(t *testing.T) {
	t.Parallel()
	l := newLedger()
	first, second := &batch{name: "b1", uid: "1"}, &batch{name: "b2", uid: "2"}
	entryOf := func(b *batch, id string) entry {
		return entry{record: event("e-"+b.name, "video.media.ready", 1, media(id, "Ready")), batch: b}
	}
	if keys := l.add(first, []entry{entryOf(first, "m1"), entryOf(first, "m2")}); len(keys) != 2 {
		t.Fatalf("got keys %v", keys)
	}
	folding := l.peek(assetKey("m1"))
	if keys := l.add(second, []entry{entryOf(second, "m1")}); len(keys) != 0 {
		t.Errorf("an object that is folded already is queued again: %v", keys)
	}
	if finished := l.resolve(assetKey("m1"), len(folding), nil); len(finished) != 0 {
		t.Errorf("a batch with an open record is finished")
	}
	if left := l.peek(assetKey("m1")); len(left) != 1 || left[0].batch != second {
		t.Fatalf("what arrived meanwhile is lost: %v", left)
	}
	if finished := l.resolve(assetKey("m1"), 1, nil); len(finished) != 1 || finished[0] != second {
		t.Errorf("got %v", finished)
	}
	if finished := l.resolve(assetKey("m2"), 1, nil); len(finished) != 1 || finished[0] != first {
		t.Errorf("got %v", finished)
	}
	for _, name := range []string{"m1", "m2"} {
		if left := l.peek(assetKey(name)); len(left) > 0 {
			t.Errorf("%s still has %v", name, left)
		}
	}
}
