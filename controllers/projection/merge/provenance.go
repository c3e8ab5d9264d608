package merge

import (
	"slices"
	"strings"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

// The marks before a list's name in provenance.
const (
	MarkRemoved = '-' // an element that an event removed
	markFloor   = '^' // the newest event that was forgotten because the list was too long
	markCut     = '~' // the newest event whose own list was too long
)

// origin says which event set a field.
type origin struct {
	by    Event
	field string
}

// Origins collects them while a status is written.
type Origins []origin

func (o *Origins) Add(by Event, field string) {
	if !by.isZero() {
		*o = append(*o, origin{by: by, field: field})
	}
}

// Provenance groups fields by the event that set them, the newest event first.
func (o Origins) provenance() []fastpixv1.Provenance {
	slices.SortFunc(o, func(a, b origin) int {
		if c := compareFully(b.by, a.by); c != 0 {
			return c
		}
		return strings.Compare(a.field, b.field)
	})
	var out []fastpixv1.Provenance
	fields := make([]string, len(o))
	for i := 0; i < len(o); {
		from := i
		for ; i < len(o) && o[i].by == o[from].by; i++ {
			fields[i] = o[i].field
		}
		out = append(out, fastpixv1.Provenance{EventReference: o[from].by.reference(), Fields: fields[from:i:i]})
	}
	return out
}

// Path is the name of a list's field in provenance, taken apart: list, list[id] or list[id].attribute, with a mark before it
// or none.
type Path struct {
	Mark      byte
	list      string
	ID        string
	Attribute string
}

// parsePath takes a field's name apart. Ids may hold anything, attributes and lists only letters.
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

// Truncated reports whether something of a list is missing.
func Truncated(provenance []fastpixv1.Provenance) bool {
	for i := range provenance {
		for _, field := range provenance[i].Fields {
			if field != "" && (field[0] == markFloor || field[0] == markCut) {
				return true
			}
		}
	}
	return false
}
