package projection

import (
	"testing"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// These tests protect the catalogue as the only table of event types: the types that the projection handles by itself are all in the
// catalogue, and no type is missing.

func TestFoldKnowsEveryTypeThatSetsAStreamState(t *testing.T) {
	t.Parallel()
	for _, typ := range record.Catalogue() {
		step, known := steps[typ.Name]
		if tells := typ.TouchesStream && !typ.TouchesMedia && typ.State != ""; tells != known {
			t.Errorf("%s tells a stream's state: %v, the fold has a place for it: %v", typ.Name, tells, known)
		}
		if known && (step.state != typ.State || step.rank == 0) {
			t.Errorf("%s is folded as %+v", typ.Name, step)
		}
	}
	for name := range steps {
		if _, known := record.Lookup(name); !known {
			t.Errorf("the fold knows %s, the catalogue does not", name)
		}
	}
}

func TestFoldKnowsEveryTypeThatSetsATargetState(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"video.live_stream.simulcast_target.created": "Created", "video.live_stream.simulcast_target.starting": "Starting",
		"video.live_stream.simulcast_target.broadcasting": "Broadcasting", "video.live_stream.simulcast_target.deleted": "",
	}
	if len(targetStates) != len(want) {
		t.Errorf("got %v", targetStates)
	}
	for typ, state := range want {
		if got, known := targetStates[typ]; !known || got != state {
			t.Errorf("%s: got %q, want %q", typ, got, state)
		}
	}
}
