package projection

import (
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/projection/merge"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// These tests protect the size of a mirror: the limits of the projection are those of the schema, and the largest objects fit into etcd.

// schemaNode is the part of a CRD's schema that these tests read.
type schemaNode struct {
	Properties           map[string]schemaNode `json:"properties"`
	AdditionalProperties *schemaNode           `json:"additionalProperties"`
	Items                *schemaNode           `json:"items"`
	MaxLength            *int                  `json:"maxLength"`
	MaxItems             *int                  `json:"maxItems"`
	MaxProperties        *int                  `json:"maxProperties"`
	Type                 string                `json:"type"`
	Format               string                `json:"format"`
}

func statusSchema(t *testing.T, plural string) schemaNode {
	t.Helper()
	text, err := os.ReadFile("../../config/crd/bases/video.fastpix.com_" + plural + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	var crd struct {
		Spec struct {
			Versions []struct {
				Schema struct {
					OpenAPIV3Schema schemaNode `json:"openAPIV3Schema"`
				} `json:"schema"`
			} `json:"versions"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal(text, &crd); err != nil {
		t.Fatal(err)
	}
	return crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["status"]
}

// lineLimits bound the lines of events. They have no type in the schema, which could therefore not bound them (decision 0048).
var lineLimits = map[string]int{".recentEvents[]": 1024, ".provenance[]": 262144}

// check reports values that a schema does not allow, and counts by path how often a value fills its limit.
func (n schemaNode) check(t *testing.T, path string, value any, full map[string]bool) {
	t.Helper()
	switch v := value.(type) {
	case string:
		if limit, isLine := lineLimits[path]; isLine {
			if utf8.RuneCountInString(v) > limit {
				t.Errorf("%s: %d characters, want at most %d", path, utf8.RuneCountInString(v), limit)
			}
			full[path] = full[path] || utf8.RuneCountInString(v) == limit
			return
		}
		if n.Type != "string" || n.MaxLength != nil && utf8.RuneCountInString(v) > *n.MaxLength {
			t.Errorf("%s: %d characters do not fit", path, utf8.RuneCountInString(v))
		}
		if n.MaxLength == nil && n.Format == "" && path != ".conditions[].status" && !strings.HasSuffix(strings.ToLower(path), "duration") && !strings.HasSuffix(path, "reconnectWindow") {
			t.Errorf("%s: the schema has no limit", path)
		}
		full[path] = full[path] || n.MaxLength == nil || utf8.RuneCountInString(v) == *n.MaxLength
	case []any:
		if n.MaxItems == nil || len(v) > *n.MaxItems {
			t.Errorf("%s: %d items do not fit", path, len(v))
			return
		}
		full[path] = full[path] || len(v) == *n.MaxItems
		for _, item := range v {
			n.Items.check(t, path+"[]", item, full)
		}
	case map[string]any:
		if n.MaxProperties != nil {
			if len(v) > *n.MaxProperties {
				t.Errorf("%s: %d keys do not fit", path, len(v))
			}
			full[path] = full[path] || len(v) == *n.MaxProperties
		}
		for key, item := range v {
			child, ok := n.Properties[key]
			switch {
			case n.AdditionalProperties != nil:
				n.AdditionalProperties.check(t, path+"{}", item, full)
			case !ok:
				t.Errorf("%s.%s is not in the schema", path, key)
			default:
				child.check(t, path+"."+key, item, full)
			}
		}
	}
}

// huge fills every field of a change beyond its limit, by reflection. A text is 2,100 times one letter.
func huge(v reflect.Value, letter string) {
	tooLong := strings.Repeat(letter, 2100)
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		huge(v.Elem(), letter)
	case reflect.Struct:
		if t, ok := reflect.TypeAssert[*metav1.MicroTime](v.Addr()); ok {
			t.Time = epoch
			return
		}
		for _, field := range v.Fields() {
			huge(field, letter)
		}
	case reflect.String:
		v.SetString(tooLong)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int64:
		v.SetInt(1 << 40)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 100, 100))
		for i := range 100 {
			huge(v.Index(i), letter)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for i := range 100 {
			v.SetMapIndex(reflect.ValueOf(fmt.Sprint(i)+tooLong), reflect.ValueOf(fastpixv1.MetadataValue(tooLong)))
		}
	}
}

// giveIDs gives the elements of a list ids of the greatest length.
func giveIDs[T any](all []T, set func(e *T, id string)) []T {
	for i := range all {
		set(&all[i], longID(i))
	}
	return all
}

func longID(i int) string { return fmt.Sprintf("%s%0*d", "id-", record.MaxIDBytes-3, i) }

func hugeRecord(kind record.Kind, letter string) *record.Record {
	typ := map[record.Kind]string{record.MediaAsset: "video.media.updated", record.LiveStream: "video.live_stream.disconnected"}[kind]
	r := newRecord(strings.Repeat("e", 5000), typ)
	r.Time = &metav1.MicroTime{Time: epoch}
	c := record.Change{Kind: kind, ID: objectID}
	if kind == record.MediaAsset {
		c.Media = &record.MediaChange{}
		huge(reflect.ValueOf(c.Media).Elem(), letter)
		c.Media.PlaybackIDs = record.ListChange[fastpixv1.PlaybackID]{Snapshot: giveIDs(c.Media.PlaybackIDs.Snapshot, func(e *fastpixv1.PlaybackID, id string) { e.ID = id })}
		c.Media.Tracks = record.ListChange[fastpixv1.Track]{Snapshot: giveIDs(c.Media.Tracks.Snapshot, func(e *fastpixv1.Track, id string) { e.ID = id })}
		c.Media.Subtitles = record.ListChange[fastpixv1.Subtitle]{Snapshot: giveIDs(c.Media.Subtitles.Snapshot, func(e *fastpixv1.Subtitle, id string) { e.ID = id })}
	} else {
		c.Stream = &record.StreamChange{}
		huge(reflect.ValueOf(c.Stream).Elem(), letter)
		c.Stream.PlaybackIDs = record.ListChange[fastpixv1.PlaybackID]{Snapshot: giveIDs(c.Stream.PlaybackIDs.Snapshot, func(e *fastpixv1.PlaybackID, id string) { e.ID = id })}
		c.Stream.SimulcastTargets = record.ListChange[fastpixv1.SimulcastTarget]{Snapshot: giveIDs(c.Stream.SimulcastTargets.Snapshot, func(e *fastpixv1.SimulcastTarget, id string) { e.ID = id })}
		c.Stream.Recordings = record.ListChange[fastpixv1.MediaReference]{Snapshot: giveIDs(c.Stream.Recordings.Snapshot, func(e *fastpixv1.MediaReference, id string) { e.MediaID = id })}
		c.Stream.Clips = record.ListChange[fastpixv1.MediaReference]{Snapshot: giveIDs(c.Stream.Clips.Snapshot, func(e *fastpixv1.MediaReference, id string) { e.MediaID = id })}
	}
	r.Changes = []record.Change{c}
	return r
}

func TestLimitsAreTheSchemas(t *testing.T) {
	t.Parallel()
	// Here the projection is stricter than the schema, or the catalogue determines the length of a type.
	strict := []string{"accessRestrictions", "lastEvent", "recentEvents", "provenance", "conditions", "timer", "simulcastTargets[].state", ".state"}
	for kind, plural := range map[record.Kind]string{record.MediaAsset: "mediaassets", record.LiveStream: "livestreams"} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			r := hugeRecord(kind, "é") // a limit counts characters, not bytes
			m := blank(kind).fold(r).settle(epoch)
			if kind == record.MediaAsset { // a word of the platform
				m.media.State = merge.Cut(m.media.State, merge.MaxState)
			}
			var status any
			if err := json.Unmarshal([]byte(m.json()), &status); err != nil {
				t.Fatal(err)
			}
			full := map[string]bool{}
			statusSchema(t, plural).check(t, "", status, full)
			for path, is := range full {
				if !is && !containsAny(path, strict) {
					t.Errorf("%s is cut below the schema's limit", path)
				}
			}
			if len(full) < 10 {
				t.Errorf("only %d limits were looked at", len(full))
			}
			if again := m.stored().fold(r); again.json() != m.json() {
				t.Errorf("what was cut does not stay:\ngot  %s\nwant %s", again.json(), m.json())
			}
		})
	}
}

func containsAny(s string, parts []string) bool {
	for _, part := range parts {
		if strings.Contains(s, part) {
			return true
		}
	}
	return false
}

// maxObjectBytes bounds an object's status. etcd refuses requests above 1.5 MiB.
const maxObjectBytes = 1 << 20

// TestBiggestObjectsFitIntoEtcd builds the largest mirrors: every text consists of the characters with the longest JSON, every list is
// full, and every field, element, attribute and tombstone comes from an event of its own with the longest names.
func TestBiggestObjectsFitIntoEtcd(t *testing.T) {
	t.Parallel()
	for kind, plural := range map[record.Kind]string{record.MediaAsset: "mediaassets", record.LiveStream: "livestreams"} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			m := blank(kind).fold(biggest(kind)...).settle(epoch)
			stored, err := json.Marshal(m.status()) // as the API server writes it, "<" in six bytes
			if err != nil {
				t.Fatal(err)
			}
			size := len(stored)
			t.Logf("%d KiB, %d entries of provenance", size>>10, len(m.provenance()))
			if size > maxObjectBytes {
				t.Errorf("%d bytes, want at most %d", size, maxObjectBytes)
			}
			for list := range m.kindLists() {
				if elements, removed := m.sizes(t, list); elements != merge.MaxElements || removed != merge.MaxTombstones {
					t.Errorf("%s has %d elements and %d removals: not the biggest", list, elements, removed)
				}
			}
			var status any
			if err := json.Unmarshal(stored, &status); err != nil {
				t.Fatal(err)
			}
			full := map[string]bool{}
			statusSchema(t, plural).check(t, "", status, full)
		})
	}
}

// kindLists returns the names of a mirror's lists.
func (m mirror) kindLists() iter.Seq[string] {
	if m.kind == record.MediaAsset {
		return maps.Keys(mediaKind.Lists())
	}
	return maps.Keys(streamKind.Lists())
}

// sizes returns how many elements and removals of a list a mirror holds.
func (m mirror) sizes(t *testing.T, list string) (elements, removed int) {
	t.Helper()
	var all []any
	if err := json.Unmarshal(objectOf(m.json())[list], &all); err != nil {
		t.Fatal(err)
	}
	for name := range originsOf(m.provenance()) {
		if strings.HasPrefix(name, string(merge.MarkRemoved)+list+"[") {
			removed++
		}
	}
	return len(all), removed
}

const typeTargetUpdated = "video.live_stream.simulcast_target.updated"

// biggest returns the records of the largest mirror: the facts of hugeRecord, each by an event of its own.
func biggest(kind record.Kind) []*record.Record {
	b := &builder{kind: kind, types: map[record.Kind]string{
		record.MediaAsset: "video.mediaAI.named-entities.ready", record.LiveStream: "video.live_stream.simulcast_target.broadcasting",
	}}
	whole := hugeRecord(kind, "<").Changes[0]
	if kind == record.MediaAsset {
		b.scalars(reflect.ValueOf(whole.Media).Elem())
		b.ai(whole.Media.AI)
		lists(b, playbackIDs, whole.Media.PlaybackIDs.Snapshot, func(c *record.Change) *record.ListChange[fastpixv1.PlaybackID] { return &c.Media.PlaybackIDs })
		lists(b, tracks, whole.Media.Tracks.Snapshot, func(c *record.Change) *record.ListChange[fastpixv1.Track] { return &c.Media.Tracks })
		lists(b, subtitles, whole.Media.Subtitles.Snapshot, func(c *record.Change) *record.ListChange[fastpixv1.Subtitle] { return &c.Media.Subtitles })
		b.next("video.media.updated").Media.State = strings.Repeat("S", 64)
		return b.records
	}
	b.scalars(reflect.ValueOf(whole.Stream).Elem())
	lists(b, playbackIDs, whole.Stream.PlaybackIDs.Snapshot, func(c *record.Change) *record.ListChange[fastpixv1.PlaybackID] { return &c.Stream.PlaybackIDs })
	lists(b, simulcastTargets, whole.Stream.SimulcastTargets.Snapshot, func(c *record.Change) *record.ListChange[fastpixv1.SimulcastTarget] {
		return &c.Stream.SimulcastTargets
	})
	for _, target := range whole.Stream.SimulcastTargets.Snapshot[:merge.MaxElements] { // their states are by older events than they are
		b.next(typeTargetUpdated).Stream.SimulcastTargets.Set = []fastpixv1.SimulcastTarget{{ID: target.ID}}
	}
	lists(b, mediaReferences, whole.Stream.Recordings.Snapshot, func(c *record.Change) *record.ListChange[fastpixv1.MediaReference] { return &c.Stream.Recordings })
	lists(b, mediaReferences, whole.Stream.Clips.Snapshot, func(c *record.Change) *record.ListChange[fastpixv1.MediaReference] { return &c.Stream.Clips })
	for _, typ := range []string{typeActive, typeRecording, typeDisconnected} {
		b.next(typ).Stream.State = "x"
	}
	return b.records
}

type builder struct {
	kind    record.Kind
	types   map[record.Kind]string
	records []*record.Record
}

// next returns the change of another event, a second later than the one before.
func (b *builder) next(typ string) *record.Change {
	n := len(b.records)
	r := newRecord(longID(n), typ)
	r.Time = &metav1.MicroTime{Time: epoch.Add(time.Duration(n) * time.Second)}
	c := record.Change{Kind: b.kind, ID: objectID}
	if b.kind == record.MediaAsset {
		c.Media = &record.MediaChange{}
	} else {
		c.Stream = &record.StreamChange{}
	}
	r.Changes = []record.Change{c}
	b.records = append(b.records, r)
	return &r.Changes[0]
}

func (b *builder) scalars(whole reflect.Value) {
	for i := range whole.NumField() {
		if whole.Field(i).Kind() == reflect.Pointer && whole.Type().Field(i).Name != "AI" {
			b.next(b.types[b.kind])
			change(b.records[len(b.records)-1]).Field(i).Set(whole.Field(i))
		}
	}
}

func (b *builder) ai(whole *fastpixv1.MediaAI) {
	parts := reflect.ValueOf(whole).Elem()
	for i := range parts.NumField() {
		for leaf := range 2 {
			part := reflect.New(parts.Field(i).Type().Elem())
			part.Elem().Field(leaf).Set(parts.Field(i).Elem().Field(leaf))
			ai := &fastpixv1.MediaAI{}
			reflect.ValueOf(ai).Elem().Field(i).Set(part)
			b.next(b.types[b.kind]).Media.AI = ai
		}
	}
}

// lists fills every list to its bound: a snapshot, elements whose attributes other events set, and tombstones that exceeded their bound.
func lists[T any](b *builder, s *merge.Schema[T], whole []T, in func(*record.Change) *record.ListChange[T]) {
	*in(b.next(b.types[b.kind])) = record.ListChange[T]{Snapshot: whole[:1], Truncated: true}
	for i := range merge.MaxTombstones + 1 {
		in(b.next(b.types[b.kind])).Remove = []string{longID(1000 + i)}
	}
	for _, e := range whole[:merge.MaxElements] {
		for _, a := range s.Attributes {
			one := s.Bare(s.ID(&e))
			a.Copy(&one, &e)
			in(b.next(b.types[b.kind])).Set = []T{one}
		}
		in(b.next(b.types[b.kind])).Set = []T{s.Bare(s.ID(&e))}
	}
}
