package projection

import (
	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

// kind says what the fold knows about statuses of type S and changes of type C.
type kind[S, C any] struct {
	registers []register[S, C]
	// lists returns a new, empty list for every field that is one, by its name.
	lists func() map[string]member[S, C]
	// index finds a register by name.
	index map[string]int
	copy  func(*S) *S
	// The others point to a status's own events and provenance.
	lastEvent    func(*S) **fastpixv1.EventReference
	recentEvents func(*S) *[]fastpixv1.EventReference
	provenance   func(*S) *[]fastpixv1.Provenance
}

// fold is a status taken apart: every register and list with the events that set it.
type fold[S, C any] struct {
	kind   *kind[S, C]
	status *S
	set    []event // by register
	lists  map[string]member[S, C]
	recent recent
}

// indexed fills in the index.
func indexed[S, C any](k kind[S, C]) *kind[S, C] {
	k.index = make(map[string]int, len(k.registers))
	for i, r := range k.registers {
		k.index[r.name] = i
	}
	return &k
}

// open takes a copy of a status apart.
func (k *kind[S, C]) open(status S) *fold[S, C] {
	provenance := *k.provenance(&status)
	*k.provenance(&status) = nil // it is made anew: no need to copy it
	f := &fold[S, C]{
		kind:   k,
		status: k.copy(&status),
		set:    make([]event, len(k.registers)),
		lists:  k.lists(),
		recent: recentOf(*k.recentEvents(&status)),
	}
	for _, l := range f.lists {
		l.load(f.status)
	}
	for i := range provenance {
		by := eventOfReference(&provenance[i].EventReference)
		for _, name := range provenance[i].Fields {
			f.place(name, by)
		}
	}
	for _, l := range f.lists {
		l.complete()
	}
	return f
}

func (f *fold[S, C]) place(name string, by event) {
	if i, ok := f.kind.index[name]; ok {
		f.set[i] = by
		return
	}
	p := parsePart(name)
	if l, ok := f.lists[p.list]; ok {
		l.place(p, by)
	}
}

// merge adds what one event tells.
func (f *fold[S, C]) merge(by event, c *C) {
	if by.isZero() {
		return
	}
	f.recent = f.recent.with(by)
	for i := range f.kind.registers {
		if f.kind.registers[i].merge(f.status, c, by, f.set[i]) {
			f.set[i] = by
		}
	}
	for _, l := range f.lists {
		l.merge(c, by)
	}
}

// setBy returns the event that set a register.
func (f *fold[S, C]) setBy(name string) event { return f.set[f.kind.index[name]] }

// forgetPersonal clears what must not outlive the object's deletion on the platform. That it is done after every fold, and
// that nothing undoes a deletion, makes it independent of the order of events.
func (f *fold[S, C]) forgetPersonal() {
	for i := range f.kind.registers {
		if r := &f.kind.registers[i]; r.personal && !f.set[i].isZero() {
			r.clear(f.status)
			f.set[i] = event{}
		}
	}
}

// forgetCustomers clears the customer's own text. Which event set it is still known: once the policy allows text again, an older event that
// comes again must not undo what a newer one said.
func (f *fold[S, C]) forgetCustomers() {
	for i := range f.kind.registers {
		if r := &f.kind.registers[i]; r.customers && !f.set[i].isZero() {
			r.clear(f.status)
		}
	}
}

// close puts the status together again.
func (f *fold[S, C]) close() {
	o := make(origins, 0, len(f.set)+16)
	for i, by := range f.set {
		o.add(by, f.kind.registers[i].name)
	}
	for _, l := range f.lists {
		l.store(f.status, &o)
	}
	*f.kind.provenance(f.status) = o.provenance()
	*f.kind.recentEvents(f.status), *f.kind.lastEvent(f.status) = f.recent.references()
}
