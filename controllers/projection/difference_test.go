package projection

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// These tests protect the decision whether an answer of the management API is worth a record: another spelling of the same is not.

func at(minute int) *metav1.MicroTime {
	return &metav1.MicroTime{Time: epoch.Add(time.Duration(minute) * time.Minute)}
}

func mediaRecord(typ string, minute int, m record.MediaChange) *record.Record {
	r := newRecord("e-"+typ, typ)
	r.Time, r.Changes = at(minute), []record.Change{{Kind: record.MediaAsset, ID: objectID, Media: &m}}
	return r
}

func streamRecord(typ string, minute int, s record.StreamChange) *record.Record {
	r := newRecord("e-"+typ, typ)
	r.Time, r.Changes = at(minute), []record.Change{{Kind: record.LiveStream, ID: objectID, Stream: &s}}
	return r
}

func TestMediaDiffers(t *testing.T) {
	t.Parallel()
	duration := func(d time.Duration) *metav1.Duration { return &metav1.Duration{Duration: d} }
	tracks := func(rate string) record.ListChange[fastpixv1.Track] {
		return record.ListChange[fastpixv1.Track]{Snapshot: []fastpixv1.Track{{ID: "t", State: "Available", FrameRate: rate}}}
	}
	known := record.MediaChange{
		State: "Ready", Title: new("a"), FrameRate: new("30/1"), Duration: duration(183433 * time.Millisecond), Tracks: tracks("24/1"), UpdatedTime: at(0),
	}
	status := MediaAsset(fastpixv1.MediaAssetStatus{}, objectID, []*record.Record{mediaRecord("video.media.ready", 10, known)})
	for name, tc := range map[string]struct {
		change func(*record.MediaChange)
		minute int
		want   bool
	}{
		"the same":                        {change: func(*record.MediaChange) {}, minute: 20},
		"another title":                   {change: func(m *record.MediaChange) { m.Title = new("b") }, minute: 20, want: true},
		"another title, but older":        {change: func(m *record.MediaChange) { m.Title = new("b") }, minute: 5},
		"the rate in another spelling":    {change: func(m *record.MediaChange) { m.FrameRate, m.Tracks = new("30.000"), tracks("24.000") }, minute: 20},
		"another rate":                    {change: func(m *record.MediaChange) { m.FrameRate = new("29.97") }, minute: 20, want: true},
		"another rate of a track":         {change: func(m *record.MediaChange) { m.Tracks = tracks("23.976") }, minute: 20, want: true},
		"the duration in whole seconds":   {change: func(m *record.MediaChange) { m.Duration = duration(183 * time.Second) }, minute: 20},
		"the duration rounded up":         {change: func(m *record.MediaChange) { m.Duration = duration(184 * time.Second) }, minute: 20, want: true},
		"another updatedAt":               {change: func(m *record.MediaChange) { m.UpdatedTime = at(1) }, minute: 20},
		"a lower rank":                    {change: func(m *record.MediaChange) { m.State = "Processing" }, minute: 20},
		"failed":                          {change: func(m *record.MediaChange) { m.State = "Failed" }, minute: 20, want: true},
		"nothing but its id":              {change: func(m *record.MediaChange) { *m = record.MediaChange{} }, minute: 20},
		"a rate that no number describes": {change: func(m *record.MediaChange) { m.FrameRate = new("NaN") }, minute: 20, want: true},
	} {
		change := known
		tc.change(&change)
		if got := MediaDiffers(status, objectID, mediaRecord(record.TypeMediaObserved, tc.minute, change)); got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
	missing := mediaRecord(record.TypeMediaMissing, 30, record.MediaChange{})
	if !MediaDiffers(status, objectID, missing) {
		t.Error("missing is no difference")
	}
	status = MediaAsset(status, objectID, []*record.Record{missing})
	if missing.Time = at(40); MediaDiffers(status, objectID, missing) {
		t.Error("missing again is a difference")
	}
	if !MediaDiffers(status, objectID, mediaRecord(record.TypeMediaObserved, 50, known)) {
		t.Error("found again is no difference")
	}
}

func TestStreamDiffers(t *testing.T) {
	t.Parallel()
	status := LiveStream(fastpixv1.LiveStreamStatus{}, objectID, []*record.Record{
		streamRecord("video.live_stream.created", 0, record.StreamChange{State: "Idle"}),
		streamRecord("video.live_stream.connected", 10, record.StreamChange{State: "Connected"}),
	})
	for state, want := range map[string]bool{"Idle": false, "Preparing": false, "Active": true, "Disabled": true, "": false} {
		if got := StreamDiffers(status, objectID, streamRecord(record.TypeStreamObserved, 20, record.StreamChange{State: state})); got != want {
			t.Errorf("%q: %v, want %v", state, got, want)
		}
	}
	status = LiveStream(status, objectID, []*record.Record{streamRecord(record.TypeStreamObserved, 20, record.StreamChange{State: "Active"})})
	if status.State != "Active" || StreamDiffers(status, objectID, streamRecord(record.TypeStreamObserved, 30, record.StreamChange{State: "Active"})) {
		t.Errorf("an observation that says again that a stream is on air is a difference (state %s)", status.State)
	}
}

// What was folded is no difference any more: sync converges, and a run that finds nothing writes nothing.
func TestObservationThatWasFoldedIsNoDifference(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *rapid.T, kind record.Kind) {
		m := blank(kind).fold(history(t, kind, within)...)
		typ, _ := record.LookupRecord(record.Observed(kind))
		r := newRecord("sync-1", typ.Name)
		drawTime(t, r)
		r.Changes = []record.Change{aChange(t, kind, typ, within)}
		differs := func(m mirror) bool {
			if kind == record.MediaAsset {
				return MediaDiffers(m.media, m.id, r)
			}
			return StreamDiffers(m.stream, m.id, r)
		}
		if after := m.fold(r); differs(after) {
			t.Fatalf("still a difference after it was folded: %s", after.json())
		}
	})
}
