package projection

import (
	"cmp"
	"strings"

	"github.com/fastpix-operator/fastpix-operator/controllers/projection/merge"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

const (
	typeCreated      = "video.live_stream.created"
	typeConnected    = "video.live_stream.connected"
	typePreparing    = "video.live_stream.preparing"
	typeActive       = "video.live_stream.active"
	typeRecording    = "video.live_stream.recording"
	typeDisconnected = "video.live_stream.disconnected"
	typeIdle         = "video.live_stream.idle"
	typeDisabled     = "video.live_stream.disabled"
	typeDeleted      = "video.live_stream.deleted"
)

// step is what an event's type says about a stream's session.
type step struct {
	rank int // order among events with the same time
	// recording says whether the platform records from then on; nil if the type does not say.
	recording *bool
	state     string
}

var steps = func() map[string]step {
	steps := map[string]step{
		typeCreated:      {rank: 1, recording: new(false)},
		typeConnected:    {rank: 2},
		typePreparing:    {rank: 3},
		typeActive:       {rank: 4},
		typeRecording:    {rank: 4, recording: new(true)},
		typeDisconnected: {rank: 5},
		typeIdle:         {rank: 6, recording: new(false)},
		typeDisabled:     {rank: 7, recording: new(false)},
		typeDeleted:      {rank: 8, recording: new(false)},
	}
	for name, s := range steps {
		t, _ := record.Lookup(name)
		s.state = t.State
		steps[name] = s
	}
	return steps
}()

// streamState is the register of a stream's state. The event's type determines the state.
func streamState() merge.Register[streamStatus, streamChange] {
	return merge.Register[streamStatus, streamChange]{
		Name: "state",
		Merge: func(s *streamStatus, c *streamChange, by, held merge.Event) bool {
			step, ok := steps[by.Type]
			if !ok || c.State == "" || compareSteps(by, held) <= 0 {
				return false
			}
			s.State = step.state
			return true
		},
	}
}

// streamRecording is the register of whether the platform records. It uses the order of streamState, so that both registers agree which of two events
// with the same time is the last.
func streamRecording() merge.Register[streamStatus, streamChange] {
	return merge.Register[streamStatus, streamChange]{
		Name: "recording",
		Merge: func(s *streamStatus, _ *streamChange, by, held merge.Event) bool {
			recording := steps[by.Type].recording
			if recording == nil || compareSteps(by, held) <= 0 {
				return false
			}
			s.Recording = new(*recording)
			return true
		},
	}
}

// compareSteps orders the events that set a stream's state. A stream repeats its states, so the time decides first. Of events with the same time, the
// later step of a session is greater. A deletion is greater than every other event.
func compareSteps(a, b merge.Event) int {
	if deleted := a.Type == typeDeleted; deleted != (b.Type == typeDeleted) {
		return merge.Order(deleted)
	}
	if c := merge.CompareTimes(a, b); c != 0 {
		return c
	}
	if c := cmp.Compare(steps[a.Type].rank, steps[b.Type].rank); c != 0 {
		return c
	}
	if c := strings.Compare(a.ID, b.ID); c != 0 {
		return c
	}
	return strings.Compare(a.Type, b.Type)
}
