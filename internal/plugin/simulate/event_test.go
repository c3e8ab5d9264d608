// These tests protect those who simulate events: every type of the catalogue makes an event that the receiver understands, about an object of its own.
package simulate

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/fastpix-operator/fastpix-operator/internal/event"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/cli"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
	"github.com/fastpix-operator/fastpix-operator/internal/sample"
)

var now = time.Date(2026, 12, 24, 18, 0, 0, 123456789, time.UTC)

func TestEveryTypeMakesANewEvent(t *testing.T) {
	t.Parallel()
	for _, typ := range record.Catalogue() {
		body, _ := sample.OfType(typ.Name)
		old, err := event.Decode(body)
		if err != nil {
			t.Fatal(err)
		}
		s, err := newEvent(typ.Name, subject{Workspace: "11111111-2222-4333-8444-555555555555"}, now)
		if err != nil {
			t.Errorf("%s: %v", typ.Name, err)
			continue
		}
		got, err := event.Decode(s.Body)
		if err != nil {
			t.Errorf("%s: %v", typ.Name, err)
			continue
		}
		if !got.Known || got.Type.Name != typ.Name || got.ID != s.ID || got.ID == old.ID || got.WorkspaceID != "11111111-2222-4333-8444-555555555555" {
			t.Errorf("%s: got event %s of type %s and workspace %s", typ.Name, got.ID, got.Type.Name, got.WorkspaceID)
		}
		if got.Time == nil || !got.Time.Time.Equal(now.Truncate(time.Microsecond)) {
			t.Errorf("%s: happened at %v", typ.Name, got.Time)
		}
		if len(got.Changes) != len(old.Changes) || len(got.Changes) != len(s.Objects) || len(got.Skipped) != len(old.Skipped) {
			t.Errorf("%s: changes %+v and skips %v, want as the sample, which skips %v", typ.Name, got.Changes, got.Skipped, old.Skipped)
			continue
		}
		for i, change := range got.Changes {
			o := s.Objects[i]
			if change.ID != o.ID || change.Kind != o.Kind || !Simulated(o.ID) || o.Name != o.ID {
				t.Errorf("%s: the event is about %s %s, and the command says %+v", typ.Name, change.Kind, change.ID, o)
			}
			if bytes.Contains(s.Body, []byte(old.Changes[i].ID)) {
				t.Errorf("%s: the body still has the id of the sample", typ.Name)
			}
		}
	}
}

func TestEventAboutAGivenObject(t *testing.T) {
	t.Parallel()
	s, err := newEvent("VIDEO.media.LIVE_stream.created", subject{Media: "m-1", Stream: "s-1"}, now)
	if err != nil {
		t.Fatal(err)
	}
	got, err := event.Decode(s.Body)
	if err != nil || len(got.Changes) != 2 || got.Changes[0].ID != "m-1" || got.Changes[1].ID != "s-1" {
		t.Errorf("got %+v: %v", got, err)
	}
	for name, c := range map[string]struct {
		typ   string
		about subject
	}{
		"an unknown type":             {"video.media.holographic.ready", subject{}},
		"a media of a stream's event": {"video.live_stream.idle", subject{Media: "m-1"}},
		"a stream of a media's event": {"video.media.ready", subject{Stream: "s-1"}},
		"an id that breaks the JSON":  {"video.media.ready", subject{Media: `m","x":"`}},
		"an id that is too long":      {"video.media.ready", subject{Media: string(bytes.Repeat([]byte("m"), 129))}},
	} {
		var wrong *cli.UsageError
		if _, err := newEvent(c.typ, c.about, now); !errors.As(err, &wrong) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
