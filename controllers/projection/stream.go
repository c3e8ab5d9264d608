package projection

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/projection/merge"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

const (
	// defaultReconnectWindow is the default of the platform, for a stream whose events do not carry the window.
	defaultReconnectWindow = 60 * time.Second
	// maxReconnectWindow is far above the platform's maximum of half an hour.
	maxReconnectWindow = 24 * time.Hour
)

type (
	streamStatus = fastpixv1.LiveStreamStatus
	streamChange = record.StreamChange
)

// LiveStream is MediaAsset for a LiveStream.
func LiveStream(status fastpixv1.LiveStreamStatus, id string, records []*record.Record) fastpixv1.LiveStreamStatus {
	f := streamKind.Open(status)
	revealStream(f)
	for _, r := range records {
		by := merge.EventOf(r)
		for i := range r.Changes {
			if c := &r.Changes[i]; c.Kind == record.LiveStream && c.ID == id && c.Stream != nil {
				f.Merge(by, c.Stream)
				mergeObservedState(f, by, c.Stream.State)
			}
		}
	}
	f.Status.DeletedTime, f.Status.ReconnectDeadline = nil, nil
	missing, inForce := f.Missing()
	switch {
	case f.Status.State == record.StateDeleted:
		f.Status.DeletedTime = f.SetBy("state").BelievedTime()
		f.ClearAfterDeletion()
	case inForce:
		showState(f, &f.Status.State, record.StateDeleted, missing)
		f.Status.DeletedTime = missing.BelievedTime()
	default:
		applyObservedState(f)
	}
	if f.Status.State == record.StateDisconnected {
		f.Status.ReconnectDeadline = reconnectDeadline(f.SetBy("state"), reconnectWindow(f.Status))
	}
	f.ClearOlderThanMissing()
	f.Close()
	return *f.Status
}

// OmitLiveStreamText is OmitMediaAssetText for a LiveStream.
func OmitLiveStreamText(status fastpixv1.LiveStreamStatus) fastpixv1.LiveStreamStatus {
	f := streamKind.Open(status)
	f.ClearCustomerText()
	f.Close()
	return *f.Status
}

// reconnectWindow returns how long the platform waits for an encoder to reconnect.
func reconnectWindow(s *streamStatus) time.Duration {
	if s.ReconnectWindow == nil {
		return defaultReconnectWindow
	}
	return min(max(s.ReconnectWindow.Duration, 0), maxReconnectWindow)
}

// reconnectDeadline returns when the reconnect window ends; nil if the event has no credible time.
func reconnectDeadline(disconnected merge.Event, window time.Duration) *metav1.MicroTime {
	at := disconnected.BelievedTime()
	if at == nil {
		return nil
	}
	return merge.CutTime(&metav1.MicroTime{Time: at.Add(window)})
}

var streamKind = merge.NewKind(merge.Kind[streamStatus, streamChange]{
	Registers: []merge.Register[streamStatus, streamChange]{
		streamState(),
		streamRecording(),
		merge.EventTime[streamStatus, streamChange]("activeSince", func(s *streamStatus) **metav1.MicroTime { return &s.ActiveSince }, typeActive),
		merge.EventTime[streamStatus, streamChange]("lastActiveTime", func(s *streamStatus) **metav1.MicroTime { return &s.LastActiveTime },
			typeActive, typeRecording, typeDisconnected),
		merge.CustomerText(merge.Metadata("metadata", func(c *streamChange) *map[string]fastpixv1.MetadataValue { return c.Metadata },
			func(s *streamStatus) *map[string]fastpixv1.MetadataValue { return &s.Metadata })),
		merge.Text("workspaceID", merge.MaxID, func(c *streamChange) *string { return c.WorkspaceID }, func(s *streamStatus) *string { return &s.WorkspaceID }),
		merge.Text("maxResolution", merge.MaxWord, func(c *streamChange) *string { return c.MaxResolution }, func(s *streamStatus) *string { return &s.MaxResolution }),
		merge.Duration("maxDuration", func(c *streamChange) *metav1.Duration { return c.MaxDuration }, func(s *streamStatus) **metav1.Duration { return &s.MaxDuration }),
		merge.Duration("reconnectWindow", func(c *streamChange) *metav1.Duration { return c.ReconnectWindow },
			func(s *streamStatus) **metav1.Duration { return &s.ReconnectWindow }),
		merge.Boolean("dvrMode", func(c *streamChange) *bool { return c.DVRMode }, func(s *streamStatus) **bool { return &s.DVRMode }),
		merge.Boolean("lowLatency", func(c *streamChange) *bool { return c.LowLatency }, func(s *streamStatus) **bool { return &s.LowLatency }),
		merge.Boolean("recordingEnabled", func(c *streamChange) *bool { return c.RecordingEnabled }, func(s *streamStatus) **bool { return &s.RecordingEnabled }),
		merge.Boolean("closedCaptions", func(c *streamChange) *bool { return c.ClosedCaptions }, func(s *streamStatus) **bool { return &s.ClosedCaptions }),
		merge.Text("mediaPolicy", merge.MaxWord, func(c *streamChange) *string { return c.MediaPolicy }, func(s *streamStatus) *string { return &s.MediaPolicy }),
		merge.Time("createdTime", func(c *streamChange) *metav1.MicroTime { return c.CreatedTime }, func(s *streamStatus) **metav1.MicroTime { return &s.CreatedTime }),
	},
	Lists: func() map[string]merge.ListField[streamStatus, streamChange] {
		return map[string]merge.ListField[streamStatus, streamChange]{
			"playbackIDs": &merge.TypedList[streamStatus, streamChange, fastpixv1.PlaybackID]{
				Name: "playbackIDs", List: merge.List[fastpixv1.PlaybackID]{Schema: playbackIDs},
				In:  func(c *streamChange) *record.ListChange[fastpixv1.PlaybackID] { return &c.PlaybackIDs },
				Out: func(s *streamStatus) *[]fastpixv1.PlaybackID { return &s.PlaybackIDs },
			},
			"simulcastTargets": &simulcastList{TypedList: merge.TypedList[streamStatus, streamChange, fastpixv1.SimulcastTarget]{
				Name: "simulcastTargets", List: merge.List[fastpixv1.SimulcastTarget]{Schema: simulcastTargets},
				In:  func(c *streamChange) *record.ListChange[fastpixv1.SimulcastTarget] { return &c.SimulcastTargets },
				Out: func(s *streamStatus) *[]fastpixv1.SimulcastTarget { return &s.SimulcastTargets },
			}},
			"recordings": &merge.TypedList[streamStatus, streamChange, fastpixv1.MediaReference]{
				Name: "recordings", List: merge.List[fastpixv1.MediaReference]{Schema: mediaReferences},
				In:  func(c *streamChange) *record.ListChange[fastpixv1.MediaReference] { return &c.Recordings },
				Out: func(s *streamStatus) *[]fastpixv1.MediaReference { return &s.Recordings },
			},
			"clips": &merge.TypedList[streamStatus, streamChange, fastpixv1.MediaReference]{
				Name: "clips", List: merge.List[fastpixv1.MediaReference]{Schema: mediaReferences},
				In:  func(c *streamChange) *record.ListChange[fastpixv1.MediaReference] { return &c.Clips },
				Out: func(s *streamStatus) *[]fastpixv1.MediaReference { return &s.Clips },
			},
		}
	},
	Copy:         func(s *streamStatus) *streamStatus { return s.DeepCopy() },
	Words:        []string{hiddenState, observedState},
	LastEvent:    func(s *streamStatus) **fastpixv1.EventReference { return &s.LastEvent },
	RecentEvents: func(s *streamStatus) *[]fastpixv1.EventLine { return &s.RecentEvents },
	Provenance:   func(s *streamStatus) *[]fastpixv1.ProvenanceLine { return &s.Provenance },
})
