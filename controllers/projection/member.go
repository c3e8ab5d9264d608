package projection

import (
	"slices"
	"strings"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// member is a list as a field of statuses of type S, told about by changes of type C.
type member[S, C any] interface {
	// load takes the elements out of a status.
	load(s *S)
	// place says which event set a part of the list; complete is called after the last.
	place(p part, by event)
	complete()
	merge(c *C, by event)
	// store writes the elements into a status.
	store(s *S, o *origins)
}

// field is a member whose elements are of type T.
type field[S, C, T any] struct {
	name string
	in   func(*C) *record.ListChange[T]
	out  func(*S) *[]T
	list list[T]
}

func (f *field[S, C, T]) load(s *S) {
	values := *f.out(s)
	schema := f.list.schema
	f.list.elements = make([]element[T], 0, len(values)+1)
	sets := make([]event, len(values)*len(schema.attributes))
	for i := range values {
		var set []event
		n := len(schema.attributes)
		set, sets = sets[:n:n], sets[n:]
		f.list.elements = append(f.list.elements, element[T]{id: schema.id(&values[i]), value: values[i], set: set})
	}
	byID := func(a, b element[T]) int { return strings.Compare(a.id, b.id) }
	if !slices.IsSortedFunc(f.list.elements, byID) {
		slices.SortStableFunc(f.list.elements, byID)
	}
}

func (f *field[S, C, T]) place(p part, by event) {
	l := &f.list
	switch {
	case p.mark == markRemoved:
		l.removed = note(l.removed, mention{id: p.id, by: by})
	case p.mark == markFloor:
		l.floor = by
	case p.mark == markCut:
		l.cut = by
	case p.id == "":
		l.snapshot = by
	default:
		f.placeElement(p, by)
	}
}

func (f *field[S, C, T]) placeElement(p part, by event) {
	i, ok := f.list.find(p.id)
	if !ok {
		return
	}
	if p.attribute == "" {
		f.list.elements[i].newest = by
		return
	}
	for j := range f.list.schema.attributes {
		if f.list.schema.attributes[j].name == p.attribute {
			f.list.elements[i].set[j] = by
		}
	}
}

// complete fills in what provenance leaves out: an element that says nothing is from the snapshot, an attribute that says
// nothing is from the event of its element.
func (f *field[S, C, T]) complete() {
	for i := range f.list.elements {
		e := &f.list.elements[i]
		if e.newest.isZero() {
			e.newest = f.list.snapshot
		}
		for j, a := range f.list.schema.attributes {
			switch {
			case !a.carried(&e.value):
				e.set[j] = event{}
			case e.set[j].isZero():
				e.set[j] = e.newest
			}
		}
	}
}

func (f *field[S, C, T]) merge(c *C, by event) { f.list.merge(by, f.in(c)) }

func (f *field[S, C, T]) store(s *S, o *origins) {
	l := &f.list
	o.add(l.snapshot, f.name)
	if !l.floor.isZero() {
		o.add(l.floor, string(markFloor)+f.name)
	}
	if !l.cut.isZero() {
		o.add(l.cut, string(markCut)+f.name)
	}
	for _, m := range l.removed {
		o.add(m.by, string(markRemoved)+f.name+"["+m.id+"]")
	}
	var values []T
	for i := range l.elements {
		values = append(values, l.elements[i].value)
		f.storeElement(&l.elements[i], o)
	}
	*f.out(s) = values
}

func (f *field[S, C, T]) storeElement(e *element[T], o *origins) {
	if e.newest != f.list.snapshot {
		o.add(e.newest, f.name+"["+e.id+"]")
	}
	for j, a := range f.list.schema.attributes {
		if a.carried(&e.value) && e.set[j] != e.newest {
			o.add(e.set[j], f.name+"["+e.id+"]."+a.name)
		}
	}
}
