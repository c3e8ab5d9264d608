package projection

import (
	"slices"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/projection/merge"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// targetStates maps the event types that set a simulcast target's state to that state. It is empty for a removed target.
var targetStates = func() map[string]string {
	states := map[string]string{}
	for _, t := range record.Catalogue() {
		if t.Family == record.FamilySimulcast && (t.PartState != "" || t.RemovesPart) {
			states[t.Name] = t.PartState
		}
	}
	return states
}()

// simulcastList is the list of a stream's simulcast targets. No snapshot holds a target's state, so neither snapshots nor removals change it: each id
// has a register of its own for the state, even if the list does not hold the id. The value of the register is the event's type, so the provenance
// stores it.
type simulcastList struct {
	merge.TypedList[fastpixv1.LiveStreamStatus, record.StreamChange, fastpixv1.SimulcastTarget]
	states []merge.Mention // by id
}

// Restore implements merge.ListField.
func (t *simulcastList) Restore(p merge.Path, by merge.Event) {
	if p.Mark == 0 && p.Attribute == "state" {
		t.record(merge.Mention{ID: p.ID, By: by})
		return
	}
	t.TypedList.Restore(p, by)
}

// Merge implements merge.ListField.
func (t *simulcastList) Merge(c *record.StreamChange, by merge.Event) {
	t.TypedList.Merge(c, by)
	if _, setsState := targetStates[by.Type]; !setsState {
		return
	}
	for _, target := range c.SimulcastTargets.Set {
		t.record(merge.Mention{ID: target.ID, By: by})
	}
	for _, id := range c.SimulcastTargets.Remove {
		t.record(merge.Mention{ID: id, By: by})
	}
	for len(t.states) > merge.MaxElements {
		i := 0
		for j := range t.states {
			if supersedesState(t.states[i].By, t.states[j].By) {
				i = j
			}
		}
		t.states = slices.Delete(t.states, i, i+1)
	}
}

// record keeps the greater one of a mention and the stored mention of the same id.
func (t *simulcastList) record(m merge.Mention) {
	if !record.UsableID(m.ID) {
		return
	}
	i, ok := merge.FindMention(t.states, m.ID)
	switch {
	case !ok:
		t.states = slices.Insert(t.states, i, m)
	case supersedesState(m.By, t.states[i].By):
		t.states[i] = m
	}
}

// supersedesState is the rule of registers. It also decides which states are dropped when the list is full. With another order, a replaced state
// could become older, and a redelivery would restore a state that was dropped.
func supersedesState(by, held merge.Event) bool {
	return merge.Supersedes(by, held, targetStates[by.Type], targetStates[held.Type])
}

// Store implements merge.ListField.
func (t *simulcastList) Store(s *fastpixv1.LiveStreamStatus, o *merge.Origins) {
	t.TypedList.Store(s, o)
	for i := range s.SimulcastTargets {
		target := &s.SimulcastTargets[i]
		target.State = ""
		if j, ok := merge.FindMention(t.states, target.ID); ok {
			target.State = targetStates[t.states[j].By.Type]
		}
	}
	for _, m := range t.states {
		o.Add(m.By, t.Name+"["+m.ID+"].state")
	}
}
