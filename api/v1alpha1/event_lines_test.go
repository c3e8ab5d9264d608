package v1alpha1

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
)

// anEvent returns an event with any text as id and type, and with or without a time.
func anEvent(t *rapid.T) EventReference {
	text := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom([]rune(" %:?-25az"))))
	e := EventReference{ID: text.Draw(t, "id"), Type: text.Draw(t, "type"), Untimed: rapid.Bool().Draw(t, "untimed")}
	if rapid.Bool().Draw(t, "timed") {
		e.Time = &metav1.MicroTime{Time: time.UnixMicro(rapid.Int64Range(-62_000_000_000_000_000, 253_000_000_000_000_000).Draw(t, "time")).UTC()}
	}
	return e
}

// sameEvent reports whether two events are equal.
func sameEvent(a, b EventReference) bool {
	return a.ID == b.ID && a.Type == b.Type && a.Untimed == b.Untimed && a.Time.Equal(b.Time)
}

// TestLinesHoldEveryEvent protects what a status remembers: a line holds an event, whatever its id is, and the fields that it set.
func TestLinesHoldEveryEvent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := anEvent(t)
		if got := NewEventLine(&e).Event(); !sameEvent(got, e) {
			t.Errorf("got %+v from %q, want %+v", got, NewEventLine(&e), e)
		}
		fields := rapid.SliceOf(rapid.OneOf(rapid.SampledFrom([]string{"state", "tracks[a b]", "-tracks[x]", "^tracks"}), rapid.String())).Draw(t, "fields")
		line := NewProvenanceLine(&e, fields)
		if got, set := line.Event(); !sameEvent(got, e) || !slices.Equal(set, fields) {
			t.Errorf("got %+v %q from %q, want %+v %q", got, set, line, e, fields)
		}
	})
}

// TestObjectsInPlaceOfLinesAreRead protects mirrors that were stored before these lines were text.
func TestObjectsInPlaceOfLinesAreRead(t *testing.T) {
	const object = `{"id":"e 1","type":"video.media.ready","time":"2026-11-30T02:59:10.233868Z"`
	var status MediaAssetStatus
	text := `{"recentEvents":[` + object + `},{"id":"e2","type":"video.media.created","untimed":true}],"provenance":[` + object + `,"fields":["state","tracks[a]"]}]}`
	if err := json.Unmarshal([]byte(text), &status); err != nil {
		t.Fatal(err)
	}
	wantEvents := []EventLine{"2026-11-30T02:59:10.233868Z video.media.ready e%201", "? video.media.created e2"}
	wantProvenance := []ProvenanceLine{"2026-11-30T02:59:10.233868Z video.media.ready e%201: state tracks[a]"}
	if !slices.Equal(status.RecentEvents, wantEvents) || !slices.Equal(status.Provenance, wantProvenance) {
		t.Fatalf("got %q and %q", status.RecentEvents, status.Provenance)
	}
	again, err := json.Marshal(status)
	if err != nil {
		t.Fatal(err)
	}
	var read MediaAssetStatus
	if err := json.Unmarshal(again, &read); err != nil || !slices.Equal(read.RecentEvents, wantEvents) || !slices.Equal(read.Provenance, wantProvenance) {
		t.Errorf("%s is read as %q and %q: %v", again, read.RecentEvents, read.Provenance, err)
	}
}
