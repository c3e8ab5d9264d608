package merge

import (
	"cmp"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// Event is the part of an event that orders it among others. The zero value means no event, and is less than every event.
type Event struct {
	timed   bool // its time is credible
	hasTime bool
	micros  int64 // since 1970
	ID      string
	Type    string
}

// EventOf returns the event of a record.
func EventOf(r *record.Record) Event {
	return newEvent(r.ID, r.Type, r.Time, !r.Untimed)
}

func eventOfReference(r *fastpixv1.EventReference) Event {
	return newEvent(r.ID, r.Type, r.Time, !r.Untimed)
}

func newEvent(id, typ string, at *metav1.MicroTime, timed bool) Event {
	e := Event{timed: timed, ID: Cut(id, MaxID), Type: Cut(typ, maxType)}
	if at != nil && storable(at.Time) {
		e.hasTime, e.micros = true, at.UnixMicro()
	}
	return e
}

func (e Event) isZero() bool { return e.ID == "" }

// time returns when the event happened; nil if the event does not say.
func (e Event) time() *metav1.MicroTime {
	if !e.hasTime {
		return nil
	}
	return &metav1.MicroTime{Time: time.UnixMicro(e.micros).UTC()}
}

// BelievedTime returns when the event happened; nil if it has no credible time.
func (e Event) BelievedTime() *metav1.MicroTime {
	if !e.timed {
		return nil
	}
	return e.time()
}

func (e Event) reference() fastpixv1.EventReference {
	return fastpixv1.EventReference{ID: e.ID, Type: e.Type, Time: e.time(), Untimed: !e.timed}
}

// CompareTimes orders events by when they happened. Events without a time come first, then those with a time that is not credible.
func CompareTimes(a, b Event) int {
	switch {
	case a.timed != b.timed:
		return Order(a.timed)
	case a.hasTime != b.hasTime:
		return Order(a.hasTime)
	}
	return cmp.Compare(a.micros, b.micros)
}

// compare orders events by when they happened, then by id. Events that are equal here may still carry different values.
func compare(a, b Event) int {
	if c := CompareTimes(a, b); c != 0 {
		return c
	}
	return strings.Compare(a.ID, b.ID)
}

// compareFully is compare, and orders events with the same id and time by their type.
func compareFully(a, b Event) int {
	if c := compare(a, b); c != 0 {
		return c
	}
	return strings.Compare(a.Type, b.Type)
}

// later returns the greater of two events.
func later(a, b Event) Event {
	if compareFully(a, b) < 0 {
		return b
	}
	return a
}

// Order returns the result of a comparison of two values that differ.
func Order(aIsGreater bool) int {
	if aIsGreater {
		return 1
	}
	return -1
}
