package controllers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/journal"
	"github.com/fastpix-operator/fastpix-operator/controllers/mirror"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// These tests protect against silent losses and stuck work: a misinterpreted answer, a batch that is never read, memory that one tenant's
// errors fill, and an error of the API server that counts as a failure of a record.

// proxyNotFound returns the error of a client for a 404 that does not come from the API server.
func proxyNotFound() error {
	return apierrors.NewGenericServerResponse(http.StatusNotFound, "get", schema.GroupResource{Resource: "things"}, "x", "404 page not found", 0, true)
}

func TestProxyAnswersDiscardNothing(t *testing.T) {
	for name, calls := range map[string]func(o client.Object) bool{
		"of a namespace": func(o client.Object) bool { _, ok := o.(*metav1.PartialObjectMetadata); return ok },
		"of a batch":     func(o client.Object) bool { _, ok := o.(*fastpixv1.EventBatch); return ok },
		"of a mirror":    func(o client.Object) bool { _, ok := o.(*fastpixv1.MediaAsset); return ok },
	} {
		t.Run(name, func(t *testing.T) {
			away := true
			c := newFakeClient(t, interceptor.Funcs{
				Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
					if away && calls(o) {
						return proxyNotFound()
					}
					return c.Get(ctx, key, o, opts...)
				},
			}, newBatch(t, "b1", event("e1", "video.media.ready", 1, media(testMedia, "Ready"))))
			env := newTestEnv(t, c)
			if err := env.run(); err == nil {
				t.Error("a 404 of a proxy counts as an answer of the API server")
			}
			away = false
			if err := env.run(); err != nil {
				t.Fatal(err)
			}
			if got := mirrors(t, c); !strings.Contains(got, `"state":"Ready"`) || len(batches(t, c)) > 0 {
				t.Errorf("%d batches are left, the mirrors are\n%s", len(batches(t, c)), got)
			}
		})
	}
}

func TestNewBatchWithAReusedNameIsRead(t *testing.T) {
	b := journal.NewBacklog()
	w := &journal.Watcher{Backlog: b}
	meta := func(uid string) *metav1.PartialObjectMetadata {
		return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: "failed-1", UID: types.UID(uid)}}
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	do(w.Add(meta("old")))
	if _, known := b.Totals(); known || b.Empty() {
		t.Error("one batch counts as the whole journal")
	}
	do(w.Replace([]any{meta("new")}, "2")) // a watch that was interrupted between the end of one and the begin of the other
	info, ok := b.Next()
	if !ok || info.UID != "new" {
		t.Errorf("the next batch is %q, want the new one", info.UID)
	}
	b.Done()
	if again := b.Requeue("old"); again {
		t.Error("the old batch is still known")
	}
	do(w.Update(meta("new")))
	do(w.Replace([]any{meta("new")}, "3"))
	if _, known := b.Totals(); !known || !b.Empty() {
		t.Error("a batch that was read is queued because its metadata changed, or all are read again")
	}
	do(w.Delete(meta("new")))
	if b.Requeue("new") {
		t.Error("a batch that was deleted is still known")
	}
}

// gaugeValue returns the value of a gauge without labels, and whether a scrape shows it.
func gaugeValue(t *testing.T, name string) (value float64, there bool) {
	t.Helper()
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue(), true
		}
	}
	return 0, false
}

func TestGaugesEndWithTheLease(t *testing.T) {
	c := newFakeClient(t, interceptor.Funcs{}, sampleJournal(t)...)
	env := newTestEnv(t, c)
	for _, b := range batches(t, c) {
		env.backlog.Add(env.backlog.InfoOf(&metav1.PartialObjectMetadata{ObjectMeta: b.ObjectMeta}))
	}
	if err := env.publisher.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, _ := gaugeValue(t, "fastpix_pending_events"); got != 6 {
		t.Fatalf("%v events are pending, want 6", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := env.publisher.Start(ctx); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"fastpix_pending_events", "fastpix_failed_events", "fastpix_oldest_pending_age_seconds"} {
		if got, there := gaugeValue(t, name); there {
			t.Errorf("a process that is not the leader exports %s with %v", name, got)
		}
	}
}

func TestRefusedRecordDoesNotBlockOthers(t *testing.T) {
	poison := "poison"
	refuse := true
	c := newFakeClient(t, interceptor.Funcs{
		SubResourceUpdate: func(ctx context.Context, c client.Client, sub string, o client.Object, opts ...client.SubResourceUpdateOption) error {
			if a, ok := o.(*fastpixv1.MediaAsset); ok && a.Status.Title == poison && refuse {
				return apierrors.NewInvalid(schema.GroupKind{Kind: "MediaAsset"}, o.GetName(), nil)
			}
			return c.SubResource(sub).Update(ctx, o, opts...)
		},
	}, newBatch(t, "b1",
		event("e1", "video.media.created", 1, media(testMedia, "Created")),
		event("e2", "video.media.updated", 5, record.Change{Kind: record.MediaAsset, ID: testMedia, Media: &record.MediaChange{Title: &poison}}),
		event("e3", "video.media.ready", 3, media(testMedia, "Ready"))))
	env := newTestEnv(t, c)
	if err := env.run(); err != nil {
		t.Fatal(err)
	}
	if got := mirrors(t, c); !strings.Contains(got, `"state":"Ready"`) {
		t.Errorf("one record of an asset is refused, and with it the others:\n%s", got)
	}
	left := batches(t, c)
	if len(left) != 1 || len(left[0].Spec.Events) != 1 || left[0].Status.Failed[0].EventID != "e2" {
		t.Fatalf("left in the journal is %s, want e2 alone", mustJSON(t, left))
	}
	refuse = false
	if err := newTestEnv(t, c).run(); err != nil {
		t.Fatal(err)
	}
	if got := mirrors(t, c); !strings.Contains(got, poison) || len(batches(t, c)) > 0 {
		t.Errorf("after the cause is gone %d batches are left, and the mirrors are\n%s", len(batches(t, c)), got)
	}
}

func TestStuckBatchReleasesItsMemory(t *testing.T) {
	full := true // the journal's quota: a batch for failed records has no room
	occupant := &fastpixv1.MediaAsset{
		ObjectMeta: metav1.ObjectMeta{Namespace: testNamespace, Name: testMedia}, Spec: fastpixv1.MediaAssetSpec{MediaID: "something-else"},
	}
	for name, funcs := range map[string]interceptor.Funcs{
		"no room for failed records": {Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			if _, ok := o.(*fastpixv1.EventBatch); ok && full {
				return apierrors.NewForbidden(schema.GroupResource{Resource: "eventbatches"}, o.GetName(), errors.New("exceeded quota"))
			}
			return c.Create(ctx, o, opts...)
		}},
		"no right to delete": {Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			if full {
				return apierrors.NewForbidden(schema.GroupResource{Resource: "eventbatches"}, o.GetName(), errors.New("no"))
			}
			return c.Delete(ctx, o, opts...)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			full = true
			c := newFakeClient(t, funcs, occupant.DeepCopy(), newBatch(t, "b1", event("e1", "video.media.created", 1, media(testMedia, "Created"))))
			env := newTestEnv(t, c)
			for range 3 {
				if err := env.run(); err != nil {
					t.Fatal(err)
				}
				if got := env.ledger.LoadedBytes(); got != 0 || len(env.delayedBatches) == 0 {
					t.Fatalf("%d bytes are in memory, %d batches come back later", got, len(env.delayedBatches))
				}
			}
			full = false
			if err := env.run(); err != nil {
				t.Fatal(err)
			}
			left := batches(t, c)
			if len(left) != 1 || left[0].Labels[fastpixv1.FailedLabel] != "true" || len(left[0].Status.Failed) != 1 {
				t.Errorf("when there is room again the journal holds %s", mustJSON(t, left))
			}
		})
	}
}

func TestSeparateRefusalsDoNotAddUp(t *testing.T) {
	var answer error
	c := newFakeClient(t, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			if _, ok := o.(*fastpixv1.MediaAsset); ok && answer != nil {
				return answer
			}
			return c.Create(ctx, o, opts...)
		},
	}, newBatch(t, "b1", event("e1", "video.media.created", 1, media(testMedia, "Created"))))
	env := newTestEnv(t, c)
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "mediaassets"}, "", errors.New("roles are not known yet"))
	// An API server that starts, stops, and starts again.
	for _, answer = range []error{forbidden, errors.New("connection refused"), forbidden} {
		if err := env.run(); err == nil {
			t.Fatalf("after %v nothing is tried again", answer)
		}
		env.now = env.now.Add(mirror.ForbiddenTimeout)
	}
}

func TestBatchWithOpenEntriesIsNotDeleted(t *testing.T) {
	c := newFakeClient(t, interceptor.Funcs{}, sampleJournal(t)...)
	env := newTestEnv(t, c)
	env.readAll()
	for _, b := range batches(t, c) {
		if _, err := env.discarder.Reconcile(t.Context(), b.UID); err != nil {
			t.Fatal(err)
		}
	}
	if left := batches(t, c); len(left) != 3 {
		t.Fatalf("%d of 3 batches are left although nothing is folded", len(left))
	}
	if err := env.run(); err != nil || len(batches(t, c)) != 0 {
		t.Errorf("%d batches are left in the end (%v)", len(batches(t, c)), err)
	}
}

func TestWindowOfRecordsIsBounded(t *testing.T) {
	var records []*record.Record
	title := strings.Repeat("t", 1000) // a record of a whole media has about as much
	for i := range 200 {
		change := record.Change{Kind: record.MediaAsset, ID: fmt.Sprint("m", i), Media: &record.MediaChange{State: "Ready", Title: &title}}
		records = append(records, event(fmt.Sprint("e", i), "video.media.ready", i, change))
	}
	const batchCount = 100
	var objects []client.Object
	for i := range batchCount {
		objects = append(objects, newBatch(t, fmt.Sprint("b", i), records...))
	}
	c := newFakeClient(t, interceptor.Funcs{}, objects...)
	env := newTestEnv(t, c)
	if err := env.syncWatches(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // so that nothing waits
	read := 0
	for info, ok := env.reader.Next(ctx); ok; info, ok = env.reader.Next(ctx) {
		if err := env.reader.Read(t.Context(), info); err != nil {
			t.Fatal(err)
		}
		read++
	}
	if read < 30 || read > 50 {
		t.Errorf("%d of %d batches with 200 records each are in memory at once, want about eight thousand records", read, batchCount)
	}
	if err := env.run(); err != nil || len(batches(t, c)) != 0 {
		t.Errorf("%d batches are left in the end (%v)", len(batches(t, c)), err)
	}
}

func TestEtcdOutageFailsNoRecord(t *testing.T) {
	away := false
	c := newFakeClient(t, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			if _, ok := o.(*fastpixv1.MediaAsset); ok && away { // an API server whose etcd is away
				return apierrors.NewInternalError(errors.New("rpc error: code = Unavailable desc = error reading from server: EOF"))
			}
			return c.Get(ctx, key, o, opts...)
		},
	}, newBatch(t, "b1", event("e1", "video.media.created", 1, media(testMedia, "Created"))))
	env := newTestEnv(t, c)
	away = true
	for range 5 {
		if err := env.run(); !apierrors.IsInternalError(err) {
			t.Fatalf("got %v, want the outage to be waited for", err)
		}
		env.now = env.now.Add(mirror.ErrorTimeout)
	}
	away = false
	if err := env.run(); err != nil || len(batches(t, c)) != 0 {
		t.Errorf("%d batches are left after the outage (%v)", len(batches(t, c)), err)
	}
}

// TestNothingIsPublishedBeforeTheJournalIsKnown protects the bound of the journal from a new leader that has not listed the journal yet:
// receivers limit deliveries by the published counts.
func TestNothingIsPublishedBeforeTheJournalIsKnown(t *testing.T) {
	c := newFakeClient(t, interceptor.Funcs{}, sampleJournal(t)...)
	env := newTestEnv(t, c)
	pending := func() int64 {
		var e fastpixv1.WebhookEndpoint
		if err := c.Get(t.Context(), client.ObjectKey{Namespace: testNamespace, Name: "fastpix"}, &e); err != nil {
			t.Fatal(err)
		}
		return e.Status.PendingEvents
	}
	publish := func() {
		t.Helper()
		if err := env.publisher.Publish(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := env.syncWatches(); err != nil {
		t.Fatal(err)
	}
	publish()
	before := pending()
	env.publisher.Totals = journal.NewBacklog().Totals // of the next leader
	publish()
	if before == 0 || pending() != before {
		t.Errorf("%d events are pending, a leader that knows of none publishes %d", before, pending())
	}
}
