package record

import (
	"reflect"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

const secretText = "key 0123456789abcdef0123456789abcdefk0123456789abcdef0123456789abcdef"

func forged(c Change) *Record {
	at := metav1.NewMicroTime(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
	return &Record{
		Version: Version, ID: "e1", Type: "video.media.ready", Time: &at, Received: at, Namespace: "video", Endpoint: "fastpix", Changes: []Change{c},
	}
}

// TestForgedTextIsFilteredAsAReceiverFilters protects the third promise from a client with a stolen identity that can write records: text
// that a receiver would drop is not mirrored.
func TestForgedTextIsFilteredAsAReceiverFilters(t *testing.T) {
	t.Parallel()
	state := "Ready"
	for name, tt := range map[string]struct{ said, want MediaChange }{
		"escape characters":            {MediaChange{Title: new("a\x1b[2Jb")}, MediaChange{Title: new("a[2Jb")}},
		"format characters":            {MediaChange{Title: new("a\u202eb\u200b")}, MediaChange{Title: new("ab")}},
		"a stream secret":              {MediaChange{Title: new(secretText)}, MediaChange{}},
		"a secret word":                {MediaChange{State: secretText}, MediaChange{}},
		"a signed URL":                 {MediaChange{CreatorID: new("https://x.example/v.m3u8?token=abc")}, MediaChange{}},
		"a signed thumbnail":           {MediaChange{Thumbnail: new("https://x.example/p/t.jpg?v=1")}, MediaChange{}},
		"a thumbnail that is a script": {MediaChange{Thumbnail: new("javascript:alert(1)")}, MediaChange{}},
		"a negative duration":          {MediaChange{Duration: &metav1.Duration{Duration: -time.Second}}, MediaChange{}},
		"metadata": {
			MediaChange{Metadata: &map[string]fastpixv1.MetadataValue{"streamKey": "x", "a\u200b": "b", "ok": "yes\x07", "url": "?sig=1", "x": secretText}},
			MediaChange{Metadata: &map[string]fastpixv1.MetadataValue{"ok": "yes"}},
		},
		"metadata of secrets alone": {MediaChange{Metadata: &map[string]fastpixv1.MetadataValue{"password": "x"}}, MediaChange{}},
		"elements": {
			MediaChange{Tracks: ListChange[fastpixv1.Track]{
				Set:    []fastpixv1.Track{{ID: "t1", LanguageName: "En\x1bglish", Width: -1}, {ID: secretText}},
				Remove: []string{"t\u200b2", "t3"},
			}},
			MediaChange{Tracks: ListChange[fastpixv1.Track]{Set: []fastpixv1.Track{{ID: "t1", LanguageName: "English"}}, Remove: []string{"t2", "t3"}}},
		},
		"AI": {
			MediaChange{AI: &fastpixv1.MediaAI{Summary: &fastpixv1.AISummary{Text: "a\x1bb", Availability: secretText}}},
			MediaChange{AI: &fastpixv1.MediaAI{Summary: &fastpixv1.AISummary{Text: "ab"}}},
		},
		"nothing": {MediaChange{State: state, Title: new("")}, MediaChange{State: state, Title: new("")}},
	} {
		text, err := Encode(forged(Change{Kind: MediaAsset, ID: "m1", Media: &tt.said}))
		if err != nil {
			t.Fatal(err)
		}
		r, err := Decode(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := *r.Changes[0].Media; !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %+v, want %+v", name, got, tt.want)
		}
	}
}

func TestForgedIDsAreRefused(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"m\x1b1", "m\u202e1", "m\u200b1", "m\u2028", "0123456789abcdef0123456789abcdefk0123456789abcdef0123456789abcdef"} {
		text, err := Encode(forged(Change{Kind: MediaAsset, ID: id, Media: &MediaChange{}}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Decode(text); err == nil {
			t.Errorf("an object is named %q", id)
		}
	}
}
