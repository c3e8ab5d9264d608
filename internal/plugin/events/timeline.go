package events

import (
	"slices"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/mirror"
)

// Entry is one event of a time line.
type Entry struct {
	mirror.Event `json:",inline"`
	// Fields are the fields whose present value the event set, as provenance names them.
	Fields []string `json:"fields,omitempty"`
}

// timeLine returns the events that a mirror still knows, the oldest first: the newest ten, and older ones that set a present value.
func timeLine(m *mirror.Mirror) []Entry {
	var entries []Entry
	known := map[fastpixv1.EventLine]int{}
	add := func(r fastpixv1.EventReference, fields []string) {
		line := fastpixv1.NewEventLine(&r)
		i, ok := known[line]
		if !ok {
			i = len(entries)
			known[line] = i
			entries = append(entries, Entry{Event: mirror.EventOf(r)})
		}
		entries[i].Fields = append(entries[i].Fields, fields...)
	}
	for _, line := range m.Recent {
		add(line.Event(), nil)
	}
	for _, line := range m.Provenance {
		add(line.Event())
	}
	slices.SortStableFunc(entries, func(a, b Entry) int {
		if a.Untimed != b.Untimed { // an event without a credible time loses to all others
			if a.Untimed {
				return -1
			}
			return 1
		}
		return a.Time.Compare(b.Time)
	})
	return entries
}

// news returns the entries that were not shown before, and remembers them.
func news(entries []Entry, shown map[string]bool) []Entry {
	var fresh []Entry
	for _, e := range entries {
		key := e.When() + " " + e.Type + " " + e.ID
		if !shown[key] {
			shown[key] = true
			fresh = append(fresh, e)
		}
	}
	return fresh
}
