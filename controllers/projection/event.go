package projection

import (
	"cmp"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// event is what orders one event among others. Its zero value is less than every event, and stands for none.
type event struct {
	timed   bool // its time is believed
	hasTime bool
	micros  int64 // since 1970
	id      string
	typ     string
}

func eventOf(r *record.Record) event {
	return newEvent(r.ID, r.Type, r.Time, !r.Untimed)
}

func eventOfReference(r *fastpixv1.EventReference) event {
	return newEvent(r.ID, r.Type, r.Time, !r.Untimed)
}

func newEvent(id, typ string, at *metav1.MicroTime, timed bool) event {
	e := event{timed: timed, id: cut(id, maxID), typ: cut(typ, maxType)}
	if at != nil && storable(at.Time) {
		e.hasTime, e.micros = true, at.UnixMicro()
	}
	return e
}

func (e event) isZero() bool { return e.id == "" }

// time returns when the event happened; nil if it does not say.
func (e event) time() *metav1.MicroTime {
	if !e.hasTime {
		return nil
	}
	return &metav1.MicroTime{Time: time.UnixMicro(e.micros).UTC()}
}

// believedTime returns when the event happened; nil if that is not known.
func (e event) believedTime() *metav1.MicroTime {
	if !e.timed {
		return nil
	}
	return e.time()
}

func (e event) reference() fastpixv1.EventReference {
	return fastpixv1.EventReference{ID: e.id, Type: e.typ, Time: e.time(), Untimed: !e.timed}
}

// compareTimes orders events by when they happened: an untimed one comes before every timed one, one without any time first.
func compareTimes(a, b event) int {
	switch {
	case a.timed != b.timed:
		return order(a.timed)
	case a.hasTime != b.hasTime:
		return order(a.hasTime)
	}
	return cmp.Compare(a.micros, b.micros)
}

// compare orders events by when they happened, then by id. Events that are equal here may still carry different values.
func compare(a, b event) int {
	if c := compareTimes(a, b); c != 0 {
		return c
	}
	return strings.Compare(a.id, b.id)
}

// compareFully also tells events of different types apart that share id and time.
func compareFully(a, b event) int {
	if c := compare(a, b); c != 0 {
		return c
	}
	return strings.Compare(a.typ, b.typ)
}

// later returns the greater of two events.
func later(a, b event) event {
	if compareFully(a, b) < 0 {
		return b
	}
	return a
}

func order(aIsGreater bool) int {
	if aIsGreater {
		return 1
	}
	return -1
}
