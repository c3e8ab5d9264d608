package event

import (
	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// streamFacts reads data as a live stream, which is a full object. It does not read the status: the states connected, disconnected and
// recording exist only as event types, and data.status changes later than they do.
func (d *decoder) streamFacts() *record.StreamChange {
	p := &d.payload
	return &record.StreamChange{
		Metadata:         d.metadata("metadata", p.metadata, true),
		WorkspaceID:      notEmpty(d.workspaceID),
		MaxResolution:    d.resolution("maxResolution", p.maxResolution, true),
		MaxDuration:      d.span("maxDuration", p.maxDuration),
		ReconnectWindow:  d.span("reconnectWindow", p.reconnectWindow),
		DVRMode:          d.flag("enableDvrMode", p.enableDVRMode),
		LowLatency:       d.flag("lowLatency", p.lowLatency),
		RecordingEnabled: d.flag("enableRecording", p.enableRecording),
		ClosedCaptions:   d.flag("closedCaptions", p.closedCaptions),
		MediaPolicy:      d.textOf("mediaPolicy", p.mediaPolicy, maxWord, true),
		CreatedTime:      d.moment("data.createdAt", p.createdAt),
		PlaybackIDs:      d.playbackIDs("playbackIds", p.playbackIDs),
		SimulcastTargets: d.targets("simulcastResponses", p.simulcastResponses),
		Recordings:       d.references("mediaIds", p.mediaIDs),
	}
}

// targetEvent sets or removes one simulcast target. The type alone gives its state.
func (d *decoder) targetEvent(s *record.StreamChange, id string) {
	switch {
	case id == "":
		d.skip("data.simulcastId")
		return
	case d.typ.RemovesPart:
		s.SimulcastTargets.Remove = []string{id}
		return
	}
	s.SimulcastTargets.Set = []fastpixv1.SimulcastTarget{{ID: id, State: d.typ.PartState, Enabled: d.flag("isEnabled", d.payload.isEnabled)}}
}
