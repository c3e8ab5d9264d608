package projection

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// These tests protect the laws of the fold (design, section 5) for every event type of both kinds.
//
// The tests detect these mutants. Each change of the projection was made by hand, and made a test of
// this package fail with 400 histories (F: TestStatusIsAFunctionOfTheSetOfEvents, S: TestStatusFollowsTheLaws,
// B: TestListsBeyondTheBoundStayBoundedAndStable, G: TestListThatOnlyGrowsKeepsTheNewestInEveryOrder, T: the tests of settling):
//
//	order       F S  events of one time are not ordered by id
//	              S  an untimed event is ordered by its time; an event without a time is later than any
//	            F S  of one event, the value that came last stays; the type decides before the value
//	            F S  a register takes what comes last
//	media       F S  the state without rank; the state by rank alone
//	              S  Created ranks with the middle words; Failed below Ready; data.status is not looked at
//	              S  a deleted media keeps its title
//	            F S  what is forgotten keeps its provenance
//	stream      F S  a deletion is not final
//	              S  idle ranks with active; recording above active; connected says that nothing is recorded
//	              S  activeSince of untimed events; lastActiveTime without disconnected; a deadline without the stream's window
//	lists       F S  an older snapshot replaces a newer one; a snapshot removes nothing, or what is as old as itself
//	              S  a full list keeps rules that allow everyone; an element event loses them
//	            F S  a snapshot keeps older attributes; what is older than the snapshot is added; what is as old is not
//	            F S  no tombstones; a tombstone stops only what is older than itself; a tombstone stops everything
//	            F S  a removal removes newer elements; a removal keeps older attributes
//	            F    a removal older than the snapshot is kept
//	            F S  an element's newest event is the last that came; attributes are set whenever carried; absent ones wipe
//	              B  no floor
//	              G  the floor stops what is new too; lists are not trimmed
//	targets       S  snapshots carry the state of targets
//	            F S  removals forget the state of targets
//	events      F S  recent events by arrival; provenance forgets that an event is untimed
//	settling      T  a window that has passed runs again; a timer is set anew by every write; an upload that was a stub has
//	                 expired; a tombstone's retention began before its deletion

// TestMain makes every property run 2,000 histories of each kind, unless -rapid.checks sets another number. A failure prints its seed. It
// writes no file, because a file would become invalid when the generator changes.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{"rapid.checks": "2000", "rapid.nofailfile": "true"} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	flag.Parse()
	os.Exit(m.Run())
}

// mirror provides both kinds of statuses to the laws.
type mirror struct {
	kind   record.Kind
	id     string
	media  fastpixv1.MediaAssetStatus
	stream fastpixv1.LiveStreamStatus
}

func blank(kind record.Kind) mirror {
	return mirror{
		kind: kind, id: objectID,
		media:  fastpixv1.MediaAssetStatus{ObservedGeneration: -1},
		stream: fastpixv1.LiveStreamStatus{ObservedGeneration: -1},
	}
}

func (m mirror) fold(records ...*record.Record) mirror {
	if m.kind == record.MediaAsset {
		m.media = MediaAsset(m.media, m.id, records)
	} else {
		m.stream = LiveStream(m.stream, m.id, records)
	}
	return m
}

func (m mirror) status() any {
	if m.kind == record.MediaAsset {
		return m.media
	}
	return m.stream
}

func (m mirror) json() string { return jsonOf(m.status()) }

// stored returns the status as a restarted operator reads it from the API server.
func (m mirror) stored() mirror {
	text := []byte(m.json())
	m.media, m.stream = fastpixv1.MediaAssetStatus{}, fastpixv1.LiveStreamStatus{}
	var err error
	if m.kind == record.MediaAsset {
		err = json.Unmarshal(text, &m.media)
	} else {
		err = json.Unmarshal(text, &m.stream)
	}
	if err != nil {
		panic(err)
	}
	return m
}

func (m mirror) provenance() []fastpixv1.ProvenanceLine {
	if m.kind == record.MediaAsset {
		return m.media.Provenance
	}
	return m.stream.Provenance
}

// kinds runs a property for both kinds.
func kinds(t *testing.T, property func(t *rapid.T, kind record.Kind)) {
	t.Helper()
	for _, kind := range []record.Kind{record.MediaAsset, record.LiveStream} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) { property(t, kind) })
		})
	}
}

func TestStatusIsAFunctionOfTheSetOfEvents(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *rapid.T, kind record.Kind) { checkSetLaws(t, kind, history(t, kind, within)) })
}

// checkSetLaws checks laws 1 and 2: order, duplicates, batches and restarts do not matter, and folding again changes nothing.
func checkSetLaws(t *rapid.T, kind record.Kind, records []*record.Record) mirror {
	before := jsonOf(records)
	want := blank(kind).fold(records...)
	text := want.json()
	for range 3 {
		got := foldSomehow(t, blank(kind), records)
		sameJSON(t, "another order, other batches", got, text)
	}
	stored := want.stored()
	for _, r := range records {
		sameJSON(t, "a record again", want.fold(r), text)
		sameJSON(t, "a record again after a restart", stored.fold(r), text)
	}
	sameJSON(t, "everything again", want.fold(records...), text)
	sameJSON(t, "nothing", want.fold(), text)
	if jsonOf(records) != before {
		t.Fatalf("folding changed its records:\n%s\nbefore:\n%s", jsonOf(records), before)
	}
	return want
}

// foldSomehow folds the records in a drawn order, some of them twice, in drawn batches, with restarts between some.
func foldSomehow(t *rapid.T, m mirror, records []*record.Record) mirror {
	order := rapid.Permutation(slices.Concat(records, records[:rapid.IntRange(0, len(records)).Draw(t, "twice")])).Draw(t, "order")
	for len(order) > 0 {
		n := rapid.IntRange(1, len(order)).Draw(t, "batch")
		before, input := m.json(), m
		m = m.fold(order[:n]...)
		if input.json() != before {
			t.Fatalf("folding changed the status it was given")
		}
		if rapid.Bool().Draw(t, "restart") {
			m = m.stored()
		}
		order = order[n:]
	}
	return m
}

func sameJSON(t *rapid.T, what string, got mirror, want string) {
	t.Helper()
	if got := got.json(); got != want {
		t.Fatalf("%s:\ngot  %s\nwant %s", what, got, want)
	}
}

func TestStatusFollowsTheLaws(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *rapid.T, kind record.Kind) {
		records := history(t, kind, within)
		checkOracle(t, kind, blank(kind).fold(records...), records)
	})
}

// checkOracle checks laws 3 to 7 against the oracle.
func checkOracle(t *rapid.T, kind record.Kind, m mirror, records []*record.Record) {
	want := expected(kind, records)
	got := fieldsOf(m.status())
	for _, name := range slices.Sorted(maps.Keys(merged(got, want.fields))) {
		if normal(got[name]) != normal(want.fields[name]) {
			t.Errorf("%s is %s, want %s", name, got[name], want.fields[name])
		}
	}
	by := originsOf(m.provenance())
	for name, r := range want.by {
		if by[name] != referenceOf(r) {
			t.Errorf("%s is recorded as set by %s, want %s", name, by[name], referenceOf(r))
		}
	}
	for name := range by {
		if !strings.ContainsAny(name, "[") && want.by[name] == nil && !isList(name) {
			t.Errorf("%s is recorded as set by %s, want none", name, by[name])
		}
	}
	var recent []string
	for _, ref := range recentOfMirror(m) {
		recent = append(recent, jsonOf(ref.Event()))
	}
	if want := expectedEvents(records); !slices.Equal(recent, want) {
		t.Errorf("recentEvents are %v, want %v", recent, want)
	}
	if last := recentOfMirror(m)[0].Event(); jsonOf(lastOfMirror(m)) != jsonOf(last) {
		t.Errorf("lastEvent is %v, want %v", lastOfMirror(m), last)
	}
}

func recentOfMirror(m mirror) []fastpixv1.EventLine {
	if m.kind == record.MediaAsset {
		return m.media.RecentEvents
	}
	return m.stream.RecentEvents
}

func lastOfMirror(m mirror) *fastpixv1.EventReference {
	if m.kind == record.MediaAsset {
		return m.media.LastEvent
	}
	return m.stream.LastEvent
}

func isList(name string) bool {
	return slices.Contains([]string{"playbackIDs", "tracks", "subtitles", "simulcastTargets", "recordings", "clips"}, strings.TrimLeft(name, "^~-"))
}

func merged(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// fieldsOf returns the JSON of a status by field, without fields that say nothing about the object. The fields of ai are separate.
func fieldsOf(status any) map[string]string {
	out := map[string]string{}
	fields := objectOf(jsonOf(status))
	for name, text := range fields {
		out[name] = string(text)
	}
	for part, text := range objectOf(string(fields["ai"])) {
		for leaf, text := range objectOf(string(text)) {
			out["ai."+part+"."+leaf] = string(text)
		}
	}
	for _, name := range []string{"ai", "observedGeneration", "conditions", "timer", "timerTime", "lastEvent", "recentEvents", "provenance"} {
		delete(out, name)
	}
	return out
}

func objectOf(text string) map[string]json.RawMessage {
	var out map[string]json.RawMessage
	if text != "" {
		if err := json.Unmarshal([]byte(text), &out); err != nil {
			panic(err)
		}
	}
	return out
}

// normal returns JSON with keys in alphabetical order.
func normal(text string) string {
	var v any
	if text == "" || json.Unmarshal([]byte(text), &v) != nil {
		return text
	}
	return jsonOf(v)
}

// originsOf returns which event set each field.
func originsOf(provenance []fastpixv1.ProvenanceLine) map[string]string {
	by := map[string]string{}
	for _, p := range provenance {
		e, fields := p.Event()
		for _, field := range fields {
			by[field] = jsonOf(e)
		}
	}
	return by
}
