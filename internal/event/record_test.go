// These tests protect the records of the journal: whether a time is credible, the policy Omit, and that no event is lost because of its
// size.
package event

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

var receipt = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

func recordOf(e *Event, received time.Time) *record.Record {
	return e.Record(received, types.NamespacedName{Namespace: "media", Name: "fastpix"}, "4d1b2c3a-0000-4000-8000-000000000000", "01234567")
}

func TestEventWithoutCredibleTimeIsUntimed(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		createdAt   string
		wantUntimed bool
	}{
		"long ago":                    {createdAt: `"1970-01-01T00:00:01Z"`},
		"now":                         {createdAt: `"2026-11-20T09:00:00Z"`},
		"now, in small letters":       {createdAt: `"2026-11-20t09:00:00z"`},
		"five minutes ahead":          {createdAt: `"2026-11-20T09:05:00Z"`},
		"just more than five minutes": {createdAt: `"2026-11-20T09:05:00.000001Z"`, wantUntimed: true},
		"less than a microsecond more, which is cut": {createdAt: `"2026-11-20T09:05:00.000000999Z"`},
		"the last year": {createdAt: `"9999-12-31T23:59:59Z"`, wantUntimed: true},
		"missing":       {createdAt: `null`, wantUntimed: true},
		"unreadable":    {createdAt: `"soon"`, wantUntimed: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, err := Decode([]byte(`{"type":"video.media.ready","data":{"id":"m"},"createdAt":` + tc.createdAt + `}`))
			if err != nil {
				t.Fatal(err)
			}
			r := recordOf(e, receipt.Add(999*time.Nanosecond).In(time.FixedZone("X", 3600)))
			if r.Untimed != tc.wantUntimed {
				t.Errorf("got untimed %v, want %v", r.Untimed, tc.wantUntimed)
			}
			if !r.Received.Time.Equal(receipt) {
				t.Errorf("got receipt %v, want it cut to microseconds", r.Received)
			}
		})
	}
}

func TestEverySampleSurvivesTheJournal(t *testing.T) {
	t.Parallel()
	for _, name := range fixtures.Payloads() {
		e, err := Decode(fixtures.Payload(name))
		if err != nil || !e.Known {
			continue
		}
		want := recordOf(e, receipt)
		encoded, err := Fit(want)
		if err != nil {
			t.Fatal(name, err)
		}
		got, err := record.Decode(encoded)
		if err != nil {
			t.Fatal(name, err)
		}
		if again, err := record.Encode(got); err != nil || again != encoded {
			t.Errorf("%s: got (%s, %v), want %s", name, again, err, encoded)
		}
	}
}

func TestOmitTextClearsEveryText(t *testing.T) {
	t.Parallel()
	const texts = `"title":"CANARY","creatorId":"CANARY","metadata":{"CANARY":"CANARY"}`
	for name, body := range map[string]string{
		"a media":     mediaEvent("video.media.ready", `{`+texts+`}`),
		"an upload":   mediaEvent("video.media.upload", `{"pushMediaSettings":{`+texts+`}}`),
		"two medias":  mediaEvent("video.upload.media_created", `{"uploadId":"`+uploadB+`",`+texts+`}`),
		"a track":     mediaEvent("video.media.track.ready", `{"id":"t"}`),
		"a stream":    liveEvent("video.live_stream.idle", `{`+texts+`}`),
		"a recording": mediaEvent("video.media.live_stream.created", `{"streamId":"`+streamD+`",`+texts+`}`),
	} {
		e, err := Decode([]byte(body))
		if err != nil {
			t.Fatal(name, err)
		}
		e.OmitText()
		for _, c := range e.Changes {
			if m := c.Media; m != nil && (m.Title == nil || *m.Title != "" || m.CreatorID == nil || *m.CreatorID != "" || m.Metadata == nil || len(*m.Metadata) > 0) {
				t.Errorf("%s: the media %s is not cleared", name, c.ID)
			}
			if s := c.Stream; s != nil && (s.Metadata == nil || len(*s.Metadata) > 0) {
				t.Errorf("%s: the stream %s is not cleared", name, c.ID)
			}
		}
		encoded, err := Fit(recordOf(e, receipt))
		if err != nil || strings.Contains(encoded, "CANARY") || !strings.Contains(encoded, `"metadata":{}`) {
			t.Errorf("%s: got (%s, %v)", name, encoded, err)
		}
	}
}

// huge returns a body in which every field is as long as possible, of characters that take the most bytes.
func huge(head, wide string) []byte {
	text := func(n int) string { return strings.Repeat(wide, n) }
	word := text(600)
	list := func(n int, element string) string {
		var b []string
		for i := range n {
			b = append(b, strings.ReplaceAll(element, "#", fmt.Sprintf("%03d%s", i, longID(wide, 125))))
		}
		return "[" + strings.Join(b, ",") + "]"
	}
	rule := list(20, `"`+text(150)+`"`)
	rules := `{"defaultPolicy":"` + text(50) + `","allow":` + rule + `,"deny":` + rule + `}`
	access := `,"accessRestrictions":{"domains":` + rules + `,"userAgents":` + rules + `}`
	var metadata []string
	for i := range 50 {
		metadata = append(metadata, fmt.Sprintf(`"%03d%s":"%s"`, i, text(120), word))
	}
	fields := []string{
		`"status":"` + strings.Repeat("x", 1000) + `","title":"` + word + `","creatorId":"` + word + `","metadata":{` + strings.Join(metadata, ",") + `}`,
		`"maxResolution":"` + word + `","sourceResolution":"` + word + `","aspectRatio":"` + word + `","frameRate":"` + word + `","mediaQuality":"` + word + `"`,
		`"mp4Support":"` + word + `","duration":"9999:59:59.999999","mediaPolicy":"` + word + `"`,
		`"playbackIds":[{"id":"p"` + access + `},` + list(70, `{"id":"#","accessPolicy":"`+text(50)+`"}`)[1:],
		`"tracks":` + list(70, `{"id":"#","type":"`+text(50)+`","status":"`+strings.Repeat("x", 99)+`","languageCode":"`+text(150)+`","languageName":"`+text(150)+`","width":1048576,"height":1048576,"frameRate":"`+text(50)+`"}`),
		`"simulcastResponses":` + list(70, `{"simulcastId":"#","isEnabled":true}`) + `,"mediaIds":` + list(70, `"#"`),
		`"summary":{"status":"` + strings.Repeat("x", 99) + `","data":"` + text(5000) + `"}`,
		`"chapters":{"data":` + list(40, `{"chapter":"`+text(50)+`","startTime":"`+text(50)+`","endTime":"`+text(50)+`","title":"`+text(150)+`"}`) + `}`,
		`"namedEntities":{"data":` + list(40, `{"entity":"`+text(150)+`","category":"`+text(150)+`","count":2147483647}`) + `}`,
		`"moderation":{"data":` + list(40, `{"category":"`+text(150)+`","score":0.123456789}`) + `}`,
	}
	return []byte(head + strings.Join(fields, ",") + "}}")
}

// longID returns an id of at most that many bytes as JSON writes it, which is how ids are limited.
func longID(wide string, bytes int) string {
	written, err := json.Marshal(wide)
	if err != nil {
		panic(err)
	}
	return strings.Repeat(wide, bytes/(len(written)-len(`""`)))
}

// hugeHeads are events that concern as many objects as possible.
func hugeHeads(wide string) map[string]string {
	id := longID(wide, 120)
	ids := `"id":"m` + id + `","uploadId":"u` + id + `","streamId":"s` + id + `",`
	head := func(typ string) string {
		return `{"type":"` + typ + `","id":"e` + id + `","createdAt":"2026-11-20T09:00:00Z","workspaceId":"w` + id + `","data":{` + ids
	}
	return map[string]string{
		"media and its upload":    head("video.upload.media_created"),
		"recording and stream":    head("video.media.live_stream.created"),
		"stream":                  head("video.live_stream.active"),
		"AI with the whole media": `{"type":"video.mediaAI.summary.ready","object":{"type":"media","id":"m` + id + `"},"id":"e","data":{` + ids,
	}
}

func TestFitNeverLosesAnEventForItsSize(t *testing.T) {
	t.Parallel()
	for _, wide := range []string{"x", "é", "𝄞", "&", `\"`} {
		for name, head := range hugeHeads(wide) {
			body := huge(head, wide)
			if wide == `\"` || wide == "\u2028" { // no id has the second
				body = huge(strings.ReplaceAll(head, wide, "q"), wide)
			}
			e, err := Decode(body)
			if err != nil {
				t.Fatal(name, err)
			}
			r := recordOf(e, receipt)
			encoded, err := Fit(r)
			if err != nil {
				t.Fatalf("%s of %q: %v", name, wide, err)
			}
			if len(encoded) > record.MaxBytes || len(encoded) < record.MaxBytes/16 {
				t.Errorf("%s of %q: %d bytes", name, wide, len(encoded))
			}
			got, err := record.Decode(encoded)
			if err != nil {
				t.Fatalf("%s of %q: %v", name, wide, err)
			}
			if m := got.Changes[0].Media; m != nil && len(m.PlaybackIDs.Snapshot) > 0 && !m.PlaybackIDs.Truncated {
				t.Errorf("%s of %q: a list was cut and does not say so", name, wide)
			}
			e2, err := Decode(body)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := Fit(recordOf(e2, receipt.Add(time.Hour))); err != nil || len(again) != len(encoded) {
				t.Errorf("%s of %q: a redelivery is cut to %d bytes, not %d: %v", name, wide, len(again), len(encoded), err)
			}
		}
	}
}

func TestFitLeavesWhatFitsAlone(t *testing.T) {
	t.Parallel()
	e, err := Decode(fixtures.Payload("video.media.ready.json"))
	if err != nil {
		t.Fatal(err)
	}
	want, err := json.Marshal(recordOf(e, receipt))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Fit(recordOf(e, receipt)); err != nil || got != string(want) {
		t.Errorf("got (%s, %v), want %s", got, err, want)
	}
}
