package merge

import (
	"slices"
	"strings"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

// The marks before a list's name in provenance.
const (
	// MarkRemoved marks an element that an event removed.
	MarkRemoved = '-'
	// markFloor marks the newest event that was dropped because the list was full.
	markFloor = '^'
	// markCut marks the newest event whose own list was too long.
	markCut = '~'
)

// origin says which event set a field.
type origin struct {
	by    Event
	field string
}

// Origins collects the events that set the fields of a status.
type Origins []origin

// Add records that an event set a field. It ignores the zero event.
func (o *Origins) Add(by Event, field string) {
	if !by.isZero() {
		*o = append(*o, origin{by: by, field: field})
	}
}

// provenance groups the fields by the event that set them, the newest event first.
func (o Origins) provenance() []fastpixv1.ProvenanceLine {
	slices.SortFunc(o, func(a, b origin) int {
		if c := compareFully(b.by, a.by); c != 0 {
			return c
		}
		return strings.Compare(a.field, b.field)
	})
	var out []fastpixv1.ProvenanceLine
	fields := make([]string, len(o))
	for i := 0; i < len(o); {
		from := i
		for ; i < len(o) && o[i].by == o[from].by; i++ {
			fields[i] = o[i].field
		}
		out = append(out, fastpixv1.NewProvenanceLine(new(o[from].by.reference()), fields[from:i]))
	}
	return out
}

// Path is the parsed name of a list's part in provenance: list, list[id] or list[id].attribute, with or without a mark before it.
type Path struct {
	Mark      byte
	list      string
	ID        string
	Attribute string
}

// parsePath parses the name of a field. An id may hold any character; attributes and lists hold only letters.
func parsePath(field string) Path {
	var p Path
	if field != "" && strings.IndexByte("-^~", field[0]) >= 0 {
		p.Mark, field = field[0], field[1:]
	}
	open := strings.IndexByte(field, '[')
	if open < 0 {
		p.list = field
		return p
	}
	p.list, field = field[:open], field[open+1:]
	end := strings.LastIndexByte(field, ']')
	if end < 0 {
		return Path{}
	}
	p.ID, p.Attribute = field[:end], strings.TrimPrefix(field[end+1:], ".")
	return p
}

// Truncated reports whether a list is incomplete.
func Truncated(provenance []fastpixv1.ProvenanceLine) bool {
	for _, line := range provenance {
		_, fields := line.Event()
		for _, field := range fields {
			if field != "" && (field[0] == markFloor || field[0] == markCut) {
				return true
			}
		}
	}
	return false
}
