package merge

import (
	"slices"
	"strings"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// Schema describes the elements of a list.
type Schema[T any] struct {
	// ID returns an element's id.
	ID func(*T) string
	// Bare returns an element that has only an id.
	Bare func(id string) T
	// Fit returns a deep copy of an element, cut to the limits.
	Fit func(T) T
	// InSnapshot returns an element of a full list without the attributes that say nothing there; nil if every attribute says something. A full
	// list clears all older attributes of its elements, so an attribute that it omits is the same as its default.
	InSnapshot func(T) T
	// Attributes are the fields of an element beside its id.
	Attributes []Attribute[T]
}

// Attribute is one register of an element. An event does not carry an attribute that has the zero value.
type Attribute[T any] struct {
	name    string
	carried func(*T) bool
	// Copy copies the attribute from one element to another.
	Copy  func(to, from *T)
	clear func(*T)
	// supersedes is the rule of Supersedes for this attribute.
	supersedes func(by, held Event, value, old *T) bool
}

// NewAttribute returns the attribute of the field that at points to.
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

// element is an element of a list, with the events that set it.
type element[T any] struct {
	id     string
	value  T
	newest Event   // the newest event that holds the element
	set    []Event // the event that set each attribute
}

// Mention is an id and the newest event that mentions it.
type Mention struct {
	ID string
	By Event
}

// List is a list whose elements have ids.
//
// An event older than the newest snapshot (the last full list) has no effect, whichever element it is about. An element that is as old as the
// snapshot, or newer, is in the list unless it was removed. A removal removes elements that are as old as itself or older. The newest snapshot, the
// newest removal of an id and the newest event of an attribute can only increase. So the result does not depend on the order of events.
type List[T any] struct {
	Schema   *Schema[T]
	snapshot Event        // the newest full list
	floor    Event        // the newest event that was dropped because the list was full
	cut      Event        // the newest event whose own list was cut
	elements []element[T] // by id
	removed  []Mention    // by id; none older than the snapshot
}

// Merge merges the change of one event.
//
// It ignores an event that is not newer than the floor, whichever element the event is about: events up to the floor were partly dropped, and a
// redelivery could restore an element that was removed.
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
		if l.Schema.InSnapshot != nil {
			e = l.Schema.InSnapshot(e)
		}
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

// reset sets the newest snapshot to by if by is newer, and drops what is older.
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

// forget clears the attributes that outdated events set.
func (e *element[T]) forget(s *Schema[T], isOutdated func(Event) bool) {
	for i, a := range s.Attributes {
		if a.carried(&e.value) && isOutdated(e.set[i]) {
			a.clear(&e.value)
			e.set[i] = Event{}
		}
	}
}

// add adds an element of an event, with the attributes that it carries.
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

// find returns the position of the element with an id, and whether it exists.
func (l *List[T]) find(id string) (int, bool) {
	return slices.BinarySearchFunc(l.elements, id, func(e element[T], id string) int { return strings.Compare(e.id, id) })
}

// element returns the element with an id, and adds it if the list does not hold it.
func (l *List[T]) element(id string) *element[T] {
	i, ok := l.find(id)
	if !ok {
		l.elements = slices.Insert(l.elements, i, element[T]{id: id, value: l.Schema.Bare(id), set: make([]Event, len(l.Schema.Attributes))})
	}
	return &l.elements[i]
}

// remove removes an element.
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

// trim drops the oldest elements and removals beyond the bounds, and raises the floor to them.
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

// oldest returns the position of the oldest element; the first one by id of several.
func oldest[E any](all []E, by func(E) Event) int {
	first := 0
	for i := range all {
		if compareFully(by(all[i]), by(all[first])) < 0 {
			first = i
		}
	}
	return first
}

// FindMention returns the position of the mention of an id, and whether it exists. The mentions are sorted by id.
func FindMention(mentions []Mention, id string) (int, bool) {
	return slices.BinarySearchFunc(mentions, id, func(m Mention, id string) int { return strings.Compare(m.ID, id) })
}

// addMention adds a mention, or keeps the greater one of two mentions of the same id.
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
