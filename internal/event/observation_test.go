// These tests protect observations: a row of the management API gives the facts that an event of the same object gives, and none of its secrets.
package event

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
	"github.com/fastpix-operator/fastpix-operator/test/framework/redaction"
)

var observer = types.NamespacedName{Namespace: "media", Name: "fastpix"}

// sampleRow is one row of a captured page.
type sampleRow struct {
	kind record.Kind
	text json.RawMessage
}

func sampleRows(t *testing.T) []sampleRow {
	t.Helper()
	files, err := filepath.Glob("testdata/rows/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	var rows []sampleRow
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var page struct{ Data []json.RawMessage }
		if err := json.Unmarshal(text, &page); err != nil || len(page.Data) == 0 {
			t.Fatalf("%s holds no rows: %v", file, err)
		}
		kind := record.MediaAsset
		if strings.HasPrefix(filepath.Base(file), "streams") {
			kind = record.LiveStream
		}
		for _, row := range page.Data {
			rows = append(rows, sampleRow{kind: kind, text: row})
		}
	}
	return rows
}

// observed returns the record of a row as the journal holds it, and decodes it as controllers do.
func observed(t *testing.T, kind record.Kind, row []byte) (string, *record.Record) {
	t.Helper()
	o, err := Observe(kind, row)
	if err != nil {
		t.Fatalf("%v: %s", err, row)
	}
	encoded, err := Fit(o.Record(Reply{Date: receipt, Received: receipt, Grace: 2 * time.Minute}, observer, "uid"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := record.Decode(encoded)
	if err != nil {
		t.Fatalf("%v: %s", err, encoded)
	}
	return encoded, r
}

func TestRowsAreObserved(t *testing.T) {
	t.Parallel()
	rows := sampleRows(t)
	_, media := observed(t, rows[0].kind, rows[0].text)
	m := media.Changes[0].Media
	if media.Type != record.TypeMediaObserved || m == nil || m.State != record.StateReady || *m.SourceResolution != "720p" || m.Duration.Duration != 183*time.Second {
		t.Errorf("got %+v", m)
	}
	if len(m.Tracks.Snapshot) != 2 || m.Tracks.Snapshot[0].State != record.StateAvailable {
		t.Errorf("the tracks are %+v", m.Tracks)
	}
	for _, row := range rows {
		if row.kind != record.LiveStream {
			continue
		}
		_, r := observed(t, row.kind, row.text)
		s := r.Changes[0].Stream
		if r.Type != record.TypeStreamObserved || s == nil || s.State != record.StateIdle && s.State != record.StateActive || s.MaxResolution == nil || s.RecordingEnabled == nil {
			t.Errorf("got %+v", s)
		}
	}
}

func TestSecretsOfRowsDoNotAppear(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	secrets := redaction.NewSecrets(seed)
	planted := 0
	for _, row := range sampleRows(t) {
		out, _ := observed(t, row.kind, row.text)
		for _, marker := range []string{"rtmp", "live_0815", "1a2b3c4d5e6f7081", "play5c1e", "99887766", "0f1e2d3c"} {
			if strings.Contains(out, marker) {
				t.Errorf("%s appears in %s", marker, out)
			}
		}
		redaction.Plant(row.text, secrets.Next, func(place string, body []byte) bool {
			planted++
			o, err := Observe(row.kind, body)
			if err != nil {
				return true // the id is a secret
			}
			encoded, err := Fit(o.Record(Reply{Date: receipt, Received: receipt}, observer, "uid"))
			if err != nil || strings.Contains(strings.ToLower(encoded), secrets.Marker) || strings.Contains(strings.Join(o.Skipped, " "), secrets.Marker) {
				t.Errorf("seed %d, %s: %v: a secret appears in %s", seed, place, err, encoded)
			}
			return true
		})
	}
	if planted == 0 {
		t.Error("no secret was planted")
	}
}

func TestRowsThatAreNoObjects(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]error{
		`[]`: ErrRowNotObject, ``: ErrRowNotObject, `"m"`: ErrRowNotObject, `{"id":`: ErrRowNotObject, `null`: ErrRowNotObject,
		`{}`: ErrRowNoID, `{"id":null}`: ErrRowNoID, `{"id":"a\u0000b"}`: ErrRowNoID, `{"streamId":"s"}`: ErrRowNoID,
	} {
		if _, err := Observe(record.MediaAsset, []byte(text)); !errors.Is(err, want) {
			t.Errorf("%s gives %v, want %v", text, err, want)
		}
	}
	if _, err := Observe(record.LiveStream, []byte(`{"id":"s"}`)); !errors.Is(err, ErrRowNoID) {
		t.Errorf("a stream with id alone gives %v: the API calls it streamId", err)
	}
}

// The time of an observation is FastPix's clock minus the grace, or the time of the media's last change.
func TestTimeOfAnObservation(t *testing.T) {
	t.Parallel()
	reply := Reply{Date: receipt, Received: receipt.Add(-time.Minute), Grace: 2 * time.Minute}
	for updated, want := range map[string]time.Time{
		"":                         receipt.Add(-2 * time.Minute),
		"2026-11-20T08:57:59Z":     receipt.Add(-2 * time.Minute),
		"2026-11-20T08:59:59.5Z":   receipt.Add(-500 * time.Millisecond),
		"2026-11-20T09:04:00.001Z": receipt.Add(4*time.Minute + time.Millisecond),
	} {
		o, err := Observe(record.MediaAsset, []byte(`{"id":"m","status":"Ready","updatedAt":"`+updated+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		r := o.Record(reply, observer, "uid")
		if !r.Time.Time.Equal(want) {
			t.Errorf("updatedAt %q gives %v, want %v", updated, r.Time, want)
		}
		if wantUntimed := want.After(reply.Received.Add(record.MaxFuture)); r.Untimed != wantUntimed {
			t.Errorf("updatedAt %q: untimed %v, want %v", updated, r.Untimed, wantUntimed)
		}
	}
	// An updatedAt of tomorrow must not freeze the mirror.
	o, _ := Observe(record.MediaAsset, []byte(`{"id":"m","updatedAt":"2026-11-21T09:00:00Z"}`))
	if r := o.Record(reply, observer, "uid"); !r.Untimed {
		t.Errorf("an absurd updatedAt is believed: %+v", r)
	}
}

// The same answer is the same record, and another answer another record.
func TestIDsOfObservationsFollowFromTheirContent(t *testing.T) {
	t.Parallel()
	id := func(kind record.Kind, row string, at time.Time) string {
		o, err := Observe(kind, []byte(row))
		if err != nil {
			t.Fatal(err)
		}
		return o.Record(Reply{Date: at, Received: at}, observer, "uid").ID
	}
	one := id(record.MediaAsset, `{"id":"m","title":"a","metadata":{"k":"v","l":"w"}}`, receipt)
	if again := id(record.MediaAsset, `{"metadata":{"l":"w","k":"v"},"title":"a","id":"m"}`, receipt); again != one {
		t.Errorf("the same answer has the ids %s and %s", one, again)
	}
	seen := map[string]bool{one: true}
	for _, other := range []string{
		id(record.MediaAsset, `{"id":"m","title":"b","metadata":{"k":"v","l":"w"}}`, receipt),
		id(record.MediaAsset, `{"id":"n","title":"a","metadata":{"k":"v","l":"w"}}`, receipt),
		id(record.MediaAsset, `{"id":"m","title":"a","metadata":{"k":"v","l":"w"}}`, receipt.Add(time.Second)),
		id(record.LiveStream, `{"streamId":"m","metadata":{"k":"v","l":"w"}}`, receipt),
		Absent(record.MediaAsset, "m").Record(Reply{Date: receipt, Received: receipt}, observer, "uid").ID,
	} {
		if seen[other] || !record.UsableID(other) {
			t.Errorf("the id %s is used twice or unusable", other)
		}
		seen[other] = true
	}
}

func TestTextOfObservationsIsDropped(t *testing.T) {
	t.Parallel()
	dropped := 0
	for _, row := range sampleRows(t) {
		o, err := Observe(row.kind, row.text)
		if err != nil {
			t.Fatal(err)
		}
		had := o.Change.Media != nil && o.Change.Media.Metadata != nil || o.Change.Stream != nil && o.Change.Stream.Metadata != nil
		DropText(&o.Change)
		if m := o.Change.Media; m != nil && (m.Title != nil || m.CreatorID != nil || m.Metadata != nil) {
			t.Errorf("the texts are %v, %v and %v", m.Title, m.CreatorID, m.Metadata)
		}
		if s := o.Change.Stream; s != nil && s.Metadata != nil {
			t.Errorf("the metadata is %v", s.Metadata)
		}
		if had {
			dropped++
		}
	}
	if dropped == 0 {
		t.Error("no sample has metadata")
	}
}

// A webhook cannot be an observation: its type is unknown.
func TestWebhooksAreNotObservations(t *testing.T) {
	t.Parallel()
	for _, typ := range []string{record.TypeMediaObserved, record.TypeMediaMissing, record.TypeStreamObserved, record.TypeStreamMissing} {
		e, err := Decode([]byte(`{"type":"` + typ + `","object":{"type":"media","id":"m"},"data":{"id":"m","streamId":"m"}}`))
		if err != nil || e.Known {
			t.Errorf("%s is known as %+v (%v)", typ, e, err)
		}
	}
}
