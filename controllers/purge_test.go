package controllers

import (
	"context"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/journal"
	"github.com/fastpix-operator/fastpix-operator/controllers/mirror"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// These tests protect records from purges: a purge deletes no mirror that a waiting record may change, and turns no acknowledged event
// into a replay. A replay after the purge is discarded.

func TestPurgeWaitsForOlderRecords(t *testing.T) {
	c := newFakeClient(t, interceptor.Funcs{}, newBatch(t, "b1", event("e1", "video.media.deleted", 10, media(testMedia, "Deleted"))))
	env := newTestEnv(t, c)
	if err := env.run(); err != nil {
		t.Fatal(err)
	}
	env.now = testStart.Add(mirror.DefaultRetention + time.Hour)
	key := record.Key{Kind: record.MediaAsset, Namespace: testNamespace, Name: testMedia}
	env.timers.Set(key, env.now)

	// Acknowledged, read, and not yet folded when the tombstone is due: the first event about another media, older than the tombstone.
	if err := c.Create(t.Context(), newBatch(t, "b2", event("e2", "video.media.created", 5, media("another", "Created")))); err != nil {
		t.Fatal(err)
	}
	env.readAll()
	result, err := env.reconciler.Reconcile(t.Context(), key)
	if err != nil || result.RequeueAfter != mirror.PurgeRetry {
		t.Errorf("a due tombstone beside a waiting record: requeue after %v, %v; want %v", result.RequeueAfter, err, mirror.PurgeRetry)
	}
	if err := env.run(); err != nil {
		t.Fatal(err)
	}
	if got := mirrors(t, c); !strings.Contains(got, "another") {
		t.Errorf("an event that was acknowledged before the purge is taken for a replay:\n%s", got)
	}
	if _, err := env.reconciler.Reconcile(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if got := mirrors(t, c); strings.Contains(got, testMedia) {
		t.Errorf("the tombstone is not purged afterwards:\n%s", got)
	}
}

func TestFailedRecordIsNotAReplay(t *testing.T) {
	occupant := &fastpixv1.MediaAsset{
		ObjectMeta: metav1.ObjectMeta{Namespace: testNamespace, Name: "another"}, Spec: fastpixv1.MediaAssetSpec{MediaID: "something-else"},
	}
	c := newFakeClient(t, interceptor.Funcs{}, occupant, newBatch(t, "b1",
		event("e1", "video.media.deleted", 10, media(testMedia, "Deleted")), event("e2", "video.media.created", 5, media("another", "Created"))))
	env := newTestEnv(t, c)
	if err := env.run(); err != nil {
		t.Fatal(err)
	}
	env.now = testStart.Add(mirror.DefaultRetention + time.Hour)
	key := record.Key{Kind: record.MediaAsset, Namespace: testNamespace, Name: testMedia}
	env.timers.Set(key, env.now)
	if _, err := env.reconciler.Reconcile(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if got := mirrors(t, c); strings.Contains(got, testMedia) {
		t.Fatalf("a failed record keeps a tombstone:\n%s", got)
	}
	if err := c.Delete(t.Context(), occupant); err != nil {
		t.Fatal(err)
	}
	if err := env.run(); err != nil {
		t.Fatal(err)
	}
	if got := mirrors(t, c); !strings.Contains(got, "another") || len(batches(t, c)) > 0 {
		t.Errorf("its cause is gone, %d batches are left, and the mirrors are\n%s", len(batches(t, c)), got)
	}
}

func TestBatchBeingReadDelaysEveryPurge(t *testing.T) {
	c := newFakeClient(t, interceptor.Funcs{}, sampleJournal(t)...)
	env := newTestEnv(t, c)
	if err := env.syncWatches(); err != nil {
		t.Fatal(err)
	}
	key := record.Key{Kind: record.MediaAsset, Namespace: testNamespace, Name: "never mentioned"}
	for info, ok := env.backlog.Next(); ok; info, ok = env.backlog.Next() {
		if !env.reconciler.Records.MayChange(key) {
			t.Errorf("batch %s is neither read nor waits, and an object may be purged that it names", info.Name)
		}
		if err := env.reader.Read(t.Context(), info); err != nil {
			t.Fatal(err)
		}
	}
	if env.reconciler.Records.MayChange(key) {
		t.Error("everything is read, and nothing may be purged")
	}
}

func TestDelayedPurgesReadNothing(t *testing.T) {
	reads := 0
	c := newFakeClient(t, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			reads++
			return c.Get(ctx, key, o, opts...)
		},
	}, newBatch(t, "b1", event("e1", "video.media.deleted", 10, media(testMedia, "Deleted"))))
	env := newTestEnv(t, c)
	if err := env.run(); err != nil {
		t.Fatal(err)
	}
	env.now = testStart.Add(mirror.DefaultRetention + time.Hour)
	key := record.Key{Kind: record.MediaAsset, Namespace: testNamespace, Name: testMedia}
	env.timers.Set(key, env.now)
	env.backlog.Add(journal.BatchInfo{Name: "unread", UID: "unread"})
	for visit := range 10 {
		result, err := env.reconciler.Reconcile(t.Context(), key)
		if err != nil || result.RequeueAfter != time.Second {
			t.Fatalf("a purge beside an unread batch: requeue after %v, %v", result.RequeueAfter, err)
		}
		if visit == 0 {
			reads = 0
		}
	}
	if reads > 0 {
		t.Errorf("a purge that waits took %d reads in nine seconds", reads)
	}
}

func TestNothingIsPurgedBeforeTheJournalIsKnown(t *testing.T) {
	c := newFakeClient(t, interceptor.Funcs{}, newBatch(t, "b1", event("e1", "video.media.deleted", 10, media(testMedia, "Deleted"))))
	if err := newTestEnv(t, c).run(); err != nil {
		t.Fatal(err)
	}
	env := newUnsyncedTestEnv(t, c) // the next leader, whose watch of batches is slower than that of tombstones
	env.now = testStart.Add(mirror.DefaultRetention + time.Hour)
	key := record.Key{Kind: record.MediaAsset, Namespace: testNamespace, Name: testMedia}
	env.timers.Set(key, env.now)
	if _, err := env.reconciler.Reconcile(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if err := env.sweeper.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := mirrors(t, c); !strings.Contains(got, testMedia) {
		t.Error("a tombstone is purged although a batch may name it")
	}
	env.backlog.Replace(nil)
	if _, err := env.reconciler.Reconcile(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if got := mirrors(t, c); strings.Contains(got, testMedia) {
		t.Errorf("the tombstone is still there:\n%s", got)
	}
}
