package projection

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/projection/merge"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// The generators create histories that a sender could produce. They use so few ids, times and values that ties, repetitions and
// contradictions are common. They iterate over the fields of a change by reflection, so they also generate fields that are added later.

const objectID = "0a1b2c3d"

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// bounds holds how many ids of elements a generated history uses.
type bounds struct{ elements, events int }

var (
	within = bounds{elements: 4, events: 12}
	brim   = bounds{elements: 64, events: 12} // as many as a list holds, and as many removals
	beyond = bounds{elements: 140, events: 12}
)

// oddIDs are ids that look like other syntax in provenance.
var oddIDs = []string{"el0", "el1].state", "-el2[x]", "^el3"}

// anID draws the id of an element.
func (b bounds) anID(t *rapid.T, label string) string {
	return b.id(rapid.IntRange(0, b.elements-1).Draw(t, label))
}

func (b bounds) id(n int) string {
	if b.elements == len(oddIDs) {
		return oddIDs[n]
	}
	return fmt.Sprintf("el%d", n%b.elements)
}

// typesOf returns the types of the records of a kind: events, and observations several times, so that they are not rare.
func typesOf(kind record.Kind) []record.Type {
	types := slices.DeleteFunc(record.Catalogue(), func(t record.Type) bool {
		return kind == record.MediaAsset && !t.TouchesMedia || kind == record.LiveStream && !t.TouchesStream
	})
	observed, _ := record.LookupRecord(record.Observed(kind))
	missing, _ := record.LookupRecord(record.Missing(kind))
	return append(types, observed, observed, observed, missing, missing)
}

// history draws a set of records about one object.
func history(t *rapid.T, kind record.Kind, b bounds) []*record.Record {
	n := rapid.IntRange(1, b.events).Draw(t, "events")
	records := make([]*record.Record, n)
	for i := range records {
		records[i] = aRecord(t, kind, b)
	}
	if rapid.IntRange(0, 3).Draw(t, "instant") == 3 { // everything happened at once
		for _, r := range records {
			if !r.Untimed {
				r.Time = &metav1.MicroTime{Time: epoch}
			}
		}
	}
	return records
}

func aRecord(t *rapid.T, kind record.Kind, b bounds) *record.Record {
	typ := rapid.SampledFrom(typesOf(kind)).Draw(t, "type")
	r := newRecord(fmt.Sprintf("e%d", rapid.IntRange(0, 7).Draw(t, "event")), typ.Name)
	r.Endpoint = rapid.SampledFrom([]string{"prod", "staging"}).Draw(t, "endpoint")
	drawTime(t, r)
	r.Changes = []record.Change{aChange(t, kind, typ, b)}
	return r
}

func newRecord(id, typ string) *record.Record {
	return &record.Record{
		Version: record.Version, ID: id, Type: typ, Received: metav1.MicroTime{Time: epoch.Add(time.Hour)},
		Namespace: "video", Endpoint: "prod", EndpointUID: "uid",
	}
}

// drawTime sets a record's time, its receipt, and whether its time is credible.
func drawTime(t *rapid.T, r *record.Record) {
	at := &metav1.MicroTime{Time: epoch.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "time")) * 500 * time.Millisecond)}
	r.Received = metav1.MicroTime{Time: epoch.Add(time.Duration(rapid.IntRange(0, 2).Draw(t, "receipt")) * time.Hour)}
	switch rapid.IntRange(0, 11).Draw(t, "clock") {
	case 11: // the event has no time
	case 10: // an absurd one
		r.Time = &metav1.MicroTime{Time: at.AddDate(70, 0, 0)}
	case 9: // one that is in the future at the first receipt, and not at the second
		r.Time = &metav1.MicroTime{Time: at.Add(20 * time.Minute)}
	case 8: // one on either side of what is believed
		r.Time = &metav1.MicroTime{Time: r.Received.Add(record.MaxFuture + time.Duration(rapid.IntRange(0, 1).Draw(t, "too far"))*time.Microsecond)}
	case 7: // a time of another zone, finer than a mirror keeps
		r.Time = &metav1.MicroTime{Time: at.Add(300 * time.Nanosecond).In(time.FixedZone("", 3600))}
	default:
		r.Time = at
	}
	r.Untimed = record.Untimed(r.Time, r.Received)
}

func aChange(t *rapid.T, kind record.Kind, typ record.Type, b bounds) record.Change {
	c := record.Change{Kind: kind, ID: objectID}
	switch typ.Name {
	case record.TypeMediaMissing:
		c.Media = &record.MediaChange{}
		return c
	case record.TypeStreamMissing:
		c.Stream = &record.StreamChange{}
		return c
	}
	if kind == record.MediaAsset {
		c.Media = &record.MediaChange{}
		fill(t, reflect.ValueOf(c.Media).Elem(), b)
		c.Media.State = drawState(t, typ)
		return c
	}
	c.Stream = &record.StreamChange{}
	fill(t, reflect.ValueOf(c.Stream).Elem(), b)
	if typ.Family == record.FamilyStream {
		c.Stream.State = drawState(t, typ)
	}
	if typ.Family != record.FamilySimulcast || strings.HasSuffix(typ.Name, ".updated") {
		return c
	}
	// The receiver writes such changes for types that set a target's state.
	target := b.anID(t, "target")
	if strings.HasSuffix(typ.Name, ".deleted") {
		c.Stream.SimulcastTargets.Remove = append(c.Stream.SimulcastTargets.Remove, target)
	} else {
		c.Stream.SimulcastTargets.Set = append(c.Stream.SimulcastTargets.Set, fastpixv1.SimulcastTarget{ID: target})
	}
	return c
}

func drawState(t *rapid.T, typ record.Type) string {
	if typ.Name == record.TypeStreamObserved {
		return rapid.SampledFrom([]string{"Idle", "Preparing", "Active", "Active", "Disabled", "Splicing", ""}).Draw(t, "state")
	}
	if typ.StateFromData {
		return rapid.SampledFrom([]string{"", "Waiting", "Created", "Processing", "InQueue", "Ready", "Failed", "Deleted", "Splicing"}).Draw(t, "state")
	}
	if typ.State == "" || rapid.IntRange(0, 7).Draw(t, "silent") == 7 {
		return ""
	}
	return typ.State
}

// fill draws the fields of a change.
func fill(t *rapid.T, change reflect.Value, b bounds) {
	carried := rapid.Uint64().Draw(t, "carried")
	for i := range change.NumField() {
		if carried>>i&1 == 0 || change.Type().Field(i).Name == "State" {
			continue
		}
		set(t, change.Field(i), change.Type().Field(i).Name, b)
	}
}

func set(t *rapid.T, v reflect.Value, name string, b bounds) {
	pick := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, name) }
	switch at := v.Addr().Interface().(type) {
	case **string:
		*at = new([]string{"", "a", "b", "<c>"}[pick(4)])
	case **bool:
		*at = new(pick(2) == 1)
	case **metav1.Duration:
		*at = &metav1.Duration{Duration: time.Duration(pick(3)*30) * time.Second}
	case **metav1.MicroTime:
		*at = &metav1.MicroTime{Time: epoch.AddDate(0, 0, -pick(3))}
	case **map[string]fastpixv1.MetadataValue:
		*at = []*map[string]fastpixv1.MetadataValue{{}, {"k": "a"}, {"k": "b", "l": "&"}, new(map[string]fastpixv1.MetadataValue(nil))}[pick(4)]
	case **fastpixv1.MediaAI:
		*at = anAI(t)
	case *record.ListChange[fastpixv1.PlaybackID]:
		*at = aListChange(t, name, b, playbackIDs, func(id string) fastpixv1.PlaybackID {
			p := fastpixv1.PlaybackID{ID: id, AccessPolicy: []string{"", "public", "private"}[pick(3)]}
			rules := []*fastpixv1.AccessRule{nil, {DefaultPolicy: "allow"}, {DefaultPolicy: "deny"}, {Allow: []string{"b.example"}}, {DefaultPolicy: "deny", Allow: []string{"a.example"}}}
			if pick(3) > 0 {
				p.AccessRestrictions = &fastpixv1.AccessRestrictions{Domains: rules[pick(len(rules))], UserAgents: rules[pick(2)]}
			}
			return p
		})
	case *record.ListChange[fastpixv1.Track]:
		*at = aListChange(t, name, b, tracks, func(id string) fastpixv1.Track {
			words := []string{"", "a", "b"}
			return fastpixv1.Track{
				ID: id, Type: words[pick(3)], State: words[pick(3)], LanguageCode: words[pick(3)], LanguageName: words[pick(3)],
				Width: int64(pick(3) * 9), Height: int64(pick(2)), FrameRate: words[pick(3)],
			}
		})
	case *record.ListChange[fastpixv1.Subtitle]:
		*at = aListChange(t, name, b, subtitles, func(id string) fastpixv1.Subtitle {
			words := []string{"", "a", "b"}
			return fastpixv1.Subtitle{ID: id, State: words[pick(3)], LanguageCode: words[pick(3)], LanguageName: words[pick(3)]}
		})
	case *record.ListChange[fastpixv1.SimulcastTarget]:
		*at = aListChange(t, name, b, simulcastTargets, func(id string) fastpixv1.SimulcastTarget {
			return fastpixv1.SimulcastTarget{ID: id, Enabled: []*bool{nil, new(false), new(true)}[pick(3)]}
		})
	case *record.ListChange[fastpixv1.MediaReference]:
		*at = aListChange(t, name, b, mediaReferences, func(id string) fastpixv1.MediaReference { return fastpixv1.MediaReference{MediaID: id} })
	default:
		t.Fatalf("field %s has type %s, which the generator does not support", name, v.Type())
	}
}

func anAI(t *rapid.T) *fastpixv1.MediaAI {
	pick := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "ai") }
	words := []string{"", "Available", "Failed"}
	ai := &fastpixv1.MediaAI{}
	switch pick(5) {
	case 0:
		ai.Summary = &fastpixv1.AISummary{Availability: words[pick(3)], Text: []string{"", "x", "y"}[pick(3)]}
	case 1:
		ai.Chapters = &fastpixv1.AIChapters{Availability: words[pick(3)], Items: []fastpixv1.AIChapter{{Chapter: "1"}, {Title: "t"}}[:pick(3)]}
	case 2:
		ai.NamedEntities = &fastpixv1.AINamedEntities{Availability: words[pick(3)], Items: []fastpixv1.AINamedEntity{{Count: 9}, {Entity: "t"}}[:pick(3)]}
	case 3:
		ai.Moderation = &fastpixv1.AIModeration{Availability: words[pick(3)], Items: []fastpixv1.AIModerationScore{{Score: "1"}, {Category: "t"}}[:pick(3)]}
	}
	return ai
}

func aListChange[T any](t *rapid.T, name string, b bounds, s *merge.Schema[T], element func(id string) T) record.ListChange[T] {
	id := func() string { return b.anID(t, name) }
	elements := func(most int) []T {
		var all []T
		if b.elements > len(oddIDs) { // one drawn element and a row of bare ones
			from := rapid.IntRange(0, b.elements-1).Draw(t, name)
			for i := range rapid.IntRange(0, most).Draw(t, name) {
				all = append(all, s.Bare(b.id(from+i)))
			}
			return append(all, element(id()))
		}
		for range rapid.IntRange(0, most).Draw(t, name) {
			all = append(all, element(id()))
		}
		return all
	}
	var c record.ListChange[T]
	switch rapid.IntRange(0, 5).Draw(t, name) {
	case 0, 1:
		c.Set = elements(b.elements / 2)
	case 2, 3:
		c.Snapshot = elements(b.elements)
		c.Truncated = len(c.Snapshot) > 0 && rapid.Bool().Draw(t, name)
	case 4:
		for range 1 + rapid.IntRange(0, b.elements/3).Draw(t, name) {
			c.Remove = append(c.Remove, id())
		}
	case 5: // all at once, as no event does
		c.Snapshot, c.Set, c.Remove = elements(2), elements(2), []string{id()}
	}
	return c
}
