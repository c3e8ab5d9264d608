package merge

import (
	"slices"
	"strings"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// Schema says what a list knows about its elements.
type Schema[T any] struct {
	// ID returns an element's id.
	ID func(*T) string
	// Bare returns an element of which nothing but the id is known.
	Bare func(id string) T
	// Fit returns a copy of an element that shares nothing with it, cut to the limits.
	Fit func(T) T
	// Attributes are what events tell about an element beside that it is there.
	Attributes []Attribute[T]
}

// Attribute is one register of an element. Its zero value says nothing.
type Attribute[T any] struct {
	name    string
	carried func(*T) bool
	Copy    func(to, from *T)
	clear   func(*T)
	// Supersedes is the rule of registers.
	supersedes func(by, held Event, value, old *T) bool
}

// NewAttribute makes an attribute of the field that at points to.
func NewAttribute[T any, V comparable](name string, at func(*T) *V) Attribute[T] {
	var none V
	return Attribute[T]{
		name:    name,
		carried: func(e *T) bool { return *at(e) != none },
		Copy:    func(to, from *T) { *at(to) = *at(from) },
		clear:   func(e *T) { *at(e) = none },
		supersedes: func(by, held Event, value, old *T) bool {
			return Supersedes(by, held, *at(value), *at(old))
		},
	}
}

// element is an element of a list and the events that tell of it.
type element[T any] struct {
	id     string
	value  T
	newest Event   // the newest event that says that it is there
	set    []Event // which event set which attribute
}

// Mention is an id and the newest event that says something of it.
type Mention struct {
	ID string
	By Event
}

// List is a list whose elements have ids. The newest snapshot is the ground that it stands on: whatever is older is dead,
// whoever it is about. What is as old as the snapshot, its own elements among it, is alive unless it was removed; a
// removal kills what is as old as itself or older. Both only ever rise, and so does an attribute's newest event: that
// is why the order of events cannot matter.
type List[T any] struct {
	Schema   *Schema[T]
	snapshot Event        // the newest full list
	floor    Event        // the newest event that was forgotten for want of room
	cut      Event        // the newest event whose own list was cut
	elements []element[T] // by id
	removed  []Mention    // by id; none older than the snapshot
}

// Merge adds what one event tells about the list.
//
// What is not above the floor is not looked at, whether its element is known or not: part of what happened until then is
// forgotten, and looking again would let a redelivery bring something back.
func (l *List[T]) Merge(by Event, c *record.ListChange[T]) {
	if c.IsZero() {
		return
	}
	if c.Truncated {
		l.cut = later(l.cut, by)
	}
	if !l.floor.isZero() && compare(by, l.floor) <= 0 {
		return
	}
	if slices.ContainsFunc(c.Snapshot, l.usable) {
		l.reset(by)
	}
	for _, e := range c.Snapshot {
		l.add(by, e)
	}
	for _, e := range c.Set {
		l.add(by, e)
	}
	for _, id := range c.Remove {
		l.remove(by, id)
	}
	l.trim()
}

func (l *List[T]) usable(e T) bool { return record.UsableID(l.Schema.ID(&e)) }

// reset makes by the newest snapshot if it is, and drops what is older.
func (l *List[T]) reset(by Event) {
	if compareFully(by, l.snapshot) <= 0 {
		return
	}
	l.snapshot = by
	l.elements = slices.DeleteFunc(l.elements, func(e element[T]) bool { return compare(e.newest, by) < 0 })
	for i := range l.elements {
		l.elements[i].forget(l.Schema, func(set Event) bool { return compare(set, by) < 0 })
	}
	l.removed = slices.DeleteFunc(l.removed, func(m Mention) bool { return compare(m.By, by) < 0 })
}

// forget clears the attributes that dead events set.
func (e *element[T]) forget(s *Schema[T], dead func(Event) bool) {
	for i, a := range s.Attributes {
		if a.carried(&e.value) && dead(e.set[i]) {
			a.clear(&e.value)
			e.set[i] = Event{}
		}
	}
}

// Add says that an element is there, with the attributes it carries.
func (l *List[T]) add(by Event, e T) {
	if !l.usable(e) || compare(by, l.snapshot) < 0 {
		return
	}
	id := l.Schema.ID(&e)
	if i, ok := FindMention(l.removed, id); ok && compare(by, l.removed[i].By) <= 0 {
		return
	}
	at := l.element(id)
	at.newest = later(at.newest, by)
	e = l.Schema.Fit(e)
	for i, a := range l.Schema.Attributes {
		if a.carried(&e) && a.supersedes(by, at.set[i], &e, &at.value) {
			a.Copy(&at.value, &e)
			at.set[i] = by
		}
	}
}

// find returns where the element with an id is or would be.
func (l *List[T]) find(id string) (int, bool) {
	return slices.BinarySearchFunc(l.elements, id, func(e element[T], id string) int { return strings.Compare(e.id, id) })
}

// element returns the element with an id, a new one if there is none.
func (l *List[T]) element(id string) *element[T] {
	i, ok := l.find(id)
	if !ok {
		l.elements = slices.Insert(l.elements, i, element[T]{id: id, value: l.Schema.Bare(id), set: make([]Event, len(l.Schema.Attributes))})
	}
	return &l.elements[i]
}

// remove says that an element is not there.
func (l *List[T]) remove(by Event, id string) {
	if !record.UsableID(id) || compare(by, l.snapshot) < 0 {
		return
	}
	l.removed = addMention(l.removed, Mention{ID: id, By: by})
	i, ok := l.find(id)
	switch {
	case !ok:
	case compare(l.elements[i].newest, by) <= 0:
		l.elements = slices.Delete(l.elements, i, i+1)
	default:
		l.elements[i].forget(l.Schema, func(set Event) bool { return compare(set, by) <= 0 })
	}
}

// trim forgets the oldest elements and removals beyond the bounds, and raises the floor to them.
func (l *List[T]) trim() {
	for len(l.elements) > MaxElements {
		i := oldest(l.elements, func(e element[T]) Event { return e.newest })
		l.floor = later(l.floor, l.elements[i].newest)
		l.elements = slices.Delete(l.elements, i, i+1)
	}
	for len(l.removed) > MaxTombstones {
		i := oldest(l.removed, func(m Mention) Event { return m.By })
		l.floor = later(l.floor, l.removed[i].By)
		l.removed = slices.Delete(l.removed, i, i+1)
	}
}

// oldest returns the position of the oldest, the first by id of several.
func oldest[E any](all []E, by func(E) Event) int {
	first := 0
	for i := range all {
		if compareFully(by(all[i]), by(all[first])) < 0 {
			first = i
		}
	}
	return first
}

func FindMention(mentions []Mention, id string) (int, bool) {
	return slices.BinarySearchFunc(mentions, id, func(m Mention, id string) int { return strings.Compare(m.ID, id) })
}

// addMention keeps, of a new mention and the one of the same id, the greater.
func addMention(mentions []Mention, m Mention) []Mention {
	i, ok := FindMention(mentions, m.ID)
	if !ok {
		return slices.Insert(mentions, i, m)
	}
	if compareFully(m.By, mentions[i].By) > 0 {
		mentions[i] = m
	}
	return mentions
}
