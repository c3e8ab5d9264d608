package projection

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// These tests protect the mirrors of realistic histories under bad delivery: out of order, repeated, in batches, and with restarts in
// between.

// testHistory is a history of events. Each event happens some time after the one before.
type testHistory struct {
	t       *rapid.T
	now     time.Time
	records []*record.Record
}

func newTestHistory(t *rapid.T) *testHistory { return &testHistory{t: t, now: epoch} }

func (h *testHistory) event(typ string, changes ...record.Change) {
	h.now = h.now.Add(time.Duration(1+rapid.IntRange(0, 90_000_000).Draw(h.t, "pause")) * time.Microsecond)
	r := newRecord(fmt.Sprintf("event-%d", len(h.records)), typ)
	r.Time = &metav1.MicroTime{Time: h.now}
	r.Changes = changes
	h.records = append(h.records, r)
}

func media(id string, c record.MediaChange) record.Change {
	return record.Change{Kind: record.MediaAsset, ID: id, Media: &c}
}

func stream(c record.StreamChange) record.Change {
	return record.Change{Kind: record.LiveStream, ID: "stream", Stream: &c}
}

// end delivers the history to one mirror, and checks the laws.
func (h *testHistory) end(kind record.Kind, id string) mirror {
	m := blank(kind)
	m.id = id
	want := m.fold(h.records...)
	text := want.json()
	sameJSON(h.t, "delivered out of order", foldSomehow(h.t, m, h.records), text)
	for _, r := range h.records {
		sameJSON(h.t, "a record again", want.fold(r), text)
	}
	return want.settle(h.now)
}

func (h *testHistory) want(what, got, want string) {
	h.t.Helper()
	if got != want {
		h.t.Errorf("%s is %s, want %s", what, got, want)
	}
}

func TestLifecycleOfAPulledMedia(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := newTestHistory(t)
		h.event("video.media.created", media("m", record.MediaChange{State: "Created", Title: new("draft")}))
		for range rapid.IntRange(0, 3).Draw(t, "steps") {
			h.event("video.media.updated", media("m", record.MediaChange{State: "Processing"}))
		}
		h.event("video.media.ready", media("m", record.MediaChange{State: "Ready", Title: new("final"), Duration: &metav1.Duration{Duration: time.Minute}}))
		h.event("video.media.updated", media("m", record.MediaChange{State: "Created"})) // as seen on a live delivery
		h.event("video.media.source.deleted", media("m", record.MediaChange{SourceAccess: new(false)}))
		got := h.end(record.MediaAsset, "m")
		h.want("state", got.media.State, "Ready")
		h.want("title", got.media.Title, "final")
		h.want("conditions", describe(got.media.Conditions), "[Ready=True/Ready]")
	})
}

func TestLifecycleOfADirectUpload(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := newTestHistory(t)
		same := rapid.Bool().Draw(t, "same id")
		h.event("video.media.upload", media("upload", record.MediaChange{State: "Waiting", UploadID: new("upload")}))
		if same {
			h.event("video.upload.media_created", media("upload", record.MediaChange{State: "Created", UploadID: new("upload")}))
			h.event("video.media.ready", media("upload", record.MediaChange{State: "Ready"}))
			got := h.end(record.MediaAsset, "upload")
			h.want("conditions", describe(got.media.Conditions), "[Ready=True/Ready]")
			h.want("uploadID", got.media.UploadID, "upload")
			return
		}
		h.event("video.upload.media_created",
			media("m", record.MediaChange{State: "Created", UploadID: new("upload")}),
			media("upload", record.MediaChange{BecameMediaID: new("m")}))
		h.event("video.media.ready", media("m", record.MediaChange{State: "Ready"}))
		upload := h.end(record.MediaAsset, "upload")
		h.want("conditions of the upload", describe(upload.media.Conditions), "[Ready=False/BecameMedia Stalled=True/BecameMedia]")
		h.want("timer of the upload", upload.media.Timer, "Retention")
		h.want("becameMediaID", upload.media.BecameMediaID, "m")
		got := h.end(record.MediaAsset, "m")
		h.want("conditions", describe(got.media.Conditions), "[Ready=True/Ready]")
		h.want("uploadID", got.media.UploadID, "upload")
		h.want("becameMediaID of the media", got.media.BecameMediaID, "")
	})
}

func TestLifecycleOfAStreamThatReconnectsFiveTimes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := newTestHistory(t)
		h.event("video.live_stream.created", stream(record.StreamChange{State: "Idle", ReconnectWindow: &metav1.Duration{Duration: 2 * time.Minute}}))
		h.event("video.live_stream.connected", stream(record.StreamChange{State: "Connected"}))
		h.event("video.live_stream.preparing", stream(record.StreamChange{State: "Preparing"}))
		h.event("video.live_stream.active", stream(record.StreamChange{State: "Active"}))
		h.event("video.live_stream.recording", stream(record.StreamChange{State: "Active"}))
		var back, gone time.Time
		for range 5 {
			h.event("video.live_stream.disconnected", stream(record.StreamChange{State: "Disconnected"}))
			h.event("video.live_stream.active", stream(record.StreamChange{State: "Active"}))
			back = h.now
		}
		h.event("video.live_stream.disconnected", stream(record.StreamChange{State: "Disconnected"}))
		gone = h.now
		waiting := h.end(record.LiveStream, "stream")
		h.want("conditions", describe(waiting.stream.Conditions), "[Live=Unknown/Reconnecting Ready=True/Ready]")
		h.want("reconnectDeadline", waiting.stream.ReconnectDeadline.Format(time.RFC3339Nano), gone.Add(2*time.Minute).Format(time.RFC3339Nano))
		h.want("recording", fmt.Sprint(*waiting.stream.Recording), "true")

		h.event("video.live_stream.idle", stream(record.StreamChange{State: "Idle"}))
		got := h.end(record.LiveStream, "stream")
		h.want("conditions", describe(got.stream.Conditions), "[Live=False/NotActive Ready=True/Ready]")
		h.want("activeSince", got.stream.ActiveSince.Format(time.RFC3339Nano), back.Format(time.RFC3339Nano))
		h.want("lastActiveTime", got.stream.LastActiveTime.Format(time.RFC3339Nano), gone.Format(time.RFC3339Nano))
		h.want("reconnectDeadline", fmt.Sprint(got.stream.ReconnectDeadline), "<nil>")
		h.want("recording", fmt.Sprint(*got.stream.Recording), "false")
	})
}

func TestLifecycleOfARecording(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := newTestHistory(t)
		recordings := func(ids ...string) (c record.ListChange[fastpixv1.MediaReference]) {
			for _, id := range ids {
				c.Set = append(c.Set, fastpixv1.MediaReference{MediaID: id})
			}
			return c
		}
		h.event("video.live_stream.active", stream(record.StreamChange{State: "Active"}))
		h.event("video.live_stream.idle", stream(record.StreamChange{State: "Idle"}))
		h.event("video.media.live_stream.created",
			media("m", record.MediaChange{State: "Created", StreamID: new("stream")}),
			stream(record.StreamChange{Recordings: recordings("m")}))
		h.event("video.media.live_clip.created",
			media("clip", record.MediaChange{State: "Created", StreamID: new("stream")}),
			stream(record.StreamChange{Clips: recordings("clip")}))
		h.event("video.media.ready", media("m", record.MediaChange{State: "Ready", StreamID: new("stream")}))
		h.event("video.live_stream.recording.ready",
			stream(record.StreamChange{Recordings: recordings("m")}),
			media("m", record.MediaChange{StreamID: new("stream")}))
		s := h.end(record.LiveStream, "stream")
		h.want("state of the stream", s.stream.State, "Idle")
		h.want("recordings", fmt.Sprint(s.stream.Recordings), "[{m}]")
		h.want("clips", fmt.Sprint(s.stream.Clips), "[{clip}]")
		m := h.end(record.MediaAsset, "m")
		h.want("conditions", describe(m.media.Conditions), "[Ready=True/Ready]")
		h.want("streamID", m.media.StreamID, "stream")
	})
}

func TestLifecycleOfAMediaDeletedWhileItsTracksAreProcessed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := newTestHistory(t)
		track := func(state string) record.MediaChange {
			return record.MediaChange{Tracks: record.ListChange[fastpixv1.Track]{Set: []fastpixv1.Track{{ID: "track", Type: "audio", State: state}}}}
		}
		h.event("video.media.ready", media("m", record.MediaChange{
			State: "Ready", Title: new("secret plans"), Metadata: &map[string]fastpixv1.MetadataValue{"for": "someone"},
			AI: &fastpixv1.MediaAI{Summary: &fastpixv1.AISummary{Availability: "Available", Text: "about secret plans"}},
		}))
		h.event("video.media.track.created", media("m", track("Preparing")))
		h.event("video.media.deleted", media("m", record.MediaChange{State: "Deleted", Title: new("secret plans")}))
		deleted := h.now
		h.event("video.media.track.ready", media("m", track("Available")))
		h.event("video.mediaAI.summary.ready", media("m", record.MediaChange{AI: &fastpixv1.MediaAI{Summary: &fastpixv1.AISummary{Text: "more about them"}}}))
		h.event("video.media.updated", media("m", record.MediaChange{State: "Ready", Title: new("secret plans")}))
		got := h.end(record.MediaAsset, "m")
		h.want("conditions", describe(got.media.Conditions), "[Ready=False/Deleted Stalled=True/Deleted]")
		h.want("timer", got.media.Timer, "Retention")
		h.want("deletedTime", got.media.DeletedTime.Format(time.RFC3339Nano), deleted.Format(time.RFC3339Nano))
		h.want("title and metadata", got.media.Title+fmt.Sprint(got.media.Metadata), "map[]")
		h.want("ai", jsonOf(got.media.AI), `{"summary":{"availability":"Available"}}`)
	})
}
