// These tests protect the answer to "which event set this field": every field of the mirrors that the scenarios end with has one.
package explain

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/mirror"
)

// golden reads the status that a mirror has at the end of its scenario.
func golden(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

func goldenMirror(t *testing.T, file string) mirror.Mirror {
	t.Helper()
	var m mirror.Mirror
	var err error
	if strings.HasPrefix(filepath.Base(file), "mediaasset") {
		var a fastpixv1.MediaAsset
		golden(t, file, &a.Status)
		m, err = mirror.Of(&a)
	} else {
		var s fastpixv1.LiveStream
		golden(t, file, &s.Status)
		m, err = mirror.Of(&s)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestEveryFieldOfTheScenariosHasAnOrigin(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../../test/framework/fixtures/golden/*.yaml")
	if err != nil || len(files) < 5 {
		t.Fatalf("found %d golden files: %v", len(files), err)
	}
	for _, file := range files {
		m := goldenMirror(t, file)
		fields, err := FieldsOf(&m)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range fields {
			lists := strings.HasSuffix(f.Value, " elements") || strings.HasSuffix(f.Value, "1 element") // each element may have an origin of its own
			if f.SetBy == nil && f.Note != noteComputed && !lists {
				t.Errorf("%s: %+v has no origin", filepath.Base(file), f)
			}
		}
	}
}

func TestFieldsOfAMirror(t *testing.T) {
	t.Parallel()
	m := goldenMirror(t, "../../../test/framework/fixtures/golden/mediaasset-d003b383-bac0-42e9-a039-9bd4360f98a3.yaml")
	checkFields(t, &m,
		"state = Deleted by video.media.deleted",
		"deletedTime = 2026-11-21T18:00:00.411903Z by video.media.deleted, follows from state",
		"tracks = 2 elements by video.media.deleted",
		"subtitles = 1 element",
		`subtitles[4cc064c7-b78f-4619-a36f-0907c4858b51] = {"languageCode":"en-US","languageName":"Engli... by video.media.subtitle.generated.ready`,
		"ai.summary.availability = Available by video.mediaAI.summary.ready",
		"subtitles[76f809bc-03eb-436e-ad83-ad39beb07900] =  by video.media.track.deleted, removed",
		"conditions[Ready] = False, Deleted, follows from the status and the time",
	)
	s := goldenMirror(t, "../../../test/framework/fixtures/golden/livestream-6f7553ebbe31a61ea53cda1f69032eb7.yaml")
	checkFields(t, &s,
		"activeSince = 2026-11-22T15:30:20.000000Z by video.live_stream.active",
		"lastActiveTime = 2026-11-22T16:00:00.330041Z by video.live_stream.disconnected",
		`clips[07dfba0d-a07c-47a4-901e-88681cc4fd8f] =  by video.media.live_clip.created`,
	)
	o := mirror.Mirror{Status: fastpixv1.LiveStreamStatus{State: "Active"}, Provenance: []fastpixv1.ProvenanceLine{
		line(9, "sync.live_stream.observed", "o1", "observedState=Active", "state"),
		line(1, "video.live_stream.disconnected", "e1", "hiddenState=Disconnected", "^recordings", "~clips"),
	}}
	checkFields(t, &o,
		"state = Active by sync.live_stream.observed",
		"state = Active by sync.live_stream.observed, the state by FastPix's management API",
		"state = Disconnected by video.live_stream.disconnected, the state by events, while an answer of FastPix's management API decides",
		"recordings =  by video.live_stream.disconnected, the list was too long; this is the newest event whose elements were dropped",
		"clips =  by video.live_stream.disconnected, the list was too long already when it arrived",
	)
}

func checkFields(t *testing.T, m *mirror.Mirror, want ...string) {
	t.Helper()
	fields, err := FieldsOf(m)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, f := range fields {
		all.WriteString(f.Field + " = " + f.Value)
		if f.SetBy != nil {
			all.WriteString(" by " + f.SetBy.Type)
		}
		if f.Note != "" {
			all.WriteString(", " + f.Note)
		}
		all.WriteString("\n")
	}
	for _, w := range want {
		if !strings.Contains("\n"+all.String(), "\n"+w+"\n") {
			t.Errorf("no line %q in\n%s", w, all.String())
		}
	}
}
