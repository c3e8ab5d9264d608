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

// These tests protect what a user sees at the end of histories of real life, delivered as badly as can be: out of order,
// twice, in batches, with restarts in between.

// life is a history that is being told: each event is some time after the one before.
type life struct {
	t       *rapid.T
	now     time.Time
	records []*record.Record
}

func newLife(t *rapid.T) *life { return &life{t: t, now: epoch} }

func (l *life) event(typ string, changes ...record.Change) {
	l.now = l.now.Add(time.Duration(1+rapid.IntRange(0, 90_000_000).Draw(l.t, "pause")) * time.Microsecond)
	r := newRecord(fmt.Sprintf("event-%d", len(l.records)), typ)
	r.Time = &metav1.MicroTime{Time: l.now}
	r.Changes = changes
	l.records = append(l.records, r)
}

func media(id string, c record.MediaChange) record.Change {
	return record.Change{Kind: record.MediaAsset, ID: id, Media: &c}
}

func stream(c record.StreamChange) record.Change {
	return record.Change{Kind: record.LiveStream, ID: "stream", Stream: &c}
}

// end delivers the history to one mirror, and checks the laws on the way.
func (l *life) end(kind record.Kind, id string) mirror {
	m := blank(kind)
	m.id = id
	want := m.fold(l.records...)
	text := want.json()
	sameJSON(l.t, "delivered badly", foldSomehow(l.t, m, l.records), text)
	for _, r := range l.records {
		sameJSON(l.t, "a record again", want.fold(r), text)
	}
	return want.settle(l.now)
}

func (l *life) want(what, got, want string) {
	l.t.Helper()
	if got != want {
		l.t.Errorf("%s is %s, want %s", what, got, want)
	}
}

func TestLifecycleOfAPulledMedia(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := newLife(t)
		l.event("video.media.created", media("m", record.MediaChange{State: "Created", Title: new("draft")}))
		for range rapid.IntRange(0, 3).Draw(t, "steps") {
			l.event("video.media.updated", media("m", record.MediaChange{State: "Processing"}))
		}
		l.event("video.media.ready", media("m", record.MediaChange{State: "Ready", Title: new("final"), Duration: &metav1.Duration{Duration: time.Minute}}))
		l.event("video.media.updated", media("m", record.MediaChange{State: "Created"})) // as seen on a live delivery
		l.event("video.media.source.deleted", media("m", record.MediaChange{SourceAccess: new(false)}))
		got := l.end(record.MediaAsset, "m")
		l.want("state", got.media.State, "Ready")
		l.want("title", got.media.Title, "final")
		l.want("conditions", said(got.media.Conditions), "[Ready=True/Ready]")
	})
}

func TestLifecycleOfADirectUpload(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := newLife(t)
		same := rapid.Bool().Draw(t, "same id")
		l.event("video.media.upload", media("upload", record.MediaChange{State: "Waiting", UploadID: new("upload")}))
		if same {
			l.event("video.upload.media_created", media("upload", record.MediaChange{State: "Created", UploadID: new("upload")}))
			l.event("video.media.ready", media("upload", record.MediaChange{State: "Ready"}))
			got := l.end(record.MediaAsset, "upload")
			l.want("conditions", said(got.media.Conditions), "[Ready=True/Ready]")
			l.want("uploadID", got.media.UploadID, "upload")
			return
		}
		l.event("video.upload.media_created",
			media("m", record.MediaChange{State: "Created", UploadID: new("upload")}),
			media("upload", record.MediaChange{BecameMediaID: new("m")}))
		l.event("video.media.ready", media("m", record.MediaChange{State: "Ready"}))
		upload := l.end(record.MediaAsset, "upload")
		l.want("conditions of the upload", said(upload.media.Conditions), "[Ready=False/BecameMedia Stalled=True/BecameMedia]")
		l.want("timer of the upload", upload.media.Timer, "Retention")
		l.want("becameMediaID", upload.media.BecameMediaID, "m")
		got := l.end(record.MediaAsset, "m")
		l.want("conditions", said(got.media.Conditions), "[Ready=True/Ready]")
		l.want("uploadID", got.media.UploadID, "upload")
		l.want("becameMediaID of the media", got.media.BecameMediaID, "")
	})
}

func TestLifecycleOfAStreamThatReconnectsFiveTimes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := newLife(t)
		l.event("video.live_stream.created", stream(record.StreamChange{State: "Idle", ReconnectWindow: &metav1.Duration{Duration: 2 * time.Minute}}))
		l.event("video.live_stream.connected", stream(record.StreamChange{State: "Connected"}))
		l.event("video.live_stream.preparing", stream(record.StreamChange{State: "Preparing"}))
		l.event("video.live_stream.active", stream(record.StreamChange{State: "Active"}))
		l.event("video.live_stream.recording", stream(record.StreamChange{State: "Active"}))
		var back, gone time.Time
		for range 5 {
			l.event("video.live_stream.disconnected", stream(record.StreamChange{State: "Disconnected"}))
			l.event("video.live_stream.active", stream(record.StreamChange{State: "Active"}))
			back = l.now
		}
		l.event("video.live_stream.disconnected", stream(record.StreamChange{State: "Disconnected"}))
		gone = l.now
		waiting := l.end(record.LiveStream, "stream")
		l.want("conditions", said(waiting.stream.Conditions), "[Live=Unknown/Reconnecting Ready=True/Ready]")
		l.want("reconnectDeadline", waiting.stream.ReconnectDeadline.Format(time.RFC3339Nano), gone.Add(2*time.Minute).Format(time.RFC3339Nano))
		l.want("recording", fmt.Sprint(*waiting.stream.Recording), "true")

		l.event("video.live_stream.idle", stream(record.StreamChange{State: "Idle"}))
		got := l.end(record.LiveStream, "stream")
		l.want("conditions", said(got.stream.Conditions), "[Live=False/NotActive Ready=True/Ready]")
		l.want("activeSince", got.stream.ActiveSince.Format(time.RFC3339Nano), back.Format(time.RFC3339Nano))
		l.want("lastActiveTime", got.stream.LastActiveTime.Format(time.RFC3339Nano), gone.Format(time.RFC3339Nano))
		l.want("reconnectDeadline", fmt.Sprint(got.stream.ReconnectDeadline), "<nil>")
		l.want("recording", fmt.Sprint(*got.stream.Recording), "false")
	})
}

func TestLifecycleOfARecording(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := newLife(t)
		recordings := func(ids ...string) (c record.ListChange[fastpixv1.MediaReference]) {
			for _, id := range ids {
				c.Set = append(c.Set, fastpixv1.MediaReference{MediaID: id})
			}
			return c
		}
		l.event("video.live_stream.active", stream(record.StreamChange{State: "Active"}))
		l.event("video.live_stream.idle", stream(record.StreamChange{State: "Idle"}))
		l.event("video.media.live_stream.created",
			media("m", record.MediaChange{State: "Created", StreamID: new("stream")}),
			stream(record.StreamChange{Recordings: recordings("m")}))
		l.event("video.media.live_clip.created",
			media("clip", record.MediaChange{State: "Created", StreamID: new("stream")}),
			stream(record.StreamChange{Clips: recordings("clip")}))
		l.event("video.media.ready", media("m", record.MediaChange{State: "Ready", StreamID: new("stream")}))
		l.event("video.live_stream.recording.ready",
			stream(record.StreamChange{Recordings: recordings("m")}),
			media("m", record.MediaChange{StreamID: new("stream")}))
		s := l.end(record.LiveStream, "stream")
		l.want("state of the stream", s.stream.State, "Idle")
		l.want("recordings", fmt.Sprint(s.stream.Recordings), "[{m}]")
		l.want("clips", fmt.Sprint(s.stream.Clips), "[{clip}]")
		m := l.end(record.MediaAsset, "m")
		l.want("conditions", said(m.media.Conditions), "[Ready=True/Ready]")
		l.want("streamID", m.media.StreamID, "stream")
	})
}

func TestLifecycleOfAMediaDeletedWhileItsTracksAreProcessed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := newLife(t)
		track := func(state string) record.MediaChange {
			return record.MediaChange{Tracks: record.ListChange[fastpixv1.Track]{Set: []fastpixv1.Track{{ID: "track", Type: "audio", State: state}}}}
		}
		l.event("video.media.ready", media("m", record.MediaChange{
			State: "Ready", Title: new("secret plans"), Metadata: &map[string]fastpixv1.MetadataValue{"for": "somebody"},
			AI: &fastpixv1.MediaAI{Summary: &fastpixv1.AISummary{Availability: "Available", Text: "about secret plans"}},
		}))
		l.event("video.media.track.created", media("m", track("Preparing")))
		l.event("video.media.deleted", media("m", record.MediaChange{State: "Deleted", Title: new("secret plans")}))
		deleted := l.now
		l.event("video.media.track.ready", media("m", track("Available")))
		l.event("video.mediaAI.summary.ready", media("m", record.MediaChange{AI: &fastpixv1.MediaAI{Summary: &fastpixv1.AISummary{Text: "more about them"}}}))
		l.event("video.media.updated", media("m", record.MediaChange{State: "Ready", Title: new("secret plans")}))
		got := l.end(record.MediaAsset, "m")
		l.want("conditions", said(got.media.Conditions), "[Ready=False/Deleted Stalled=True/Deleted]")
		l.want("timer", got.media.Timer, "Retention")
		l.want("deletedTime", got.media.DeletedTime.Format(time.RFC3339Nano), deleted.Format(time.RFC3339Nano))
		l.want("title and metadata", got.media.Title+fmt.Sprint(got.media.Metadata), "map[]")
		l.want("ai", jsonOf(got.media.AI), `{"summary":{"availability":"Available"}}`)
	})
}
