package controllers

import (
	"context"
	"errors"
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

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/mirror"
	"github.com/fastpix-operator/fastpix-operator/controllers/projection"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// These tests protect the laws where the projection meets the API server (laws 1, 2, 4, 8 and 9). They draw histories with batches,
// redeliveries by two endpoints, crashes at any call, stale reads, manual deletions, passing time, purges and replays, objects that the
// API server refuses for a while, retries and joins of failed records, and endpoints that are deleted, created and referenced. After each
// step, a mirror must be what the pure projection returns for the records that were journaled for it since its creation. Package
// projection tests the laws of the projection itself.

// TestMain makes a property run 2,000 histories unless -rapid.checks sets another number.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{"rapid.checks": "2000", "rapid.nofailfile": "true"} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	flag.Parse()
	os.Exit(m.Run())
}

// expected is a mirror in the model.
type expected struct {
	endpoint  string
	records   []*record.Record
	uncertain []*record.Record // replays that came in the run that made it: whether before or after is open
}

// failedChange is a change in a batch of failed records.
type failedChange struct {
	key     record.Key
	record  *record.Record
	creates bool
}

// is reports whether the change belongs to that object and record, and may create the object or not.
func (f failedChange) is(key record.Key, r *record.Record, creates bool) bool {
	return f.key == key && f.creates == creates && f.record.ID == r.ID && f.record.Type == r.Type && f.record.Untimed == r.Untimed &&
		f.record.Endpoint == r.Endpoint && (r.Untimed || f.record.Time.Equal(r.Time)) && f.record.Received.Equal(&r.Received)
}

// history is a history that is being drawn, with the model of its result.
type history struct {
	t                *rapid.T
	env              *testEnv
	client           client.Client
	interrupter      *interrupter
	start            func() *testEnv
	delivered        []*record.Record
	mirrors          map[record.Key]*expected
	failed           []failedChange
	rejected         map[record.Key]string // what the API server refuses of an object: nothing, its creation or its status
	deletedEndpoints map[string]bool       // endpoints that were deleted
	purged           time.Time
	batches          int
	earlier          []map[record.Key]mirror.Object // what was there before the step under way, and before the one before
}

// historyKeys are all objects that the records touch.
var historyKeys = []record.Key{assetKey("m1"), assetKey("m2"), assetKey("u1"), streamKey(testStream)}

var endpointNames = []string{"fastpix", "second"}

func newHistory(t *testing.T, draw *rapid.T) *history {
	t.Helper()
	h := &history{t: draw, interrupter: &interrupter{at: -1}, mirrors: map[record.Key]*expected{}, rejected: map[record.Key]string{}, deletedEndpoints: map[string]bool{}}
	funcs := h.interrupter.funcs()
	create, update := funcs.Create, funcs.SubResourceUpdate
	funcs.Create = func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
		if h.rejected[keyOf(o)] == "create" {
			return refusedObject(o)
		}
		return create(ctx, c, o, opts...)
	}
	funcs.SubResourceUpdate = func(ctx context.Context, c client.Client, sub string, o client.Object, opts ...client.SubResourceUpdateOption) error {
		if h.rejected[keyOf(o)] == "status" { // an API server looks first whether the object is there, and has not changed
			is := o.DeepCopyObject().(client.Object)
			if err := c.Get(ctx, client.ObjectKeyFromObject(o), is); err == nil && is.GetUID() == o.GetUID() && is.GetResourceVersion() == o.GetResourceVersion() {
				return refusedObject(o)
			}
		}
		return update(ctx, c, sub, o, opts...)
	}
	get := funcs.Get
	funcs.Get = func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
		if allowsCachedRead(opts) {
			return h.readStale(key, o, func() error { return get(ctx, c, key, o, opts...) })
		}
		return get(ctx, c, key, o, opts...)
	}
	h.client = newFakeClient(t, funcs,
		&fastpixv1.WebhookEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: testNamespace, Name: "second", UID: "uid-second"}})
	h.start = func() *testEnv { return newTestEnv(t, h.client) }
	h.env = h.start()
	return h
}

// readStale reads from the API server's watch cache, which may be stale.
func (h *history) readStale(name client.ObjectKey, o client.Object, get func() error) error {
	behind := rapid.IntRange(-2, len(h.earlier)-1).Draw(h.t, "watch cache is behind by")
	if behind < 0 {
		return get()
	}
	key := record.Key{Kind: record.MediaAsset, Namespace: name.Namespace, Name: name.Name}
	if _, ok := o.(*fastpixv1.LiveStream); ok {
		key.Kind = record.LiveStream
	}
	switch m := h.earlier[behind][key].(type) {
	case *mirror.MediaAsset:
		m.DeepCopyInto(o.(*fastpixv1.MediaAsset))
	case *mirror.LiveStream:
		m.DeepCopyInto(o.(*fastpixv1.LiveStream))
	default:
		return apierrors.NewNotFound(schema.GroupResource{Resource: "mirrors"}, name.Name)
	}
	return nil
}

// restart replaces the process. Only the time stays.
func (h *history) restart() {
	now := h.env.now
	h.env = h.start()
	h.env.now = now
}

// interrupted runs a step in a process that may crash at a drawn call, and then runs it again in a new process.
func (h *history) interrupted(do func() error) {
	h.interrupter.calls, h.interrupter.at, h.interrupter.after = 0, rapid.IntRange(0, 14).Draw(h.t, "crashes at call"), rapid.Bool().Draw(h.t, "after its effect")
	err := do()
	h.interrupter.at = -1
	if err == nil {
		return
	}
	h.restart()
	if err := do(); err != nil {
		h.t.Fatal(err)
	}
}

// drawRecord draws a record of one of a few objects, or one that was delivered before.
func (h *history) drawRecord() *record.Record {
	t := h.t
	if len(h.delivered) > 0 && rapid.IntRange(0, 3).Draw(t, "again") == 0 {
		again := *rapid.SampledFrom(h.delivered).Draw(t, "delivered before")
		again.Endpoint = rapid.SampledFrom(endpointNames).Draw(t, "endpoint") // both are subscribed
		return &again
	}
	typ := rapid.SampledFrom(recordTypes()).Draw(t, "type")
	r := event(fmt.Sprintf("e%d", rapid.IntRange(0, 9).Draw(t, "event")), typ.Name, 0, h.changes(typ)...)
	r.Endpoint = rapid.SampledFrom(endpointNames).Draw(t, "endpoint")
	r.Time = new(metav1.NewMicroTime(h.env.now.Add(time.Duration(rapid.IntRange(-3, 0).Draw(t, "hour")) * time.Hour)))
	r.Received = metav1.NewMicroTime(h.env.now)
	if record.IsObservation(r.Type) {
		r.Version = record.ObservationVersion
	}
	if rapid.IntRange(0, 9).Draw(t, "clock") == 9 {
		r.Time, r.Untimed = nil, true
	}
	h.delivered = append(h.delivered, r)
	return r
}

// recordTypes returns the types of events and of observations.
func recordTypes() []record.Type {
	types := record.Catalogue()
	for _, kind := range []record.Kind{record.MediaAsset, record.LiveStream} {
		observed, _ := record.LookupRecord(record.Observed(kind))
		missing, _ := record.LookupRecord(record.Missing(kind))
		types = append(types, observed, observed, missing)
	}
	return types
}

func (h *history) changes(typ record.Type) []record.Change {
	id := rapid.SampledFrom([]string{"m1", "m2"}).Draw(h.t, "media")
	m := media(id, typ.State)
	m.Media.Title = new(rapid.SampledFrom([]string{"a", "b"}).Draw(h.t, "title"))
	if typ.StateFromData {
		m.Media.State = rapid.SampledFrom([]string{"", "Processing", "Ready", "Deleted"}).Draw(h.t, "state")
	}
	if record.IsMissing(typ.Name) {
		if typ.TouchesStream {
			return []record.Change{stream(testStream, "")}
		}
		return []record.Change{media(id, "")}
	}
	s := stream(testStream, typ.State)
	if typ.Name == record.TypeStreamObserved {
		s.Stream.State = rapid.SampledFrom([]string{"Idle", "Active", "Disabled"}).Draw(h.t, "state")
	}
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

// keyOf returns the key of a mirror.
func keyOf(o client.Object) record.Key {
	switch o.(type) {
	case *fastpixv1.MediaAsset:
		return record.Key{Kind: record.MediaAsset, Namespace: o.GetNamespace(), Name: o.GetName()}
	case *fastpixv1.LiveStream:
		return record.Key{Kind: record.LiveStream, Namespace: o.GetNamespace(), Name: o.GetName()}
	}
	return record.Key{}
}

func refusedObject(o client.Object) error {
	return apierrors.NewInvalid(schema.GroupKind{}, o.GetName(), nil)
}

// deliver adds a batch to the journal and folds it.
func (h *history) deliver() {
	records := make([]*record.Record, rapid.IntRange(1, 4).Draw(h.t, "records"))
	for i := range records {
		records[i] = h.drawRecord()
	}
	h.batches++
	if err := h.client.Create(h.env.t.Context(), newBatch(h.env.t, fmt.Sprintf("b%d", h.batches), records...)); err != nil {
		h.t.Fatal(err)
	}
	h.run(records)
}

// run folds everything in the journal: these records and the failed records.
func (h *history) run(records []*record.Record) {
	h.interrupted(func() error {
		if err := h.env.run(); err != nil {
			return err
		}
		return h.env.run() // a batch that could not end has its turn again
	})
	var candidates []failedChange
	for _, r := range records {
		for i := range r.Changes {
			candidates = append(candidates, failedChange{r.Key(i), r, h.mayCreate(r)})
		}
	}
	candidates = append(candidates, h.failed...)
	failed := h.readFailed()
	for _, f := range failed {
		known := slices.ContainsFunc(candidates, func(c failedChange) bool { return f.is(c.key, c.record, c.creates) })
		if !known || h.rejected[f.key] == "" {
			h.t.Fatalf("%s of %s failed, may create it: %v; that it may fail is known: %v, it is refused: %q", f.record.ID, f.key, f.creates, known, h.rejected[f.key])
		}
	}
	h.failed = failed
	for _, key := range historyKeys {
		h.expect(key, slices.DeleteFunc(slices.Clone(candidates), func(c failedChange) bool { return c.key != key }))
	}
}

// expect updates the model with the result of a run for the changes of one object.
func (h *history) expect(key record.Key, candidates []failedChange) {
	made := false
	if h.mirrors[key] == nil {
		if h.rejected[key] == "create" || !slices.ContainsFunc(candidates, func(c failedChange) bool { return c.creates }) {
			return
		}
		h.mirrors[key] = &expected{}
		made = true
	}
	m := h.mirrors[key]
	for _, c := range candidates {
		switch fails := slices.ContainsFunc(h.failed, func(f failedChange) bool { return f.is(key, c.record, c.creates) }); {
		case fails:
		case made && !c.creates:
			m.uncertain = append(m.uncertain, c.record)
		default:
			m.records = append(m.records, c.record)
		}
	}
	if made {
		m.endpoint = h.read(key).EndpointName()
	}
}

// readFailed returns the changes in batches of failed records.
func (h *history) readFailed() []failedChange {
	var failed []failedChange
	for _, b := range batches(h.env.t, h.client) {
		if b.Labels[fastpixv1.FailedLabel] != "true" {
			h.t.Fatalf("%s is left in the journal", b.Name)
		}
		changes := 0
		for _, text := range b.Spec.Events {
			r, err := record.Decode(text)
			if err != nil {
				h.t.Fatal(err)
			}
			for i := range r.Changes {
				changes++
				failed = append(failed, failedChange{r.Key(i), r, b.Annotations[fastpixv1.FailedChangesAnnotation] == fastpixv1.FailedChangesCreate})
			}
		}
		if len(b.Status.Failed) != changes {
			h.t.Fatalf("%s holds %d changes and says of %d why they failed", b.Name, changes, len(b.Status.Failed))
		}
	}
	return failed
}

// mayCreate reports whether a record shows an object, and is newer than what was purged or has no time.
func (h *history) mayCreate(r *record.Record) bool {
	return !record.IsMissing(r.Type) && (r.Untimed || r.Time.After(h.purged))
}

// changeRejection makes the API server reject an object, or accept it again.
func (h *history) changeRejection() {
	key := rapid.SampledFrom(historyKeys).Draw(h.t, "object")
	h.rejected[key] = rapid.SampledFrom([]string{"create", "status", ""}).Draw(h.t, "refuses")
}

// join joins batches of failed records.
func (h *history) join() {
	h.interrupted(func() error { return h.env.joiner.Round(h.env.t.Context()) })
	h.run(nil)
}

// changeReference sets the endpoint reference of a mirror, perhaps to an endpoint that does not exist.
func (h *history) changeReference() {
	key, ok := h.drawMirror()
	if !ok {
		return
	}
	name := rapid.SampledFrom([]string{"fastpix", "second", "missing", ""}).Draw(h.t, "named endpoint")
	m := h.read(key)
	switch m := m.(type) {
	case *mirror.MediaAsset:
		m.Spec.EndpointRef.Name = name
	case *mirror.LiveStream:
		m.Spec.EndpointRef.Name = name
	}
	if err := h.client.Update(h.env.t.Context(), m.APIObject()); err != nil {
		h.t.Fatal(err)
	}
	h.mirrors[key].endpoint = name
}

// toggleEndpoint deletes an endpoint, or creates one that was deleted.
func (h *history) toggleEndpoint() {
	name := rapid.SampledFrom(endpointNames).Draw(h.t, "endpoint")
	e := &fastpixv1.WebhookEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: testNamespace, Name: name}}
	if rapid.Bool().Draw(h.t, "short retention") {
		e.Spec.Retention.Deleted = &metav1.Duration{Duration: time.Second}
	}
	h.deletedEndpoints[name] = !h.deletedEndpoints[name]
	if h.deletedEndpoints[name] {
		if err := h.client.Delete(h.env.t.Context(), e); err != nil {
			h.t.Fatal(err)
		}
		if h.deletedEndpoints["fastpix"] && h.deletedEndpoints["second"] {
			h.purged = time.Time{} // no endpoint is left to record it
		}
		return
	}
	if err := h.client.Create(h.env.t.Context(), e); err != nil {
		h.t.Fatal(err)
	}
	h.interrupted(func() error { return h.env.publisher.Publish(h.env.t.Context()) })
}

// drawMirror draws one of the mirrors.
func (h *history) drawMirror() (record.Key, bool) {
	if len(h.mirrors) == 0 {
		return record.Key{}, false
	}
	keys := slices.SortedFunc(maps.Keys(h.mirrors), func(a, b record.Key) int { return strings.Compare(a.String(), b.String()) })
	return rapid.SampledFrom(keys).Draw(h.t, "mirror"), true
}

// deleteMirror deletes a mirror manually.
func (h *history) deleteMirror() {
	key, ok := h.drawMirror()
	if !ok {
		return
	}
	o := mirror.New(key.Kind).APIObject()
	o.SetNamespace(key.Namespace)
	o.SetName(key.Name)
	if err := h.client.Delete(h.env.t.Context(), o); err != nil {
		h.t.Fatal(err)
	}
	delete(h.mirrors, key)
}

// wait advances the time and fires timers.
func (h *history) wait() {
	h.env.now = h.env.now.Add(rapid.SampledFrom([]time.Duration{time.Minute, 5 * time.Hour, 4 * 24 * time.Hour, 8 * 24 * time.Hour}).Draw(h.t, "passes"))
	h.run(nil)
	due, deleted, dueAt := map[record.Key]bool{}, map[record.Key]bool{}, map[record.Key]time.Time{}
	for key := range h.mirrors {
		m := h.read(key)
		if name, at := m.Timer(); at != nil && len(m.Conditions()) > 0 {
			waits := slices.ContainsFunc(h.failed, func(f failedChange) bool { return f.key == key })
			due[key] = name == fastpixv1.TimerRetention && !at.After(h.env.now) && !waits
			dueAt[key] = at.Time
		}
		deleted[key] = m.State() == record.StateDeleted
	}
	h.interrupted(func() error {
		if err := h.env.run(); err != nil { // a new process reads what failed before it purges anything
			return err
		}
		if err := h.env.fireTimers(); errors.Is(err, errInterrupted) || !apierrors.IsInvalid(err) {
			return err
		}
		return nil // what the clock says of a mirror whose status is refused waits
	})
	purged := h.purged
	for key, m := range h.mirrors {
		if !due[key] || h.read(key) != nil && h.rejected[key] == "status" { // settled first, which was refused
			continue
		}
		newest := time.Time{}
		for _, r := range m.records {
			if !r.Untimed && r.Time.After(newest) {
				newest = r.Time.Time
			}
		}
		if newest.After(dueAt[key]) { // what came to a tombstone after its time is too new to be remembered
			newest = dueAt[key]
		}
		if deleted[key] && !newest.IsZero() && h.deletedEndpoints["fastpix"] && h.deletedEndpoints["second"] {
			continue // no endpoint exists to record it
		}
		if deleted[key] && newest.After(purged) {
			purged = newest
		}
		delete(h.mirrors, key)
	}
	h.purged = purged
}

// read returns a mirror; nil if it does not exist.
func (h *history) read(key record.Key) mirror.Object {
	m := mirror.New(key.Kind)
	err := h.client.Get(h.env.t.Context(), types.NamespacedName{Namespace: key.Namespace, Name: key.Name}, m.APIObject())
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
	is := map[record.Key]mirror.Object{}
	for _, key := range historyKeys {
		m, want := h.read(key), h.mirrors[key]
		is[key] = m
		switch {
		case (m == nil) != (want == nil):
			t.Fatalf("%s is there: %v, want %v", key, m != nil, want != nil)
		case m == nil:
			continue
		case m.EndpointName() != want.endpoint:
			t.Errorf("%s is of endpoint %s, want %s", key, m.EndpointName(), want.endpoint)
		}
		h.resolveUncertain(key, m)
		if got, want := facts(h.env.t, m), facts(h.env.t, projected(key, m, want.records)); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", key, got, want)
		}
	}
	h.earlier = append([]map[record.Key]mirror.Object{is}, h.earlier...)
	h.earlier = h.earlier[:min(len(h.earlier), 2)]
	newest := time.Time{}
	for _, name := range endpointNames {
		var e fastpixv1.WebhookEndpoint
		err := h.client.Get(h.env.t.Context(), types.NamespacedName{Namespace: testNamespace, Name: name}, &e)
		if client.IgnoreNotFound(err) != nil {
			t.Fatal(err)
		}
		if at := e.Status.PurgedThrough; at != nil && at.After(newest) {
			newest = at.Time
		}
	}
	if !newest.Equal(h.purged) {
		t.Errorf("purged through %v, want %v", newest, h.purged)
	}
}

// resolveUncertain finds out from the mirror whether replays that came with the record that created it were folded into it.
func (h *history) resolveUncertain(key record.Key, m mirror.Object) {
	want := h.mirrors[key]
	for set := range 1 << len(want.uncertain) {
		records := slices.Clone(want.records)
		for i, r := range want.uncertain {
			if set&(1<<i) != 0 {
				records = append(records, r)
			}
		}
		if facts(h.env.t, m) == facts(h.env.t, projected(key, m, records)) {
			want.records = records
			break
		}
	}
	want.uncertain = nil
}

// projected returns what the pure projection makes of records, all at once and from an empty status.
func projected(key record.Key, like mirror.Object, records []*record.Record) mirror.Object {
	m := mirror.NewFor(key, like.ID(), "")
	switch m := m.(type) {
	case *mirror.MediaAsset:
		m.Status = projection.MediaAsset(fastpixv1.MediaAssetStatus{}, like.ID(), records)
	case *mirror.LiveStream:
		m.Status = projection.LiveStream(fastpixv1.LiveStreamStatus{}, like.ID(), records)
	}
	return m
}

// facts returns a status without the fields that follow from the status and the time.
func facts(t *testing.T, m mirror.Object) string {
	t.Helper()
	switch m := m.(type) {
	case *mirror.MediaAsset:
		s := *m.Status.DeepCopy()
		s.Conditions, s.Timer, s.TimerTime, s.ObservedGeneration = nil, "", nil, 0
		return mustJSON(t, s)
	case *mirror.LiveStream:
		s := *m.Status.DeepCopy()
		s.Conditions, s.Timer, s.TimerTime, s.ObservedGeneration = nil, "", nil, 0
		return mustJSON(t, s)
	}
	panic("a mirror of no kind")
}

func TestMirrorsAreWhatThePureFoldReturns(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		h := newHistory(t, rt)
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			switch rapid.IntRange(0, 13).Draw(rt, "step") {
			case 13:
				h.toggleEndpoint()
			case 12:
				h.changeReference()
			case 11:
				h.join()
			case 8, 9, 10:
				h.changeRejection()
			case 7:
				h.deleteMirror()
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
