package workload

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"time"

	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// UUID is an id of the platform.
type UUID [16]byte

func (u UUID) append(b []byte) []byte {
	start := 0
	for _, end := range []int{4, 6, 8, 10, 16} {
		if start > 0 {
			b = append(b, '-')
		}
		b = hex.AppendEncode(b, u[start:end])
		start = end
	}
	return b
}

// String returns the id as FastPix writes it.
func (u UUID) String() string { return string(u.append(nil)) }

// xor makes one id of two: for each media another id of the same playback id or track of the sample.
func (u UUID) xor(o UUID) UUID {
	for i := range u {
		u[i] ^= o[i]
	}
	u[6] = u[6]&0x0f | 0x40
	return u
}

func parseUUID(s []byte) (u UUID) {
	if n, err := hex.Decode(u[:], bytes.ReplaceAll(s, []byte("-"), nil)); err != nil || n != len(u) {
		panic(fmt.Sprintf("%q is no UUID", s))
	}
	return u
}

// Event is one event about one media.
type Event struct {
	ID      UUID
	Media   UUID
	At      time.Time // when it happened
	Created time.Time // when the media was created
	Body    *Template
}

// Template is a sample body whose ids and times are replaced by those of an event.
type Template struct {
	// typ is the event's type, state what the media's state is once this is its newest event.
	typ, state string
	parts      []part
}

// part is a piece of a sample: literal text, or one to be replaced.
type part struct {
	literal []byte
	slot    slot
	sample  UUID // of slotPart
}

type slot int

const (
	slotLiteral slot = iota
	slotEvent        // the event's id
	slotMedia        // the media's id
	slotPart         // the id of something that belongs to the media
	slotAt           // when the event happened
	slotCreated      // when the media was created
	slotUpdated      // when the media was updated: shortly before the event
)

// The samples that make up the bursts.
var (
	MediaCreated = newTemplate("video.media.created.json", "Created")
	MediaReady   = newTemplate("video.media.ready.json", "Ready")
	MediaUpdated = newTemplate("video.media.updated.json", "Ready")
	mp4Ready     = newTemplate("video.media.mp4Support.ready.json", "Ready")
	trackCreated = newTemplate("video.media.track.created.json", "Ready")
	summaryReady = newTemplate("video.mediaAI.summary.ready.json", "Ready")
	MediaDeleted = newTemplate("video.media.deleted.json", "Deleted")
)

const (
	eventTimeFormat = "2006-01-02T15:04:05.000000000Z"
	mediaTimeFormat = "2006-01-02T15:04:05.000000Z"
)

var replaceable = regexp.MustCompile(`[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT[\d:.]+Z`)

// newTemplate cuts a sample of test/framework/fixtures into parts. It panics if the sample is not what it expects.
func newTemplate(file, state string) *Template {
	var sample struct {
		ID, Type, CreatedAt string
		Object, Workspace   struct{ ID string }
		Data                struct{ CreatedAt string }
	}
	var body bytes.Buffer
	if err := json.Compact(&body, fixtures.Payload(file)); err != nil {
		panic(fmt.Sprintf("%s: %v", file, err))
	}
	if err := json.Unmarshal(body.Bytes(), &sample); err != nil {
		panic(fmt.Sprintf("%s: %v", file, err))
	}
	t := &Template{typ: sample.Type, state: state}
	literals := 0
	for _, at := range replaceable.FindAllIndex(body.Bytes(), -1) {
		text := body.Bytes()[at[0]:at[1]]
		p := part{slot: slotPart}
		switch string(text) {
		case sample.Workspace.ID:
			continue
		case sample.ID:
			p.slot = slotEvent
		case sample.Object.ID:
			p.slot = slotMedia
		case sample.CreatedAt:
			p.slot = slotAt
		case sample.Data.CreatedAt:
			p.slot = slotCreated
		default:
			if bytes.ContainsRune(text, 'T') {
				p.slot = slotUpdated
			} else {
				p.sample = parseUUID(text)
			}
		}
		t.parts = append(t.parts, part{literal: body.Bytes()[literals:at[0]]}, p)
		literals = at[1]
	}
	t.parts = append(t.parts, part{literal: body.Bytes()[literals:]})
	return t
}

// render returns the body of an event.
func (e Event) render() []byte {
	b := make([]byte, 0, 2048)
	for _, p := range e.Body.parts {
		switch p.slot {
		case slotLiteral:
			b = append(b, p.literal...)
		case slotEvent:
			b = e.ID.append(b)
		case slotMedia:
			b = e.Media.append(b)
		case slotPart:
			b = e.Media.xor(p.sample).append(b)
		case slotAt:
			b = e.At.AppendFormat(b, eventTimeFormat)
		case slotCreated:
			b = e.Created.AppendFormat(b, mediaTimeFormat)
		case slotUpdated:
			b = e.At.Add(-400*time.Millisecond).AppendFormat(b, mediaTimeFormat)
		}
	}
	return b
}
