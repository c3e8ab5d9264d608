package projection

import (
	"slices"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/projection/merge"
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

// simulcastList is the list of a stream's simulcast targets. A target's state is in no snapshot, so that neither snapshots nor
// removals may touch it: it is a register of its own for every id, also for one that is not in the list (any more). The
// event's type is the value, so that it needs no room but provenance.
type simulcastList struct {
	merge.TypedList[fastpixv1.LiveStreamStatus, record.StreamChange, fastpixv1.SimulcastTarget]
	states []merge.Mention // by id
}

func (t *simulcastList) Restore(p merge.Path, by merge.Event) {
	if p.Mark == 0 && p.Attribute == "state" {
		t.record(merge.Mention{ID: p.ID, By: by})
		return
	}
	t.TypedList.Restore(p, by)
}

func (t *simulcastList) Merge(c *record.StreamChange, by merge.Event) {
	t.TypedList.Merge(c, by)
	if _, tells := targetStates[by.Type]; !tells {
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

// supersedesState is the rule of registers. It also says which states are forgotten for want of room: by any other order a
// state could be replaced and become older by it, and a redelivery would bring back what it had pushed out.
func supersedesState(by, held merge.Event) bool {
	return merge.Supersedes(by, held, targetStates[by.Type], targetStates[held.Type])
}

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
