// These tests protect the encoding of the journal: this version and every later one can read what was written, and forged records are
// refused.
package record

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

const mediaA = "d003b383-bac0-42e9-a039-9bd4360f98a3"

func makeRecord(edit func(*Record)) *Record {
	at := metav1.NewMicroTime(time.Date(2026, 11, 20, 9, 1, 12, 877104000, time.UTC))
	r := &Record{
		Version: Version, ID: "f5ee219c-d4e6-4fc5-986d-46f1ce30e1ec", Type: "video.media.ready", Time: &at, Received: at,
		Namespace: "media", Endpoint: "fastpix", EndpointUID: "4d1b2c3a-0000-4000-8000-000000000000",
		Changes: []Change{{Kind: MediaAsset, ID: mediaA, Media: &MediaChange{State: StateReady}}},
	}
	if edit != nil {
		edit(r)
	}
	return r
}

func TestRecordsSurviveTheJournal(t *testing.T) {
	t.Parallel()
	none := map[string]fastpixv1.MetadataValue{}
	want := makeRecord(func(r *Record) {
		m := r.Changes[0].Media
		m.Title, m.Metadata, m.AudioOnly, m.Duration = new(""), &none, new(false), &metav1.Duration{Duration: 94500 * time.Millisecond}
		m.CreatorID = new("<a & b> \"quoted\"")
		m.PlaybackIDs = ListChange[fastpixv1.PlaybackID]{Snapshot: []fastpixv1.PlaybackID{{ID: "p"}}, Truncated: true}
		m.Tracks.Remove = []string{"t"}
		m.AI = &fastpixv1.MediaAI{Summary: &fastpixv1.AISummary{Availability: "Available"}}
	})
	encoded, err := Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(encoded, "\n") || strings.Contains(encoded, "subtitles") {
		t.Errorf("not compact: %s", encoded)
	}
	got, err := Decode(encoded)
	if err != nil {
		t.Fatal(err)
	}
	// Times keep their instant, not their location.
	got.Time, got.Received = want.Time, want.Received
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// The encoding is a contract with journals that older versions wrote. Every later version must read this text.
func TestRecordsOfVersion1StayReadable(t *testing.T) {
	t.Parallel()
	const v1 = `{"v":1,"id":"e","type":"video.media.live_stream.created","time":"2026-11-20T09:01:12.877104Z","untimed":true,` +
		`"received":"2026-11-20T09:01:13.000001Z","ns":"media","ep":"fastpix","uid":"u","fp":"01234567","changes":[` +
		`{"kind":"MediaAsset","id":"m","media":{"state":"Created","title":"","creatorID":"c","metadata":{"k":"v"},"workspaceID":"w","uploadID":"u","becameMediaID":"b",` +
		`"streamID":"s","maxResolution":"1080p","sourceResolution":"720p","aspectRatio":"16:9","frameRate":"30/1","duration":"1m34s","mediaQuality":"pro","audioOnly":false,` +
		`"sourceAccess":true,"mp4Support":"none","thumbnail":"","createdTime":"2026-11-20T09:01:12.000000Z","updatedTime":"2026-11-20T09:01:12.000000Z",` +
		`"playbackIDs":{"snapshot":[{"id":"p","accessPolicy":"public","accessRestrictions":{"domains":{"defaultPolicy":"allow","allow":["a"],"deny":["b"]}}}],"truncated":true},` +
		`"tracks":{"set":[{"id":"t","type":"video","state":"Available","languageCode":"en","languageName":"English","width":1,"height":2,"frameRate":"25"}],"remove":["x"]},` +
		`"subtitles":{"set":[{"id":"t"}]},"ai":{"summary":{"availability":"Available","text":"t"},"chapters":{"items":[{"chapter":"1","startTime":"0","endTime":"1","title":"t"}]},` +
		`"namedEntities":{"items":[{"entity":"e","category":"c","count":1}]},"moderation":{"items":[{"category":"c","score":"0.1"}]}}}},` +
		`{"kind":"LiveStream","id":"s","stream":{"state":"Active","metadata":{},"workspaceID":"w","maxResolution":"1080p","maxDuration":"8h0m0s","reconnectWindow":"1m0s",` +
		`"dvrMode":true,"lowLatency":true,"recordingEnabled":true,"closedCaptions":true,"mediaPolicy":"public","createdTime":"2026-11-20T09:01:12.000000Z",` +
		`"playbackIDs":{"snapshot":[{"id":"p"}]},"simulcastTargets":{"set":[{"id":"t","state":"Created","enabled":false}]},"recordings":{"set":[{"mediaID":"m"}]},"clips":{"set":[{"mediaID":"m"}]}}}]}`
	r, err := Decode(v1)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Encode(r)
	if err != nil {
		t.Fatal(err)
	}
	if again != v1 {
		t.Errorf("got %s\nwant %s", again, v1)
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	const marker = "a-marker-of-the-attacker"
	two := func(r *Record) { r.Changes = append(r.Changes, r.Changes[0]) }
	for name, edit := range map[string]func(*Record){
		"no version":              func(r *Record) { r.Version = 0 },
		"no event id":             func(r *Record) { r.ID = "" },
		"a long event id":         func(r *Record) { r.ID = strings.Repeat(marker, 9) },
		"an unknown type":         func(r *Record) { r.Type = marker },
		"an alias for a type":     func(r *Record) { r.Type = "video.upload.created" },
		"no receipt":              func(r *Record) { r.Received = metav1.MicroTime{} },
		"no time and no verdict":  func(r *Record) { r.Time = nil },
		"a time too far ahead":    func(r *Record) { r.Time = &metav1.MicroTime{Time: r.Received.Add(MaxFuture + time.Microsecond)} },
		"no namespace":            func(r *Record) { r.Namespace = "" },
		"a path for a namespace":  func(r *Record) { r.Namespace = "../" + marker },
		"no endpoint":             func(r *Record) { r.Endpoint = "" },
		"no change":               func(r *Record) { r.Changes = nil },
		"the same object twice":   two,
		"three changes":           func(r *Record) { two(r); two(r) },
		"no object id":            func(r *Record) { r.Changes[0].ID = "" },
		"an id not normal":        func(r *Record) { r.Changes[0].ID = strings.ToUpper(mediaA) },
		"an id with a line break": func(r *Record) { r.Changes[0].ID = marker + "\n" },
		"an unknown kind":         func(r *Record) { r.Changes[0].Kind = "Secret" },
		"no facts":                func(r *Record) { r.Changes[0].Media = nil },
		"a stream of a media":     func(r *Record) { r.Changes[0].Kind = LiveStream },
		"a stream by a media type": func(r *Record) {
			r.Changes = []Change{{Kind: LiveStream, ID: "s", Stream: &StreamChange{}}}
		},
		"a media by a stream type": func(r *Record) { r.Type = "video.live_stream.active" },
		"media and stream in one":  func(r *Record) { r.Changes[0].Stream = &StreamChange{} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			encoded, err := Encode(makeRecord(edit))
			if err != nil {
				t.Fatal(err)
			}
			if _, err = Decode(encoded); err == nil {
				t.Fatal("accepted")
			}
			if strings.Contains(err.Error(), marker) {
				t.Errorf("the error quotes the record: %v", err)
			}
		})
	}
}

func TestDecodeRefusesOtherText(t *testing.T) {
	t.Parallel()
	good, err := Encode(makeRecord(nil))
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		text string
		want error
	}{
		"a newer version, whatever else it holds": {text: `{"v":3,"changes":{"a":"b"}}`, want: ErrNewerVersion},
		"too many bytes":   {text: good + strings.Repeat(" ", MaxBytes), want: ErrTooLarge},
		"text after it":    {text: good + "{}"},
		"nothing":          {text: ""},
		"null":             {text: "null"},
		"a list":           {text: "[]"},
		"an unknown field": {text: strings.Replace(good, `"id"`, `"streamKey":"x","id"`, 1)},
		"a wrong type":     {text: strings.Replace(good, `"ns":"media"`, `"ns":5`, 1)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := Decode(tc.text); err == nil || tc.want != nil && !errors.Is(err, tc.want) {
				t.Errorf("got error %v, want %v", err, tc.want)
			}
		})
	}
}

func TestEncodeRefusesWhatIsTooLarge(t *testing.T) {
	t.Parallel()
	_, err := Encode(makeRecord(func(r *Record) { r.Changes[0].Media.Title = new(strings.Repeat("x", MaxBytes)) }))
	if !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}

// sampleRecords returns the receiver's records of the samples, from its golden files.
func sampleRecords(f *testing.F) []string {
	f.Helper()
	paths, err := filepath.Glob("../../internal/event/testdata/golden/*.json")
	if err != nil || len(paths) < 40 {
		f.Fatalf("%d golden files: %v", len(paths), err)
	}
	var all []string
	for _, path := range paths {
		text, err := os.ReadFile(path)
		r := makeRecord(nil)
		if err := errors.Join(err, json.Unmarshal(text, r)); err != nil {
			f.Fatal(err)
		}
		r.Untimed = Untimed(r.Time, r.Received)
		encoded, err := Encode(r)
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, encoded)
	}
	return all
}

// FuzzDecode checks that Decode never panics, that a decoded record stays the same when it is encoded and decoded again, and that it
// obeys the rules that the controllers rely on.
func FuzzDecode(f *testing.F) {
	seed, err := Encode(makeRecord(nil))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add(`{"v":3}`)
	for _, s := range sampleRecords(f) {
		f.Add(s)
	}
	f.Add(strings.Replace(seed, `"media":{`, `"media":{"title":"\ud800","ai":{"summary":{}},"tracks":{"remove":[""]},`, 1))
	f.Fuzz(func(t *testing.T, s string) {
		r, err := Decode(s)
		if err != nil {
			return
		}
		typ, known := Lookup(r.Type)
		if !known || len(r.Changes) == 0 || len(r.Changes) > MaxChanges || !r.Untimed && Untimed(r.Time, r.Received) {
			t.Fatalf("accepted %+v", r)
		}
		for i, c := range r.Changes {
			if c.Kind == MediaAsset && !typ.TouchesMedia || c.Kind == LiveStream && !typ.TouchesStream || (c.Media == nil) == (c.Stream == nil) {
				t.Fatalf("accepted change %+v by %s", c, r.Type)
			}
			if name := r.Key(i).Name; len(name) == 0 || len(name) > 63 {
				t.Fatalf("accepted name %q", name)
			}
		}
		encoded, err := Encode(r)
		if errors.Is(err, ErrTooLarge) {
			return // a text that grows by escaping
		}
		if err != nil {
			t.Fatal(err)
		}
		again, err := Decode(encoded)
		if err != nil {
			t.Fatalf("its own encoding is refused: %v", err)
		}
		a, errA := json.Marshal(r)
		b, errB := json.Marshal(again)
		if errA != nil || errB != nil || string(a) != string(b) {
			t.Fatalf("got %s, want %s", b, a)
		}
	})
}
