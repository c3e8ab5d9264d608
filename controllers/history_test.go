package controllers

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fastpix-operator/fastpix-operator/api/record"
	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/projection"
)

// These tests protect the laws where the fold meets the API server: through drawn histories of batches, redeliveries by two endpoints,
// deaths at any call, reads that are behind, deletions by hand, time that passes, purges and replays, a mirror is what the pure fold
// makes of the records that were journaled for it since it was created (laws 1, 2, 8 and 9). The pure fold has laws of its own, in
// projection.

// TestMain makes a property run 2,000 histories unless -rapid.checks says otherwise.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{"rapid.checks": "2000", "rapid.nofailfile": "true"} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	flag.Parse()
	os.Exit(m.Run())
}

// expected is a mirror as the model knows it.
type expected struct {
	endpoint string
	records  []*record.Record
}

// history is one that is being drawn, with the model of what it must lead to.
type history struct {
	t       *rapid.T
	rig     *rig
	client  client.Client
	killer  *killer
	start   func() *rig
	told    []*record.Record
	mirrors map[record.Key]*expected
	purged  map[string]time.Time // by endpoint
	batches int
	was     []map[record.Key]mirror // what was there before the step under way, and before the one before
}

// historyKeys are all objects that records tell of.
var historyKeys = []record.Key{assetKey("m1"), assetKey("m2"), assetKey("u1"), streamKey(testStream)}

var endpointNames = []string{"fastpix", "second"}

func newHistory(t *testing.T, draw *rapid.T) *history {
	t.Helper()
	h := &history{t: draw, killer: &killer{at: -1}, mirrors: map[record.Key]*expected{}, purged: map[string]time.Time{}}
	funcs := h.killer.funcs()
	get := funcs.Get
	funcs.Get = func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
		if isFromMemory(opts) {
			return h.remember(key, o, func() error { return get(ctx, c, key, o, opts...) })
		}
		return get(ctx, c, key, o, opts...)
	}
	h.client = newFakeClient(t, funcs,
		&fastpixv1.WebhookEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: testNamespace, Name: "second", UID: "uid-second"}})
	h.start = func() *rig { return newRig(t, h.client) }
	h.rig = h.start()
	return h
}

// remember reads from the API server's memory, which may be behind.
func (h *history) remember(name client.ObjectKey, o client.Object, get func() error) error {
	behind := rapid.IntRange(-2, len(h.was)-1).Draw(h.t, "memory is behind by")
	if behind < 0 {
		return get()
	}
	key := record.Key{Kind: record.MediaAsset, Namespace: name.Namespace, Name: name.Name}
	if _, ok := o.(*fastpixv1.LiveStream); ok {
		key.Kind = record.LiveStream
	}
	switch m := h.was[behind][key].(type) {
	case *mediaMirror:
		m.DeepCopyInto(o.(*fastpixv1.MediaAsset))
	case *streamMirror:
		m.DeepCopyInto(o.(*fastpixv1.LiveStream))
	default:
		return apierrors.NewNotFound(schema.GroupResource{Resource: "mirrors"}, name.Name)
	}
	return nil
}

// restart loses all that a process remembers, but not the time.
func (h *history) restart() {
	now := h.rig.now
	h.rig = h.start()
	h.rig.now = now
}

// mortal does something in a process that may die at a drawn call, and then in the next one.
func (h *history) mortal(do func() error) {
	h.killer.calls, h.killer.at, h.killer.after = 0, rapid.IntRange(0, 14).Draw(h.t, "dies at call"), rapid.Bool().Draw(h.t, "after its effect")
	err := do()
	h.killer.at = -1
	if err == nil {
		return
	}
	h.restart()
	if err := do(); err != nil {
		h.t.Fatal(err)
	}
}

// aRecord draws a record of one of a few objects, or one that was told before.
func (h *history) aRecord() *record.Record {
	t := h.t
	if len(h.told) > 0 && rapid.IntRange(0, 3).Draw(t, "again") == 0 {
		again := *rapid.SampledFrom(h.told).Draw(t, "told before")
		again.Endpoint = rapid.SampledFrom(endpointNames).Draw(t, "endpoint") // both are subscribed
		return &again
	}
	typ := rapid.SampledFrom(record.Catalogue()).Draw(t, "type")
	r := event(fmt.Sprintf("e%d", rapid.IntRange(0, 9).Draw(t, "event")), typ.Name, 0, h.changes(typ)...)
	r.Endpoint = rapid.SampledFrom(endpointNames).Draw(t, "endpoint")
	r.Time = new(metav1.NewMicroTime(h.rig.now.Add(time.Duration(rapid.IntRange(-3, 0).Draw(t, "hour")) * time.Hour)))
	r.Received = metav1.NewMicroTime(h.rig.now)
	if rapid.IntRange(0, 9).Draw(t, "clock") == 9 {
		r.Time, r.Untimed = nil, true
	}
	h.told = append(h.told, r)
	return r
}

func (h *history) changes(typ record.Type) []record.Change {
	id := rapid.SampledFrom([]string{"m1", "m2"}).Draw(h.t, "media")
	m := media(id, typ.State)
	m.Media.Title = new(rapid.SampledFrom([]string{"a", "b"}).Draw(h.t, "title"))
	if typ.StateFromData {
		m.Media.State = rapid.SampledFrom([]string{"", "Processing", "Ready", "Deleted"}).Draw(h.t, "state")
	}
	s := stream(testStream, typ.State)
	s.Stream.Recordings.Set = []fastpixv1.MediaReference{{MediaID: id}}
	switch {
	case typ.Family == record.FamilyUpload:
		u := media("u1", typ.State)
		return []record.Change{u}
	case typ.Name == "video.upload.media_created" && rapid.Bool().Draw(h.t, "another id"):
		u := media("u1", "")
		u.Media.BecameMediaID = &id
		return []record.Change{m, u}
	case typ.TouchesMedia && typ.TouchesStream:
		s.Stream.State = ""
		return []record.Change{m, s}
	case typ.TouchesStream:
		return []record.Change{s}
	}
	return []record.Change{m}
}

// deliver journals a batch and has it folded.
func (h *history) deliver() {
	records := make([]*record.Record, rapid.IntRange(1, 4).Draw(h.t, "records"))
	for i := range records {
		records[i] = h.aRecord()
	}
	h.batches++
	if err := h.client.Create(h.rig.t.Context(), journal(h.rig.t, fmt.Sprintf("b%d", h.batches), records...)); err != nil {
		h.t.Fatal(err)
	}
	h.mortal(func() error {
		if err := h.rig.run(); err != nil {
			return err
		}
		return h.rig.run() // a batch that could not end has its turn again
	})

	byKey := map[record.Key][]*record.Record{}
	for _, r := range records {
		for i := range r.Changes {
			byKey[r.Key(i)] = append(byKey[r.Key(i)], r)
		}
	}
	for key, records := range byKey {
		if h.mirrors[key] == nil {
			if !slices.ContainsFunc(records, h.mayCreate) {
				continue
			}
			h.mirrors[key] = &expected{endpoint: records[0].Endpoint}
		}
		h.mirrors[key].records = append(h.mirrors[key].records, records...)
	}
}

// mayCreate reports that a record is newer than what was purged at its endpoint, or has no time to tell.
func (h *history) mayCreate(r *record.Record) bool {
	return r.Untimed || r.Time.After(h.purged[r.Endpoint])
}

// forget deletes a mirror by hand.
func (h *history) forget() {
	if len(h.mirrors) == 0 {
		return
	}
	keys := slices.SortedFunc(maps.Keys(h.mirrors), func(a, b record.Key) int { return strings.Compare(a.String(), b.String()) })
	key := rapid.SampledFrom(keys).Draw(h.t, "mirror")
	o := newMirror(key.Kind).object()
	o.SetNamespace(key.Namespace)
	o.SetName(key.Name)
	if err := h.client.Delete(h.rig.t.Context(), o); err != nil {
		h.t.Fatal(err)
	}
	delete(h.mirrors, key)
}

// wait lets time pass and timers fire.
func (h *history) wait() {
	h.rig.now = h.rig.now.Add(rapid.SampledFrom([]time.Duration{time.Minute, 5 * time.Hour, 4 * 24 * time.Hour, 8 * 24 * time.Hour}).Draw(h.t, "passes"))
	due, deleted := map[record.Key]bool{}, map[record.Key]bool{}
	for key := range h.mirrors {
		m := h.read(key)
		name, at := m.timer()
		due[key] = name == fastpixv1.TimerRetention && !at.After(h.rig.now)
		deleted[key] = m.state() == record.StateDeleted
	}
	h.mortal(func() error { return h.rig.tick() })
	for key, m := range h.mirrors {
		if !due[key] {
			continue
		}
		newest := time.Time{}
		for _, r := range m.records {
			if !r.Untimed && r.Time.After(newest) {
				newest = r.Time.Time
			}
		}
		if bound := h.rig.now.Add(-defaultRetention); newest.After(bound) {
			newest = bound
		}
		if deleted[key] && newest.After(h.purged[m.endpoint]) {
			h.purged[m.endpoint] = newest
		}
		delete(h.mirrors, key)
	}
}

// read returns a mirror; nil if there is none.
func (h *history) read(key record.Key) mirror {
	m := newMirror(key.Kind)
	err := h.client.Get(h.rig.t.Context(), types.NamespacedName{Namespace: key.Namespace, Name: key.Name}, m.object())
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return m
}

// check compares the API server with the model.
func (h *history) check() {
	t := h.t
	is := map[record.Key]mirror{}
	for _, key := range historyKeys {
		m, want := h.read(key), h.mirrors[key]
		is[key] = m
		switch {
		case (m == nil) != (want == nil):
			t.Fatalf("%s is there: %v, want %v", key, m != nil, want != nil)
		case m == nil:
			continue
		case m.endpoint() != want.endpoint:
			t.Errorf("%s is of endpoint %s, want %s", key, m.endpoint(), want.endpoint)
		}
		if got, want := facts(h.rig.t, m), facts(h.rig.t, projected(key, m, want.records)); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", key, got, want)
		}
	}
	h.was = append([]map[record.Key]mirror{is}, h.was...)
	h.was = h.was[:min(len(h.was), 2)]
	for _, name := range endpointNames {
		var e fastpixv1.WebhookEndpoint
		if err := h.client.Get(h.rig.t.Context(), types.NamespacedName{Namespace: testNamespace, Name: name}, &e); err != nil {
			t.Fatal(err)
		}
		got := time.Time{}
		if e.Status.PurgedThrough != nil {
			got = e.Status.PurgedThrough.Time
		}
		if !got.Equal(h.purged[name]) {
			t.Errorf("%s has purged through %v, want %v", name, got, h.purged[name])
		}
	}
	if left := batches(h.rig.t, h.client); len(left) > 0 {
		t.Errorf("the journal still holds %d batches", len(left))
	}
}

// projected is what the pure fold makes of records, all at once and from nothing.
func projected(key record.Key, like mirror, records []*record.Record) mirror {
	m := firstMirror(key, like.id(), "")
	switch m := m.(type) {
	case *mediaMirror:
		m.Status = projection.MediaAsset(fastpixv1.MediaAssetStatus{}, like.id(), records)
	case *streamMirror:
		m.Status = projection.LiveStream(fastpixv1.LiveStreamStatus{}, like.id(), records)
	}
	return m
}

// facts returns a status without what is a function of status and clock.
func facts(t *testing.T, m mirror) string {
	t.Helper()
	switch m := m.(type) {
	case *mediaMirror:
		s := *m.Status.DeepCopy()
		s.Conditions, s.Timer, s.TimerTime, s.ObservedGeneration = nil, "", nil, 0
		return mustJSON(t, s)
	case *streamMirror:
		s := *m.Status.DeepCopy()
		s.Conditions, s.Timer, s.TimerTime, s.ObservedGeneration = nil, "", nil, 0
		return mustJSON(t, s)
	}
	panic("a mirror of no kind")
}

func TestMirrorsAreWhatThePureFoldMakesOfTheirRecords(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		h := newHistory(t, rt)
		for range rapid.IntRange(1, 8).Draw(rt, "steps") {
			switch rapid.IntRange(0, 7).Draw(rt, "step") {
			case 7:
				h.forget()
			case 6:
				h.restart()
			case 4, 5:
				h.wait()
			default:
				h.deliver()
			}
			h.check()
		}
	})
}
