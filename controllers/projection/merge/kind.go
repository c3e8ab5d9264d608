package merge

import (
	"slices"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// Kind describes how changes of type C are merged into a status of type S.
type Kind[S, C any] struct {
	Registers []Register[S, C]
	// Lists returns a new, empty list for every field that is a list, by its name.
	Lists func() map[string]ListField[S, C]
	// Words are the names of the words that the kind uses, beside those of this package.
	Words []string
	// index finds a register by name.
	index map[string]int
	// Copy returns a deep copy.
	Copy func(*S) *S
	// LastEvent, RecentEvents and Provenance point to the fields of a status.
	LastEvent    func(*S) **fastpixv1.EventReference
	RecentEvents func(*S) *[]fastpixv1.EventLine
	Provenance   func(*S) *[]fastpixv1.ProvenanceLine
}

// Fold is an open status: its registers and lists, each with the events that set it.
type Fold[S, C any] struct {
	kind   *Kind[S, C]
	Status *S
	set    []Event // by register
	words  map[string]Word
	lists  map[string]ListField[S, C]
	recent recent
}

// NewKind returns the kind with its index of registers and the words of this package.
func NewKind[S, C any](k Kind[S, C]) *Kind[S, C] {
	k.index = make(map[string]int, len(k.Registers))
	for i, r := range k.Registers {
		k.index[r.Name] = i
	}
	k.Words = append(slices.Clone(k.Words), missingWord)
	return &k
}

// Open opens a copy of a status for merging.
func (k *Kind[S, C]) Open(status S) *Fold[S, C] {
	provenance := *k.Provenance(&status)
	*k.Provenance(&status) = nil // Close creates it again, so it is not copied
	f := &Fold[S, C]{
		kind:   k,
		Status: k.Copy(&status),
		set:    make([]Event, len(k.Registers)),
		lists:  k.Lists(),
		recent: recentOf(*k.RecentEvents(&status)),
	}
	for _, l := range f.lists {
		l.load(f.Status)
	}
	for _, line := range provenance {
		e, fields := line.Event()
		by := eventOfReference(&e)
		for _, name := range fields {
			f.restore(name, by)
		}
	}
	for _, l := range f.lists {
		l.complete()
	}
	return f
}

// restore records that an event set the field with that name in provenance.
func (f *Fold[S, C]) restore(name string, by Event) {
	if i, ok := f.kind.index[name]; ok {
		f.set[i] = by
		return
	}
	if f.restoreWord(name, by) {
		return
	}
	p := parsePath(name)
	if l, ok := f.lists[p.list]; ok {
		l.Restore(p, by)
	}
}

// Merge merges the change of one event.
func (f *Fold[S, C]) Merge(by Event, c *C) {
	if by.isZero() {
		return
	}
	f.recent = f.recent.with(by)
	if record.IsMissing(by.Type) {
		f.mergeMissing(by)
		return
	}
	for i := range f.kind.Registers {
		if f.kind.Registers[i].Merge(f.Status, c, by, f.set[i]) {
			f.set[i] = by
		}
	}
	for _, l := range f.lists {
		l.Merge(c, by)
	}
}

// SetBy returns the event that set a register.
func (f *Fold[S, C]) SetBy(name string) Event { return f.set[f.kind.index[name]] }

// Attribute records that an event set a register. The caller sets the field.
func (f *Fold[S, C]) Attribute(name string, by Event) { f.set[f.kind.index[name]] = by }

// ClearAfterDeletion clears the registers that a deletion on the platform clears. It runs after every fold of a deleted object. No event replaces a
// deletion, so the result does not depend on the order of events.
func (f *Fold[S, C]) ClearAfterDeletion() { f.clearIf(func(Event) bool { return true }) }

// clearIf clears the registers that a deletion clears if the event that set them fulfils a condition.
func (f *Fold[S, C]) clearIf(condition func(set Event) bool) {
	for i := range f.kind.Registers {
		if r := &f.kind.Registers[i]; r.clearedByDeletion && !f.set[i].isZero() && condition(f.set[i]) {
			r.clear(f.Status)
			f.set[i] = Event{}
		}
	}
}

// ClearCustomerText clears the customer's own text. It keeps the event that set the text: if the policy allows text again, a redelivery of an older
// event must not replace what a newer event said.
func (f *Fold[S, C]) ClearCustomerText() {
	for i := range f.kind.Registers {
		if r := &f.kind.Registers[i]; r.customerText && !f.set[i].isZero() {
			r.clear(f.Status)
		}
	}
}

// Close writes the registers, lists and provenance into the status.
func (f *Fold[S, C]) Close() {
	o := make(Origins, 0, len(f.set)+16)
	for i, by := range f.set {
		o.Add(by, f.kind.Registers[i].Name)
	}
	f.storeWords(&o)
	for _, l := range f.lists {
		l.Store(f.Status, &o)
	}
	*f.kind.Provenance(f.Status) = o.provenance()
	*f.kind.RecentEvents(f.Status), *f.kind.LastEvent(f.Status) = f.recent.lines()
}
