package projection

import (
	"slices"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// targetStates are the types of events that tell a simulcast target's state, and the state; none for a target that is gone.
var targetStates = func() map[string]string {
	states := map[string]string{}
	for _, t := range record.Catalogue() {
		if t.Family == record.FamilySimulcast && (t.PartState != "" || t.RemovesPart) {
			states[t.Name] = t.PartState
		}
	}
	return states
}()

// targets is the list of a stream's simulcast targets. A target's state is in no snapshot, so that neither snapshots nor
// removals may touch it: it is a register of its own for every id, also for one that is not in the list (any more). The
// event's type is the value, so that it needs no room but provenance.
type targets struct {
	field[fastpixv1.LiveStreamStatus, record.StreamChange, fastpixv1.SimulcastTarget]
	states []mention // by id
}

func (t *targets) place(p part, by event) {
	if p.mark == 0 && p.attribute == "state" {
		t.note(mention{id: p.id, by: by})
		return
	}
	t.field.place(p, by)
}

func (t *targets) merge(c *record.StreamChange, by event) {
	t.field.merge(c, by)
	if _, tells := targetStates[by.typ]; !tells {
		return
	}
	for _, target := range c.SimulcastTargets.Set {
		t.note(mention{id: target.ID, by: by})
	}
	for _, id := range c.SimulcastTargets.Remove {
		t.note(mention{id: id, by: by})
	}
	for len(t.states) > maxElements {
		i := 0
		for j := range t.states {
			if supersedesState(t.states[i].by, t.states[j].by) {
				i = j
			}
		}
		t.states = slices.Delete(t.states, i, i+1)
	}
}

func (t *targets) note(m mention) {
	if !record.UsableID(m.id) {
		return
	}
	i, ok := findMention(t.states, m.id)
	switch {
	case !ok:
		t.states = slices.Insert(t.states, i, m)
	case supersedesState(m.by, t.states[i].by):
		t.states[i] = m
	}
}

// supersedesState is the rule of registers. It also says which states are forgotten for want of room: by any other order a
// state could be replaced and become older by it, and a redelivery would bring back what it had pushed out.
func supersedesState(by, held event) bool {
	return supersedes(by, held, targetStates[by.typ], targetStates[held.typ])
}

func (t *targets) store(s *fastpixv1.LiveStreamStatus, o *origins) {
	t.field.store(s, o)
	for i := range s.SimulcastTargets {
		target := &s.SimulcastTargets[i]
		target.State = ""
		if j, ok := findMention(t.states, target.ID); ok {
			target.State = targetStates[t.states[j].by.typ]
		}
	}
	for _, m := range t.states {
		o.add(m.by, t.name+"["+m.id+"].state")
	}
}
