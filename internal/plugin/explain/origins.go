package explain

import (
	"strings"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/mirror"
)

// The words of provenance that are no fields. They come from comparisons with FastPix's management API.
const (
	wordMissing  = "missing"
	wordObserved = "observedState="
	wordHidden   = "hiddenState="
)

// origin is a field as provenance names it, and the event that set it.
type origin struct {
	field string
	by    mirror.Event
}

// origins are the origins of a mirror's fields, the newest event first.
type origins []origin

func originsOf(provenance []fastpixv1.ProvenanceLine) origins {
	var all origins
	for _, line := range provenance {
		reference, fields := line.Event()
		for _, field := range fields {
			all = append(all, origin{field, mirror.EventOf(reference)})
		}
	}
	return all
}

// of returns the event that set a field; nil if provenance does not name the field.
func (o origins) of(field string) *mirror.Event {
	for i := range o {
		if o[i].field == field {
			return &o[i].by
		}
	}
	return nil
}

// below returns the origins of what is in a field: the parts of a struct, or the elements of a list.
func (o origins) below(field string) origins {
	var found origins
	for _, one := range o {
		if strings.HasPrefix(one.field, field+".") || strings.HasPrefix(one.field, field+"[") {
			found = append(found, one)
		}
	}
	return found
}

// word returns the value of a word and the event that set it; nil if provenance does not have the word.
func (o origins) word(word string) (value string, by *mirror.Event) {
	for i := range o {
		if rest, found := strings.CutPrefix(o[i].field, word); found {
			return rest, &o[i].by
		}
	}
	return "", nil
}
