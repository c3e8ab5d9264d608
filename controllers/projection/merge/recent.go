package merge

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

// recent holds the newest events of an object, newest first.
type recent []Event

func recentOf(references []fastpixv1.EventReference) recent {
	r := make(recent, 0, maxRecent+1)
	for i := range references {
		r = r.with(eventOfReference(&references[i]))
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

// references returns the events as references in a status, and the newest one.
func (r recent) references() ([]fastpixv1.EventReference, *fastpixv1.EventReference) {
	if len(r) == 0 {
		return nil, nil
	}
	out := make([]fastpixv1.EventReference, len(r))
	for i := range r {
		out[i] = r[i].reference()
	}
	return out, new(r[0].reference())
}

// NewestEventTime returns the newest credible time of the recent events of a status; nil if no event has one.
func NewestEventTime(recent []fastpixv1.EventReference) *metav1.MicroTime {
	var newest *metav1.MicroTime
	for i := range recent {
		at := recent[i].Time
		if at != nil && !recent[i].Untimed && (newest == nil || newest.Before(at)) {
			newest = at
		}
	}
	return newest.DeepCopy()
}
