package projection

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// These tests protect lists at and beyond the bound of a mirror: a list stays bounded, its condition says so, and a redelivery changes
// nothing.

// A list within the bound obeys all laws.
func TestListsAtTheBoundObeyTheLaws(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *rapid.T, kind record.Kind) {
		records := history(t, kind, brim)
		m := checkSetLaws(t, kind, records)
		checkOracle(t, kind, m, records)
		checkBounds(t, m)
	})
}

func TestListsBeyondTheBoundStayBoundedAndStable(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *rapid.T, kind record.Kind) {
		records := history(t, kind, beyond)
		m := foldSomehow(t, blank(kind), records)
		text := m.json()
		for _, r := range records {
			sameJSON(t, "a record again", m.fold(r), text)
		}
		sameJSON(t, "everything again", m.fold(records...), text)
		checkBounds(t, m)
	})
}

func checkBounds(t *rapid.T, m mirror) {
	status := reflect.ValueOf(m.status())
	for i := range status.NumField() {
		name := status.Type().Field(i).Name
		if name != "Provenance" && status.Field(i).Kind() == reflect.Slice && status.Field(i).Len() > 64 {
			t.Errorf("%s has %d elements", name, status.Field(i).Len())
		}
	}
	removed := map[string]int{}
	for _, p := range m.provenance() {
		for _, field := range fieldsOfLine(p) {
			if list, _, ok := strings.Cut(field, "["); ok && list[0] == '-' {
				removed[list]++
			}
		}
	}
	for list, n := range removed {
		if n > 64 {
			t.Errorf("%d tombstones of %s", n, list)
		}
	}
}

// A stream that records often only adds elements, one by one.
func TestListThatOnlyGrowsKeepsTheNewestInEveryOrder(t *testing.T) {
	t.Parallel()
	var records []*record.Record
	for i := range 100 {
		r := newRecord(fmt.Sprintf("e%d", i), "video.media.live_stream.created")
		r.Time = &metav1.MicroTime{Time: epoch.Add(time.Duration(i) * time.Minute)}
		r.Changes = []record.Change{{Kind: record.LiveStream, ID: objectID, Stream: &record.StreamChange{
			Recordings: record.ListChange[fastpixv1.MediaReference]{Set: []fastpixv1.MediaReference{{MediaID: fmt.Sprintf("m%03d", i)}}},
		}}}
		records = append(records, r)
	}
	want := blank(record.LiveStream).fold(records...)
	if ids := want.stream.Recordings; len(ids) != 64 || ids[0].MediaID != "m036" || ids[63].MediaID != "m099" {
		t.Errorf("recordings are %v", ids)
	}
	SettleLiveStream(&want.stream, 1, epoch, time.Hour)
	if reasonOf(want.stream.Conditions, fastpixv1.ConditionTruncated) != fastpixv1.ReasonListTooLong {
		t.Errorf("conditions are %v, want Truncated among them", want.stream.Conditions)
	}
	want = blank(record.LiveStream).fold(records...)
	slices.Reverse(records)
	got := blank(record.LiveStream)
	for _, r := range records {
		got = got.fold(r)
	}
	if got.json() != want.json() {
		t.Errorf("reversed and one by one:\ngot  %s\nwant %s", got.json(), want.json())
	}
}

// TestListsBeyondTheBoundStayBoundedAndStable found and reduced this counterexample: an event came as two types, and states were dropped
// in another order than the one in which they replace each other.
func TestTargetStatesBeyondTheBoundStayStableForAnEventWithTwoTypes(t *testing.T) {
	t.Parallel()
	var all []fastpixv1.SimulcastTarget
	for i := range 65 {
		all = append(all, fastpixv1.SimulcastTarget{ID: fmt.Sprintf("t%02d", i)})
	}
	deleted := streamEvent("e1", "video.live_stream.simulcast_target.deleted", 0, false)
	deleted.Changes[0].Stream.SimulcastTargets.Remove = []string{"t00"}
	created := streamEvent("e1", "video.live_stream.simulcast_target.created", 0, false)
	created.Changes[0].Stream.SimulcastTargets.Set = all
	want := blank(record.LiveStream).fold(deleted, created)
	if got := want.fold(deleted); got.json() != want.json() {
		t.Errorf("a record again:\ngot  %s\nwant %s", got.json(), want.json())
	}
}

// fieldsOfLine returns the fields of a line of provenance.
func fieldsOfLine(line fastpixv1.ProvenanceLine) []string {
	_, fields := line.Event()
	return fields
}
