package projection

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

const (
	// defaultReconnectWindow is the platform's own default, for a stream of which no event told it.
	defaultReconnectWindow = 60 * time.Second
	// maxReconnectWindow is far above the platform's maximum of half an hour.
	maxReconnectWindow = 24 * time.Hour
)

type (
	streamStatus = fastpixv1.LiveStreamStatus
	streamChange = record.StreamChange
)

// LiveStream returns status with what the records tell about the stream id folded into it, under the promises of MediaAsset.
func LiveStream(status fastpixv1.LiveStreamStatus, id string, records []*record.Record) fastpixv1.LiveStreamStatus {
	f := streamKind.open(status)
	for _, r := range records {
		by := eventOf(r)
		for i := range r.Changes {
			if c := &r.Changes[i]; c.Kind == record.LiveStream && c.ID == id && c.Stream != nil {
				f.merge(by, c.Stream)
			}
		}
	}
	f.status.DeletedTime, f.status.ReconnectDeadline = nil, nil
	switch f.status.State {
	case record.StateDeleted:
		f.status.DeletedTime = f.setBy("state").believedTime()
		f.forgetPersonal()
	case record.StateDisconnected:
		f.status.ReconnectDeadline = reconnectDeadline(f.setBy("state"), reconnectWindow(f.status))
	}
	f.close()
	return *f.status
}

// OmitLiveStreamText returns status without the customer's own text, under the promises of OmitMediaAssetText.
func OmitLiveStreamText(status fastpixv1.LiveStreamStatus) fastpixv1.LiveStreamStatus {
	f := streamKind.open(status)
	f.forgetCustomers()
	f.close()
	return *f.status
}

// reconnectWindow returns how long the platform waits for an encoder to come back.
func reconnectWindow(s *streamStatus) time.Duration {
	if s.ReconnectWindow == nil {
		return defaultReconnectWindow
	}
	return min(max(s.ReconnectWindow.Duration, 0), maxReconnectWindow)
}

func reconnectDeadline(disconnected event, window time.Duration) *metav1.MicroTime {
	at := disconnected.believedTime()
	if at == nil {
		return nil
	}
	return cutTime(&metav1.MicroTime{Time: at.Add(window)})
}

var streamKind = indexed(kind[streamStatus, streamChange]{
	registers: []register[streamStatus, streamChange]{
		streamState(),
		streamRecording(),
		eventTime[streamStatus, streamChange]("activeSince", func(s *streamStatus) **metav1.MicroTime { return &s.ActiveSince }, typeActive),
		eventTime[streamStatus, streamChange]("lastActiveTime", func(s *streamStatus) **metav1.MicroTime { return &s.LastActiveTime },
			typeActive, typeRecording, typeDisconnected),
		customers(metadata("metadata", func(c *streamChange) *map[string]fastpixv1.MetadataValue { return c.Metadata },
			func(s *streamStatus) *map[string]fastpixv1.MetadataValue { return &s.Metadata })),
		text("workspaceID", maxID, func(c *streamChange) *string { return c.WorkspaceID }, func(s *streamStatus) *string { return &s.WorkspaceID }),
		text("maxResolution", maxWord, func(c *streamChange) *string { return c.MaxResolution }, func(s *streamStatus) *string { return &s.MaxResolution }),
		duration("maxDuration", func(c *streamChange) *metav1.Duration { return c.MaxDuration }, func(s *streamStatus) **metav1.Duration { return &s.MaxDuration }),
		duration("reconnectWindow", func(c *streamChange) *metav1.Duration { return c.ReconnectWindow },
			func(s *streamStatus) **metav1.Duration { return &s.ReconnectWindow }),
		boolean("dvrMode", func(c *streamChange) *bool { return c.DVRMode }, func(s *streamStatus) **bool { return &s.DVRMode }),
		boolean("lowLatency", func(c *streamChange) *bool { return c.LowLatency }, func(s *streamStatus) **bool { return &s.LowLatency }),
		boolean("recordingEnabled", func(c *streamChange) *bool { return c.RecordingEnabled }, func(s *streamStatus) **bool { return &s.RecordingEnabled }),
		boolean("closedCaptions", func(c *streamChange) *bool { return c.ClosedCaptions }, func(s *streamStatus) **bool { return &s.ClosedCaptions }),
		text("mediaPolicy", maxWord, func(c *streamChange) *string { return c.MediaPolicy }, func(s *streamStatus) *string { return &s.MediaPolicy }),
		moment("createdTime", func(c *streamChange) *metav1.MicroTime { return c.CreatedTime }, func(s *streamStatus) **metav1.MicroTime { return &s.CreatedTime }),
	},
	lists: func() map[string]member[streamStatus, streamChange] {
		return map[string]member[streamStatus, streamChange]{
			"playbackIDs": &field[streamStatus, streamChange, fastpixv1.PlaybackID]{
				name: "playbackIDs", list: list[fastpixv1.PlaybackID]{schema: playbackIDs},
				in:  func(c *streamChange) *record.ListChange[fastpixv1.PlaybackID] { return &c.PlaybackIDs },
				out: func(s *streamStatus) *[]fastpixv1.PlaybackID { return &s.PlaybackIDs },
			},
			"simulcastTargets": &targets{field: field[streamStatus, streamChange, fastpixv1.SimulcastTarget]{
				name: "simulcastTargets", list: list[fastpixv1.SimulcastTarget]{schema: simulcastTargets},
				in:  func(c *streamChange) *record.ListChange[fastpixv1.SimulcastTarget] { return &c.SimulcastTargets },
				out: func(s *streamStatus) *[]fastpixv1.SimulcastTarget { return &s.SimulcastTargets },
			}},
			"recordings": &field[streamStatus, streamChange, fastpixv1.MediaReference]{
				name: "recordings", list: list[fastpixv1.MediaReference]{schema: mediaReferences},
				in:  func(c *streamChange) *record.ListChange[fastpixv1.MediaReference] { return &c.Recordings },
				out: func(s *streamStatus) *[]fastpixv1.MediaReference { return &s.Recordings },
			},
			"clips": &field[streamStatus, streamChange, fastpixv1.MediaReference]{
				name: "clips", list: list[fastpixv1.MediaReference]{schema: mediaReferences},
				in:  func(c *streamChange) *record.ListChange[fastpixv1.MediaReference] { return &c.Clips },
				out: func(s *streamStatus) *[]fastpixv1.MediaReference { return &s.Clips },
			},
		}
	},
	copy:         func(s *streamStatus) *streamStatus { return s.DeepCopy() },
	lastEvent:    func(s *streamStatus) **fastpixv1.EventReference { return &s.LastEvent },
	recentEvents: func(s *streamStatus) *[]fastpixv1.EventReference { return &s.RecentEvents },
	provenance:   func(s *streamStatus) *[]fastpixv1.Provenance { return &s.Provenance },
})
