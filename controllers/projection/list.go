package projection

import (
	"slices"
	"strings"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// schema says what a list knows about its elements.
type schema[T any] struct {
	// id returns an element's id.
	id func(*T) string
	// bare returns an element of which nothing but the id is known.
	bare func(id string) T
	// fit returns a copy of an element that shares nothing with it, cut to the limits.
	fit func(T) T
	// attributes are what events tell about an element beside that it is there.
	attributes []attribute[T]
}

// attribute is one register of an element. Its zero value says nothing.
type attribute[T any] struct {
	name    string
	carried func(*T) bool
	copy    func(to, from *T)
	clear   func(*T)
	// supersedes is the rule of registers.
	supersedes func(by, held event, value, old *T) bool
}

// newAttribute makes an attribute of the field that at points to.
func newAttribute[T any, V comparable](name string, at func(*T) *V) attribute[T] {
	var none V
	return attribute[T]{
		name:    name,
		carried: func(e *T) bool { return *at(e) != none },
		copy:    func(to, from *T) { *at(to) = *at(from) },
		clear:   func(e *T) { *at(e) = none },
		supersedes: func(by, held event, value, old *T) bool {
			return supersedes(by, held, *at(value), *at(old))
		},
	}
}

// element is an element of a list and the events that tell of it.
type element[T any] struct {
	id     string
	value  T
	newest event   // the newest event that says that it is there
	set    []event // which event set which attribute
}

// mention is an id and the newest event that says something of it.
type mention struct {
	id string
	by event
}

// list is a list whose elements have ids. The newest snapshot is the ground that it stands on: whatever is older is dead,
// whoever it is about. What is as old as the snapshot, its own elements among it, is alive unless it was removed; a
// removal kills what is as old as itself or older. Both only ever rise, and so does an attribute's newest event: that
// is why the order of events cannot matter.
type list[T any] struct {
	schema   *schema[T]
	snapshot event        // the newest full list
	floor    event        // the newest event that was forgotten for want of room
	cut      event        // the newest event whose own list was cut
	elements []element[T] // by id
	removed  []mention    // by id; none older than the snapshot
}

// merge adds what one event tells about the list.
//
// What is not above the floor is not looked at, whether its element is known or not: part of what happened until then is
// forgotten, and looking again would let a redelivery bring something back.
func (l *list[T]) merge(by event, c *record.ListChange[T]) {
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

func (l *list[T]) usable(e T) bool { return record.UsableID(l.schema.id(&e)) }

// reset makes by the newest snapshot if it is, and drops what is older.
func (l *list[T]) reset(by event) {
	if compareFully(by, l.snapshot) <= 0 {
		return
	}
	l.snapshot = by
	l.elements = slices.DeleteFunc(l.elements, func(e element[T]) bool { return compare(e.newest, by) < 0 })
	for i := range l.elements {
		l.elements[i].forget(l.schema, func(set event) bool { return compare(set, by) < 0 })
	}
	l.removed = slices.DeleteFunc(l.removed, func(m mention) bool { return compare(m.by, by) < 0 })
}

// forget clears the attributes that dead events set.
func (e *element[T]) forget(s *schema[T], dead func(event) bool) {
	for i, a := range s.attributes {
		if a.carried(&e.value) && dead(e.set[i]) {
			a.clear(&e.value)
			e.set[i] = event{}
		}
	}
}

// add says that an element is there, with the attributes it carries.
func (l *list[T]) add(by event, e T) {
	if !l.usable(e) || compare(by, l.snapshot) < 0 {
		return
	}
	id := l.schema.id(&e)
	if i, ok := findMention(l.removed, id); ok && compare(by, l.removed[i].by) <= 0 {
		return
	}
	at := l.element(id)
	at.newest = later(at.newest, by)
	e = l.schema.fit(e)
	for i, a := range l.schema.attributes {
		if a.carried(&e) && a.supersedes(by, at.set[i], &e, &at.value) {
			a.copy(&at.value, &e)
			at.set[i] = by
		}
	}
}

// find returns where the element with an id is or would be.
func (l *list[T]) find(id string) (int, bool) {
	return slices.BinarySearchFunc(l.elements, id, func(e element[T], id string) int { return strings.Compare(e.id, id) })
}

// element returns the element with an id, a new one if there is none.
func (l *list[T]) element(id string) *element[T] {
	i, ok := l.find(id)
	if !ok {
		l.elements = slices.Insert(l.elements, i, element[T]{id: id, value: l.schema.bare(id), set: make([]event, len(l.schema.attributes))})
	}
	return &l.elements[i]
}

// remove says that an element is not there.
func (l *list[T]) remove(by event, id string) {
	if !record.UsableID(id) || compare(by, l.snapshot) < 0 {
		return
	}
	l.removed = note(l.removed, mention{id: id, by: by})
	i, ok := l.find(id)
	switch {
	case !ok:
	case compare(l.elements[i].newest, by) <= 0:
		l.elements = slices.Delete(l.elements, i, i+1)
	default:
		l.elements[i].forget(l.schema, func(set event) bool { return compare(set, by) <= 0 })
	}
}

// trim forgets the oldest elements and removals beyond the bounds, and raises the floor to them.
func (l *list[T]) trim() {
	for len(l.elements) > maxElements {
		i := oldest(l.elements, func(e element[T]) event { return e.newest })
		l.floor = later(l.floor, l.elements[i].newest)
		l.elements = slices.Delete(l.elements, i, i+1)
	}
	for len(l.removed) > maxTombstones {
		i := oldest(l.removed, func(m mention) event { return m.by })
		l.floor = later(l.floor, l.removed[i].by)
		l.removed = slices.Delete(l.removed, i, i+1)
	}
}

// oldest returns the position of the oldest, the first by id of several.
func oldest[E any](all []E, by func(E) event) int {
	first := 0
	for i := range all {
		if compareFully(by(all[i]), by(all[first])) < 0 {
			first = i
		}
	}
	return first
}

func findMention(mentions []mention, id string) (int, bool) {
	return slices.BinarySearchFunc(mentions, id, func(m mention, id string) int { return strings.Compare(m.id, id) })
}

// note keeps, of a new mention and the one of the same id, the greater.
func note(mentions []mention, m mention) []mention {
	i, ok := findMention(mentions, m.id)
	if !ok {
		return slices.Insert(mentions, i, m)
	}
	if compareFully(m.by, mentions[i].by) > 0 {
		mentions[i] = m
	}
	return mentions
}
