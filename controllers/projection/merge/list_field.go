package merge

import (
	"slices"
	"strings"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// ListField is a list in a status of type S, which changes of type C set.
type ListField[S, C any] interface {
	// load reads the elements from a status.
	load(s *S)
	// Restore records which event set a part of the list. complete is called after the last part.
	Restore(p Path, by Event)
	complete()
	// Merge merges the change of one event.
	Merge(c *C, by Event)
	// Store writes the elements into a status, and their events into the origins.
	Store(s *S, o *Origins)
}

// TypedList is a ListField with elements of type T.
type TypedList[S, C, T any] struct {
	Name string
	In   func(*C) *record.ListChange[T]
	Out  func(*S) *[]T
	List List[T]
}

func (f *TypedList[S, C, T]) load(s *S) {
	values := *f.Out(s)
	schema := f.List.Schema
	f.List.elements = make([]element[T], 0, len(values)+1)
	sets := make([]Event, len(values)*len(schema.Attributes))
	for i := range values {
		var set []Event
		n := len(schema.Attributes)
		set, sets = sets[:n:n], sets[n:]
		f.List.elements = append(f.List.elements, element[T]{id: schema.ID(&values[i]), value: values[i], set: set})
	}
	byID := func(a, b element[T]) int { return strings.Compare(a.id, b.id) }
	if !slices.IsSortedFunc(f.List.elements, byID) {
		slices.SortStableFunc(f.List.elements, byID)
	}
}

// Restore implements ListField.
func (f *TypedList[S, C, T]) Restore(p Path, by Event) {
	l := &f.List
	switch {
	case p.Mark == MarkRemoved:
		l.removed = addMention(l.removed, Mention{ID: p.ID, By: by})
	case p.Mark == markFloor:
		l.floor = by
	case p.Mark == markCut:
		l.cut = by
	case p.ID == "":
		l.snapshot = by
	default:
		f.restoreElement(p, by)
	}
}

func (f *TypedList[S, C, T]) restoreElement(p Path, by Event) {
	i, ok := f.List.find(p.ID)
	if !ok {
		return
	}
	if p.Attribute == "" {
		f.List.elements[i].newest = by
		return
	}
	for j := range f.List.Schema.Attributes {
		if f.List.Schema.Attributes[j].name == p.Attribute {
			f.List.elements[i].set[j] = by
		}
	}
}

// complete adds what provenance omits: an element without an event comes from the snapshot, and an attribute without an event comes from the event of
// its element.
func (f *TypedList[S, C, T]) complete() {
	for i := range f.List.elements {
		e := &f.List.elements[i]
		if e.newest.isZero() {
			e.newest = f.List.snapshot
		}
		for j, a := range f.List.Schema.Attributes {
			switch {
			case !a.carried(&e.value):
				e.set[j] = Event{}
			case e.set[j].isZero():
				e.set[j] = e.newest
			}
		}
	}
}

// Merge implements ListField.
func (f *TypedList[S, C, T]) Merge(c *C, by Event) { f.List.Merge(by, f.In(c)) }

// Store implements ListField.
func (f *TypedList[S, C, T]) Store(s *S, o *Origins) {
	l := &f.List
	o.Add(l.snapshot, f.Name)
	if !l.floor.isZero() {
		o.Add(l.floor, string(markFloor)+f.Name)
	}
	if !l.cut.isZero() {
		o.Add(l.cut, string(markCut)+f.Name)
	}
	for _, m := range l.removed {
		o.Add(m.By, string(MarkRemoved)+f.Name+"["+m.ID+"]")
	}
	var values []T
	for i := range l.elements {
		values = append(values, l.elements[i].value)
		f.storeElement(&l.elements[i], o)
	}
	*f.Out(s) = values
}

func (f *TypedList[S, C, T]) storeElement(e *element[T], o *Origins) {
	if e.newest != f.List.snapshot {
		o.Add(e.newest, f.Name+"["+e.id+"]")
	}
	for j, a := range f.List.Schema.Attributes {
		if a.carried(&e.value) && e.set[j] != e.newest {
			o.Add(e.set[j], f.Name+"["+e.id+"]."+a.name)
		}
	}
}
