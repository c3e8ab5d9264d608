package controllers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/journal"
	"github.com/fastpix-operator/fastpix-operator/controllers/lifecycle"
	"github.com/fastpix-operator/fastpix-operator/controllers/mirror"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// These tests protect deleted mirrors from retries, and the journal from many small batches of failed records.

// rejecter rejects the creation of mirrors for which rejects returns true, and counts its answers.
type rejecter struct {
	rejects  func(client.Object) bool
	rejected int
}

func (f *rejecter) funcs() interceptor.Funcs {
	return interceptor.Funcs{Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
		if f.rejects != nil && f.rejects(o) {
			f.rejected++
			return apierrors.NewInvalid(schema.GroupKind{Kind: "Mirror"}, o.GetName(), nil)
		}
		return c.Create(ctx, o, opts...)
	}}
}

func isStream(o client.Object) bool { _, ok := o.(*fastpixv1.LiveStream); return ok }
func isAsset(o client.Object) bool  { _, ok := o.(*fastpixv1.MediaAsset); return ok }

// recording is an event that touches a media and a stream.
func recording(id string, second int) *record.Record {
	m, s := media(testMedia, "Created"), stream(testStream, "")
	m.Media.Title = new("a title")
	s.Stream.Recordings.Set = []fastpixv1.MediaReference{{MediaID: testMedia}}
	return event(id, "video.media.live_stream.created", second, m, s)
}

func TestOnlyTheFailedChangeIsRetried(t *testing.T) {
	t.Parallel()
	f := &rejecter{rejects: isStream}
	c := newFakeClient(t, f.funcs(), newBatch(t, "b1", recording("e1", 1)))
	env := newTestEnv(t, c)
	if err := env.run(); err != nil {
		t.Fatal(err)
	}
	left := batches(t, c)
	if len(left) != 1 || len(left[0].Spec.Events) != 1 || left[0].Annotations[fastpixv1.FailedChangesAnnotation] != fastpixv1.FailedChangesCreate {
		t.Fatalf("left is %s", mustJSON(t, left))
	}
	if rec, err := record.Decode(left[0].Spec.Events[0]); err != nil || len(rec.Changes) != 1 || rec.Changes[0].Kind != record.LiveStream {
		t.Fatalf("what is retried is %s (%v)", left[0].Spec.Events[0], err)
	}

	if err := c.Create(t.Context(), newBatch(t, "b2", event("e2", "video.media.deleted", 2, media(testMedia, "Deleted")))); err != nil {
		t.Fatal(err)
	}
	if err := env.run(); err != nil {
		t.Fatal(err)
	}
	env.now = testStart.Add(mirror.DefaultRetention + time.Hour)
	if err := errors.Join(env.fireTimers(), env.run()); err != nil {
		t.Fatal(err)
	}
	next := newTestEnv(t, c)
	next.now = env.now
	if err := next.run(); err != nil { // every start retries
		t.Fatal(err)
	}
	if got := mirrors(t, c); got != "" {
		t.Errorf("a retry created a mirror:\n%s", got)
	}
	f.rejects = nil
	next = newTestEnv(t, c)
	next.now = env.now
	if err := next.run(); err != nil {
		t.Fatal(err)
	}
	if got := mirrors(t, c); !strings.Contains(got, testStream) || strings.Contains(got, "a title") || len(batches(t, c)) > 0 {
		t.Errorf("with its cause gone the other half is not all that there is; %d batches are left:\n%s", len(batches(t, c)), got)
	}
}

// TestOlderFailedBatchesAreSplit protects upgrades: older controllers kept whole records in batches of failed records, and did not mark
// them.
func TestOlderFailedBatchesAreSplit(t *testing.T) {
	t.Parallel()
	through := metav1.NewMicroTime(testStart.Add(time.Hour))
	for name, tc := range map[string]struct {
		failed []fastpixv1.FailedEvent
		want   string // of the objects that are made, although the event is not newer than what was purged
	}{
		"the stream failed": {
			failed: []fastpixv1.FailedEvent{{Index: 0, Object: streamKey(testStream).String()}}, want: testStream,
		},
		"the media failed": {
			failed: []fastpixv1.FailedEvent{{Index: 0, Object: assetKey(testMedia).String()}}, want: testMedia,
		},
		"the status does not say what failed": {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			old := newBatch(t, "failed-1", recording("e1", 1))
			old.Labels = map[string]string{fastpixv1.FailedLabel: "true"}
			old.Status.Failed = tc.failed
			endpoint := namespaceAndEndpoint()[1].(*fastpixv1.WebhookEndpoint)
			endpoint.Status.PurgedThrough = &through
			c := newClientOf(t, interceptor.Funcs{}, []client.Object{old, endpoint, namespaceAndEndpoint()[0]})
			if err := newTestEnv(t, c).run(); err != nil {
				t.Fatal(err)
			}
			got := mirrors(t, c)
			for _, id := range []string{testMedia, testStream} {
				if strings.Contains(got, id+" "+id) != (id == tc.want) {
					t.Errorf("want %q, there is\n%s", tc.want, got)
				}
			}
			if left := batches(t, c); len(left) > 0 {
				t.Errorf("left is %s", mustJSON(t, left))
			}
		})
	}
}

// TestRefusedReplayDoesNotFail protects law 9: a replay that may not create a mirror does not become a failed record.
func TestRefusedReplayDoesNotFail(t *testing.T) {
	t.Parallel()
	occupant := &fastpixv1.MediaAsset{ObjectMeta: metav1.ObjectMeta{Namespace: testNamespace, Name: testMedia}, Spec: fastpixv1.MediaAssetSpec{MediaID: "else"}}
	through := metav1.NewMicroTime(testStart.Add(time.Hour))
	endpoint := namespaceAndEndpoint()[1].(*fastpixv1.WebhookEndpoint)
	endpoint.Status.PurgedThrough = &through
	c := newClientOf(t, interceptor.Funcs{}, []client.Object{
		occupant, endpoint, namespaceAndEndpoint()[0], newBatch(t, "b1", event("e1", "video.media.ready", 1, media(testMedia, "Ready"))),
	})
	if err := newTestEnv(t, c).run(); err != nil {
		t.Fatal(err)
	}
	if left := batches(t, c); len(left) > 0 {
		t.Errorf("a replay waits for its name to be free: %s", mustJSON(t, left))
	}
}

// TestTombstoneStaysWhileARecordOfItFails protects law 9 for retries: a failed record is folded into the tombstone, or the tombstone
// waits.
func TestTombstoneStaysWhileARecordOfItFails(t *testing.T) {
	t.Parallel()
	newer := `{"v":3,"ns":"video","ep":"fastpix","of":"a newer operator"}`
	poison := event("e2", "video.media.updated", 2, media(testMedia, ""))
	poison.Changes[0].Media.Title = new("poison")
	for name, tc := range map[string]struct {
		text  string
		waits bool
	}{
		"one of its own":               {text: mustEncode(t, poison), waits: true},
		"one that nobody can read yet": {text: newer, waits: true},
		"none":                         {text: mustEncode(t, event("e2", "video.media.ready", 2, media(testMedia, "Ready")))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refuses := true
			b := newBatch(t, "b1", event("e1", "video.media.created", 1, media(testMedia, "Created")))
			b.Spec.Events = append(b.Spec.Events, tc.text)
			c := newFakeClient(t, interceptor.Funcs{
				SubResourceUpdate: func(ctx context.Context, c client.Client, sub string, o client.Object, opts ...client.SubResourceUpdateOption) error {
					if a, ok := o.(*fastpixv1.MediaAsset); ok && a.Status.Title == "poison" && refuses {
						return apierrors.NewInvalid(schema.GroupKind{Kind: "MediaAsset"}, o.GetName(), nil)
					}
					return c.SubResource(sub).Update(ctx, o, opts...)
				},
			}, b)
			env := newTestEnv(t, c)
			if err := env.run(); err != nil {
				t.Fatal(err)
			}
			if err := c.Create(t.Context(), newBatch(t, "b2", event("e3", "video.media.deleted", 3, media(testMedia, "Deleted")))); err != nil {
				t.Fatal(err)
			}
			env.delayedBatches = nil // its retry is an hour away
			if err := env.run(); err != nil {
				t.Fatal(err)
			}
			env.now = testStart.Add(mirror.DefaultRetention + time.Hour)
			if err := env.fireTimers(); err != nil {
				t.Fatal(err)
			}
			if waits := strings.Contains(mirrors(t, c), testMedia); waits != tc.waits {
				t.Errorf("the tombstone is there: %v, want %v", waits, tc.waits)
			}
		})
	}
}

func mustEncode(t *testing.T, r *record.Record) string {
	t.Helper()
	text, err := record.Encode(r)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestStuckBatchFoldsNothingTwice protects manually deleted mirrors, and events from purges, while failed records cannot be moved.
func TestStuckBatchFoldsNothingTwice(t *testing.T) {
	t.Parallel()
	full := true
	f := &rejecter{rejects: func(o client.Object) bool {
		_, ok := o.(*fastpixv1.EventBatch)
		return ok && full && strings.HasPrefix(o.GetName(), "failed-") || isStream(o) && full
	}}
	c := newFakeClient(t, f.funcs(), newBatch(t, "b1", recording("e1", 5)))
	env := newTestEnv(t, c)
	if err := env.run(); err != nil {
		t.Fatal(err)
	}
	asset := env.asset(testMedia)
	if err := c.Delete(t.Context(), asset); err != nil { // by hand
		t.Fatal(err)
	}
	if err := env.run(); err != nil {
		t.Fatal(err)
	}
	if env.asset(testMedia).Name != "" {
		t.Error("what was deleted by hand is there again, as its batch could not end")
	}
	// A tombstone of another media is due. Its purge would turn the record that could not be moved into a replay for the next process.
	if err := c.Create(t.Context(), newBatch(t, "b2", event("e2", "video.media.deleted", 10, media("other", "Deleted")))); err != nil {
		t.Fatal(err)
	}
	if err := env.run(); err != nil {
		t.Fatal(err)
	}
	env.now = testStart.Add(mirror.DefaultRetention + time.Hour)
	if err := env.fireTimers(); err != nil {
		t.Fatal(err)
	}
	if env.asset("other").Name == "" {
		t.Error("a tombstone was purged, although an older event could not be moved")
	}
	full = false
	next := newTestEnv(t, c)
	next.now = env.now
	if err := next.run(); err != nil {
		t.Fatal(err)
	}
	if got := mirrors(t, c); !strings.Contains(got, testStream+" "+testStream) || len(batches(t, c)) > 0 {
		t.Errorf("with room %d batches are left, and the mirrors are\n%s", len(batches(t, c)), got)
	}
}

func TestFailedBatchesAreJoined(t *testing.T) {
	t.Parallel()
	f := &rejecter{rejects: isAsset}
	c := newFakeClient(t, f.funcs())
	env := newTestEnv(t, c)
	const events = 400
	most := 0
	for i := range events {
		e := event(fmt.Sprintf("e%03d", i), "video.media.created", i, media(fmt.Sprintf("m%03d", i), "Created"))
		if i%2 == 1 {
			e.Endpoint = "second"
		}
		b := newBatch(t, fmt.Sprintf("b%03d", i), e)
		b.Annotations[fastpixv1.EventCountsAnnotation] = record.FormatCounts(map[types.NamespacedName]int64{{Namespace: testNamespace, Name: e.Endpoint}: 1})
		if err := c.Create(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		env.delayedBatches = nil // nothing is retried meanwhile
		if err := env.run(); err != nil {
			t.Fatal(err)
		}
		if i%20 == 0 {
			if err := env.joiner.Round(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		most = max(most, len(batches(t, c)))
	}
	env.now = env.now.Add(journal.JoinPause)
	if err := env.joiner.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	left := batches(t, c)
	seen := map[string]bool{}
	for _, b := range left {
		if len(b.Status.Failed) != len(b.Spec.Events) {
			t.Errorf("%s holds %d records and says of %d why they failed", b.Name, len(b.Spec.Events), len(b.Status.Failed))
		}
		endpoint, _, _ := strings.Cut(b.Annotations[fastpixv1.EventCountsAnnotation], "=")
		for i, text := range b.Spec.Events {
			rec, err := record.Decode(text)
			if err != nil {
				t.Fatal(err)
			}
			if testNamespace+"/"+rec.Endpoint != endpoint || b.Status.Failed[i].EventID != rec.ID {
				t.Errorf("%s, of %s, holds %s of %s, whose failure is %+v", b.Name, endpoint, rec.ID, rec.Endpoint, b.Status.Failed[i])
			}
			seen[rec.ID] = true
		}
	}
	if len(seen) != events || len(left) > 4 || most > 2*(journal.JoinMany+4)+20 {
		t.Errorf("%d of %d records are in %d batches; there were %d at most", len(seen), events, len(left), most)
	}
	if totals, _ := env.backlog.Totals(); totals.Failed[types.NamespacedName{Namespace: testNamespace, Name: "second"}] != events/2 {
		t.Errorf("counted are %v", totals.Failed)
	}
	f.rejects, env.delayedBatches = nil, nil
	for _, b := range left {
		env.delayedBatches = append(env.delayedBatches, b.UID)
	}
	if err := env.run(); err != nil || len(batches(t, c)) > 0 {
		t.Errorf("with their cause gone %d batches are left (%v)", len(batches(t, c)), err)
	}
}

// TestJoinedBatchIsReadAfterReplacedBatchesAreDeleted protects retries from the copies that an interrupted join leaves.
func TestJoinedBatchIsReadAfterReplacedBatchesAreDeleted(t *testing.T) {
	t.Parallel()
	deletes := true
	f := &rejecter{rejects: isAsset}
	funcs := f.funcs()
	funcs.Delete = func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
		if !deletes && strings.HasPrefix(o.GetName(), "failed-") {
			return errInterrupted
		}
		return c.Delete(ctx, o, opts...)
	}
	c := newFakeClient(t, funcs, newBatch(t, "b1", event("e1", "video.media.created", 1, media("m1", "Created"))),
		newBatch(t, "b2", event("e2", "video.media.created", 1, media("m2", "Created"))))
	env := newTestEnv(t, c)
	if err := env.run(); err != nil {
		t.Fatal(err)
	}
	deletes = false
	if err := env.joiner.Round(t.Context()); !errors.Is(err, errInterrupted) {
		t.Fatalf("got %v", err)
	}
	f.rejects = nil
	for _, process := range []*testEnv{env, newTestEnv(t, c)} {
		if err := process.run(); !errors.Is(err, errInterrupted) { // the copies cannot go
			t.Fatal(err)
		}
		for range 2 {
			for _, b := range batches(t, c) {
				process.backlog.Requeue(b.UID)
			}
		}
		if info, ok := process.backlog.Next(); ok {
			t.Errorf("%s is to be read", info.Name)
		}
		if got := mirrors(t, c); got != "" {
			t.Errorf("a batch is read although its records are in the journal twice:\n%s", got)
		}
		if totals, _ := process.backlog.Totals(); totals.Failed[types.NamespacedName{Namespace: testNamespace, Name: "fastpix"}] != 2 {
			t.Errorf("two events failed, counted are %v", totals.Failed)
		}
	}
	deletes = true
	next := newTestEnv(t, c)
	if err := errors.Join(next.syncWatches(), next.joiner.Round(t.Context()), next.run()); err != nil {
		t.Fatal(err)
	}
	if got := mirrors(t, c); !strings.Contains(got, "m1") || !strings.Contains(got, "m2") || len(batches(t, c)) > 0 {
		t.Errorf("%d batches are left, the mirrors are\n%s", len(batches(t, c)), got)
	}
}

func TestFailuresAreReportedByCount(t *testing.T) {
	t.Parallel()
	f := &rejecter{rejects: isAsset}
	c := newFakeClient(t, f.funcs())
	env := newTestEnv(t, c)
	for i := range 100 {
		if err := c.Create(t.Context(), newBatch(t, fmt.Sprint("b", i), event(fmt.Sprint("e", i), "video.media.created", i, media(fmt.Sprint("m", i), "Created")))); err != nil {
			t.Fatal(err)
		}
		env.delayedBatches = nil
		if err := env.run(); err != nil {
			t.Fatal(err)
		}
	}
	env.now = env.now.Add(journal.ReportInterval)
	env.joiner.Report.Flush()
	close(env.recorder.Events)
	var notes []string
	for note := range env.recorder.Events {
		notes = append(notes, note)
	}
	if len(notes) != 2 || !strings.Contains(notes[1], "99 events") {
		t.Errorf("100 failures make %d Kubernetes Events: %q", len(notes), notes)
	}
}

// TestPurgeWaitsForAnEndpoint protects law 9 from the endpoint reference of a mirror, and from deleted endpoints.
func TestPurgeWaitsForAnEndpoint(t *testing.T) {
	t.Parallel()
	c := newFakeClient(t, interceptor.Funcs{}, newBatch(t, "b1", event("e1", "video.media.deleted", 1, media(testMedia, "Deleted"))))
	env := newTestEnv(t, c)
	if err := env.run(); err != nil {
		t.Fatal(err)
	}
	endpoint := namespaceAndEndpoint()[1].(*fastpixv1.WebhookEndpoint)
	if err := c.Delete(t.Context(), endpoint); err != nil {
		t.Fatal(err)
	}
	env.now = testStart.Add(mirror.DefaultRetention + time.Hour)
	env.timers.Set(assetKey(testMedia), env.now)
	result, err := env.reconciler.Reconcile(t.Context(), assetKey(testMedia))
	if err != nil || result.RequeueAfter != mirror.NoEndpointRetry || describe(t, c, assetKey(testMedia)) == "gone" {
		t.Errorf("without an endpoint: %s, looked at again in %v (%v)", describe(t, c, assetKey(testMedia)), result.RequeueAfter, err)
	}
	for i := range lifecycle.MaxPurgeCopies + 1 {
		created := metav1.NewTime(testStart.Add(time.Duration(i) * time.Hour))
		e := &fastpixv1.WebhookEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: testNamespace, Name: fmt.Sprint("e", i), CreationTimestamp: created}}
		if err := c.Create(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := env.reconciler.Reconcile(t.Context(), assetKey(testMedia)); err != nil || describe(t, c, assetKey(testMedia)) != "gone" {
		t.Errorf("with endpoints: %s (%v)", describe(t, c, assetKey(testMedia)), err)
	}
	remember := func() (n int) {
		var list fastpixv1.WebhookEndpointList
		if err := c.List(t.Context(), &list); err != nil {
			t.Fatal(err)
		}
		for _, e := range list.Items {
			if e.Status.PurgedThrough != nil {
				n++
			}
		}
		return n
	}
	if n := remember(); n != lifecycle.MaxPurgeCopies {
		t.Errorf("%d endpoints remember the purge at once, want %d", n, lifecycle.MaxPurgeCopies)
	}
	if err := env.publisher.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := remember(); n != lifecycle.MaxPurgeCopies+1 {
		t.Errorf("%d endpoints remember the purge afterwards, want all", n)
	}
}

// TestTextOfAMirrorWithoutAnEndpointFollowsItsNamespace protects customers' text from references to endpoints that do not exist.
func TestTextOfAMirrorWithoutAnEndpointFollowsItsNamespace(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		ref  string
		omit []string
		want string
	}{
		"its endpoint mirrors text":                     {ref: "fastpix", omit: []string{"second"}, want: "a title"},
		"its endpoint omits text":                       {ref: "second", omit: []string{"second"}},
		"its endpoint is missing, and one omits text":   {ref: "missing", omit: []string{"second"}},
		"it names none, and one omits text":             {omit: []string{"second"}},
		"its endpoint is missing, and both mirror text": {ref: "missing", want: "a title"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asset := &fastpixv1.MediaAsset{
				ObjectMeta: metav1.ObjectMeta{Namespace: testNamespace, Name: testMedia},
				Spec:       fastpixv1.MediaAssetSpec{MediaID: testMedia, EndpointRef: fastpixv1.EndpointReference{Name: tc.ref}},
			}
			e := event("e1", "video.media.created", 1, media(testMedia, "Created"))
			e.Changes[0].Media.Title = new("a title")
			objects := []client.Object{asset, newBatch(t, "b1", e), namespaceAndEndpoint()[0]}
			for _, name := range endpointNames {
				endpoint := &fastpixv1.WebhookEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: testNamespace, Name: name}}
				for _, omits := range tc.omit {
					if omits == name {
						endpoint.Spec.MetadataPolicy = fastpixv1.MetadataOmit
					}
				}
				objects = append(objects, endpoint)
			}
			c := newClientOf(t, interceptor.Funcs{}, objects)
			env := newTestEnv(t, c)
			if err := env.run(); err != nil {
				t.Fatal(err)
			}
			if got := env.asset(testMedia).Status.Title; got != tc.want {
				t.Errorf("the title is %q, want %q", got, tc.want)
			}
		})
	}
}

// TestStuckRetryKeepsOnlyFailedChanges protects a manually deleted mirror from a retry that folded one part of a batch and could not move
// the rest.
func TestStuckRetryKeepsOnlyFailedChanges(t *testing.T) {
	t.Parallel()
	refused, full := map[string]bool{"m1": true, "m2": true}, false
	f := &rejecter{rejects: func(o client.Object) bool {
		_, isBatch := o.(*fastpixv1.EventBatch)
		return isAsset(o) && refused[o.GetName()] || isBatch && full
	}}
	c := newFakeClient(t, f.funcs(), newBatch(t, "b1", event("e1", "video.media.created", 1, media("m1", "Created")), event("e2", "video.media.created", 1, media("m2", "Created"))))
	env := newTestEnv(t, c)
	if err := env.run(); err != nil {
		t.Fatal(err)
	}
	refused["m1"], full = false, true
	if err := env.run(); err != nil {
		t.Fatal(err)
	}
	if err := c.Delete(t.Context(), env.asset("m1")); err != nil { // by hand
		t.Fatal(err)
	}
	for range 3 {
		if err := env.run(); err != nil {
			t.Fatal(err)
		}
	}
	if env.asset("m1").Name != "" || len(batches(t, c)) != 1 {
		t.Errorf("m1 is there again: %q; %d batches are left", env.asset("m1").Name, len(batches(t, c)))
	}
	full = false
	for range 3 {
		if err := env.run(); err != nil {
			t.Fatal(err)
		}
	}
	if left := batches(t, c); len(left) != 1 || len(left[0].Spec.Events) != 1 || env.asset("m1").Name != "" {
		t.Errorf("left is %s", mustJSON(t, left))
	}
}
