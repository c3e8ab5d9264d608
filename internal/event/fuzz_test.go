package event

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
	"github.com/fastpix-operator/fastpix-operator/internal/text"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// FuzzDecode checks that Decode never panics and is deterministic, and that every event of a known type becomes a record that fits, that
// the controllers can read, and that holds no stream secret.
func FuzzDecode(f *testing.F) {
	for _, name := range fixtures.Payloads() {
		f.Add(fixtures.Payload(name))
	}
	f.Add([]byte(mediaEvent("video.upload.media_created", `{"uploadId":"`+uploadB+`","mp4Support":[{"type":"a"}],"metadata":{"\ud800":1e5,"a":[]}}`)))
	f.Add([]byte(liveEvent("video.live_stream.recording.ready", `{"mediaId":5,"id":-0}`)))
	f.Add([]byte("\uFEFF{\"\\u0074ype\" : \"video.mediaAI.chapters.ready\", \"object\":[{\"id\":\"x-y\"}],\"data\":[[],{}]}"))
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := Decode(body)
		if probe := LooksLikeProbe(body); probe != errors.Is(err, ErrProbe) && len(trim(body)) > 0 {
			t.Fatalf("probe %v, but error %v", probe, err)
		}
		if err != nil {
			if e != nil || !errors.Is(err, ErrNotObject) && !errors.Is(err, ErrProbe) && !errors.Is(err, ErrNoID) {
				t.Fatalf("got (%v, %v)", e, err)
			}
			if errors.Is(err, ErrNotObject) && isObject(body) {
				t.Fatal("a JSON object is refused")
			}
			return
		}
		if e.Known != (len(e.Changes) > 0) || e.ID == "" || e.Family == "" || len(e.Skipped) > 64 {
			t.Fatalf("got %+v", e)
		}
		if !e.Known {
			return
		}
		encoded := checkRecord(t, recordOf(e, receipt))
		again, err := Decode(slices.Clone(body))
		if err != nil {
			t.Fatal(err)
		}
		if s, err := Fit(recordOf(again, receipt)); err != nil || s != encoded {
			t.Fatalf("decoded again: (%s, %v), want %s", s, err, encoded)
		}
	})
}

func isObject(body []byte) bool {
	var object map[string]any
	return json.Unmarshal([]byte(strings.TrimPrefix(string(body), "\uFEFF")), &object) == nil && object != nil
}

// checkRecord checks that a record fits, that the controllers read it as it is, and that it holds no stream secret. It returns its text.
func checkRecord(t *testing.T, rec *record.Record) string {
	t.Helper()
	encoded, err := Fit(rec)
	if err != nil {
		t.Fatal(err)
	}
	r, err := record.Decode(encoded)
	if err != nil {
		t.Fatalf("%s: %v", encoded, err)
	}
	if again, err := record.Encode(r); err != nil || again != encoded {
		t.Fatalf("got (%s, %v), want %s", again, err, encoded)
	}
	if text.LooksSecret(encoded) {
		t.Fatalf("a stream secret in %s", encoded)
	}
	return encoded
}

// FuzzObserve checks that Observe never panics, and that every row that it reads becomes a record that fits, that the controllers can read, and that holds no
// stream secret.
func FuzzObserve(f *testing.F) {
	for _, row := range []string{
		`{"id":"m","status":"In Queue","tracks":[{"id":"t","frameRate":"24.000","status":"Ready"}],"duration":"00:03:03","updatedAt":"2026-11-20T09:06:49.921122Z"}`,
		`{"streamId":"5c1e0b7d9a3f4e2c8b6d1f0a7e9c3b52","streamKey":"1a2b3c4d5e6f708192a3b4c5d6e7f809k5c1e0b7d9a3f4e2c8b6d1f0a7e9c3b52","status":"active","maxDuration":0}`,
		`{"id":7,"streamId":null,"metadata":[],"playbackIds":"none"}`,
	} {
		f.Add([]byte(row), false)
		f.Add([]byte(row), true)
	}
	f.Fuzz(func(t *testing.T, row []byte, stream bool) {
		kind := record.MediaAsset
		if stream {
			kind = record.LiveStream
		}
		o, err := Observe(kind, row)
		if err != nil {
			if !errors.Is(err, ErrRowNotObject) && !errors.Is(err, ErrRowNoID) {
				t.Fatal(err)
			}
			return
		}
		checkRecord(t, o.Record(Reply{Date: receipt, Received: receipt}, observer, "uid"))
	})
}
