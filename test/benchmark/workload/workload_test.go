package workload

import (
	"slices"
	"testing"
)

func TestSameSeedMakesTheSameIDsInTheSameOrder(t *testing.T) {
	t.Parallel()
	ids := func() []string {
		w := New(7)
		b := w.Disturb(w.Lifecycles(Tenant{Namespace: "n"}, Lifecycle, 4000))
		var ids []string
		for _, r := range b.Requests {
			ids = append(ids, string(replaceable.Find(r)))
		}
		return ids
	}
	one, two := ids(), ids()
	if !slices.Equal(one, two) {
		t.Error("two bursts of one seed differ")
	}
	if len(one) != 4400 {
		t.Errorf("%d deliveries of 4000 events, one in ten twice", len(one))
	}
}

func TestExpectationIsTheNewestEvent(t *testing.T) {
	t.Parallel()
	w := New(1)
	b := w.Lifecycles(Tenant{Namespace: "n"}, Lifecycle, 40)
	if len(b.Want) != 10 {
		t.Fatalf("%d assets from 40 events", len(b.Want))
	}
	for name, x := range b.Want {
		if x.events != 4 || x.state != "Ready" {
			t.Errorf("asset %s is expected to be %+v", name, x)
		}
	}
}
