// These tests protect that a run can be repeated from its seed: the same faults, the same histories, and events that a receiver
// takes and the oracle understands.
package main

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func planOf(seed uint64) []fault {
	return plan(rand.New(rand.NewPCG(seed, 1)), kinds(), time.Minute, defaultGap)
}

// deadly are the kinds of faults that end a process.
var deadly = []string{
	"kill -9 of a receiver", "SIGTERM to a receiver", "kill -9 of controllers", "SIGTERM to controllers", "kill -9 of a syncer", "SIGTERM to a syncer",
}

func TestPlanFollowsFromItsSeed(t *testing.T) {
	text := func(faults []fault) (all []string) {
		for _, f := range faults {
			all = append(all, f.at.String()+" "+f.String())
		}
		return all
	}
	if a, b := text(planOf(7)), text(planOf(7)); !slices.Equal(a, b) {
		t.Errorf("two plans of one seed:\n%q\n%q", a, b)
	}
	if a, b := text(planOf(7)), text(planOf(8)); slices.Equal(a, b) {
		t.Errorf("two seeds have one plan: %q", a)
	}
}

func TestPlanOfAMinuteHasEveryKindAndSparesTheLastProcessOfEachPart(t *testing.T) {
	for seed := range uint64(50) {
		left := map[string]bool{}
		for _, k := range kinds() {
			left[k.name] = true
		}
		for _, f := range planOf(seed) {
			delete(left, f.name)
			last := slices.Contains([]int{controllerCount - 1, controllerCount + receiverCount - 1, processCount - 1}, f.target)
			if last && slices.Contains(deadly, f.name) {
				t.Errorf("seed %d: %s", seed, f)
			}
			if f.target < f.first || f.target >= f.first+f.count || f.length < f.least || f.length > f.most {
				t.Errorf("seed %d: %s is out of bounds", seed, f)
			}
		}
		if len(left) > 0 {
			t.Errorf("seed %d lacks %v", seed, slices.Collect(maps.Keys(left)))
		}
	}
}
