package merge

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

// recent holds the newest events of an object, newest first.
type recent []Event

func recentOf(lines []fastpixv1.EventLine) recent {
	r := make(recent, 0, maxRecent+1)
	for _, line := range lines {
		r = r.with(eventOfReference(new(line.Event())))
	}
	return r
}

func (r recent) with(e Event) recent {
	i, known := slices.BinarySearchFunc(r, e, func(a, b Event) int { return compareFully(b, a) })
	if known || e.isZero() {
		return r
	}
	r = slices.Insert(r, i, e)
	return r[:min(len(r), maxRecent)]
}

// lines returns the events as lines of a status, and the newest one.
func (r recent) lines() ([]fastpixv1.EventLine, *fastpixv1.EventReference) {
	if len(r) == 0 {
		return nil, nil
	}
	out := make([]fastpixv1.EventLine, len(r))
	for i := range r {
		out[i] = fastpixv1.NewEventLine(new(r[i].reference()))
	}
	return out, new(r[0].reference())
}

// NewestEventTime returns the newest credible time of the recent events of a status; nil if no event has one.
func NewestEventTime(recent []fastpixv1.EventLine) *metav1.MicroTime {
	var newest *metav1.MicroTime
	for _, line := range recent {
		if e := line.Event(); e.Time != nil && !e.Untimed && (newest == nil || newest.Before(e.Time)) {
			newest = e.Time
		}
	}
	return newest
}
