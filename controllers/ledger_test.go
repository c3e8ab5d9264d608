package controllers

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/journal"
	"github.com/fastpix-operator/fastpix-operator/controllers/mirror"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// These tests protect the first promise in the ledger: a record that arrives while its object is being folded stays pending, and a batch
// is deleted only when all of its records are done.

func TestRecordsThatArriveDuringAFoldStayPending(t *testing.T) {
	t.Parallel()
	l := journal.NewLedger()
	first, second := &journal.Batch{Name: "b1", UID: "1"}, &journal.Batch{Name: "b2", UID: "2"}
	entryOf := func(b *journal.Batch, id string) journal.Entry {
		e := journal.Entry{ChangeRef: journal.ChangeRef{Batch: b, ChangeIndex: journal.ChangeIndex{Index: len(b.Records)}}, Record: event("e-"+b.Name+"-"+id, "video.media.ready", 1, media(id, "Ready"))}
		text, err := record.Encode(e.Record)
		if err != nil {
			t.Fatal(err)
		}
		b.Records = append(b.Records, text)
		return e
	}
	peek := func(name string) []journal.Entry {
		t.Helper()
		entries, err := l.Peek(assetKey(name))
		if err != nil {
			t.Fatal(err)
		}
		return entries
	}
	if keys := l.Add(first, []journal.Entry{entryOf(first, "m1"), entryOf(first, "m2")}); len(keys) != 2 {
		t.Fatalf("got keys %v", keys)
	}
	folding := peek("m1")
	if keys := l.Add(second, []journal.Entry{entryOf(second, "m1")}); len(keys) != 0 {
		t.Errorf("an object that is folded already is queued again: %v", keys)
	}
	if finished := l.Resolve(assetKey("m1"), len(folding), nil); len(finished) != 0 {
		t.Errorf("a batch with an open record is finished")
	}
	if left := peek("m1"); len(left) != 1 || left[0].Batch != second || left[0].Record.ID != "e-b2-m1" {
		t.Fatalf("what arrived meanwhile is lost: %v", left)
	}
	if finished := l.Resolve(assetKey("m1"), 1, nil); len(finished) != 1 || finished[0] != second {
		t.Errorf("got %v", finished)
	}
	if finished := l.Resolve(assetKey("m2"), 1, nil); len(finished) != 1 || finished[0] != first {
		t.Errorf("got %v", finished)
	}
	for _, name := range []string{"m1", "m2"} {
		if left := peek(name); len(left) > 0 {
			t.Errorf("%s still has %v", name, left)
		}
	}
}

// TestLedgerTellsObservationsFromEvents protects webhooks from a backfill: an object for which a webhook waits is not one that can wait.
func TestLedgerTellsObservationsFromEvents(t *testing.T) {
	t.Parallel()
	l := journal.NewLedger()
	add := func(uid, typ string) {
		b := &journal.Batch{UID: types.UID(uid), Records: []string{"{}"}}
		l.Add(b, []journal.Entry{{ChangeRef: journal.ChangeRef{Batch: b}, Record: event(uid, typ, 1, media("m1", "Ready"))}})
	}
	check := func(want bool, what string) {
		t.Helper()
		if l.HasOnlyObservations(assetKey("m1")) != want {
			t.Errorf("with %s it is %t", what, !want)
		}
	}
	check(false, "nothing")
	add("1", record.TypeMediaObserved)
	check(true, "an observation")
	add("2", "video.media.updated")
	check(false, "an observation and an event")
	l.Resolve(assetKey("m1"), 1, nil)
	check(false, "an event")
}

// waitingFor returns a journal with that number of events about one media.
func waitingFor(t *testing.T, id string, count int) []client.Object {
	t.Helper()
	var objects []client.Object
	for first := 0; first < count; first += fastpixv1.MaxBatchEvents {
		var records []*record.Record
		for i := first; i < min(count, first+fastpixv1.MaxBatchEvents); i++ {
			records = append(records, event(fmt.Sprint("e", i), "video.media.ready", i, media(id, "Ready")))
		}
		objects = append(objects, newBatch(t, fmt.Sprint("b", first), records...))
	}
	return objects
}

// TestVisitFoldsABoundedNumber protects the memory from an object with thousands of waiting records.
func TestVisitFoldsABoundedNumber(t *testing.T) {
	const count = 2*journal.MaxVisitEntries + 1
	writes := 0
	c := newFakeClient(t, interceptor.Funcs{
		SubResourceUpdate: func(ctx context.Context, c client.Client, sub string, o client.Object, opts ...client.SubResourceUpdateOption) error {
			if asset, ok := o.(*fastpixv1.MediaAsset); ok {
				writes++
				if len(asset.ManagedFields) > 0 {
					t.Error("a status write sends managed fields")
				}
			}
			return c.SubResource(sub).Update(ctx, o, opts...)
		},
	}, waitingFor(t, testMedia, count)...)
	env := newTestEnv(t, c)
	env.now = testStart.Add(time.Hour) // after the last receipt
	env.readAll()
	key := assetKey(testMedia)
	if entries, err := env.ledger.Peek(key); err != nil || len(entries) != journal.MaxVisitEntries || env.ledger.Waiting(key) != count {
		t.Errorf("a visit folds %d of %d records that wait (%v)", len(entries), env.ledger.Waiting(key), err)
	}
	for left := count; left > 0; left -= journal.MaxVisitEntries {
		result, err := env.reconciler.Reconcile(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		if comesBack := result.RequeueAfter > 0; comesBack != (left > journal.MaxVisitEntries) {
			t.Errorf("with %d records before a visit it comes back: %v", left, comesBack)
		}
	}
	if err := env.run(); err != nil || len(batches(t, c)) != 0 {
		t.Errorf("%d batches are left (%v)", len(batches(t, c)), err)
	}
	if writes < 1 || writes > 3 { // a visit that folds only older events changes nothing
		t.Errorf("%d status writes for %d records, want at most one for each %d", writes, count, journal.MaxVisitEntries)
	}
}

// TestRefusalTimeoutCountsPerObject protects other tenants from an object that is refused: its thousands of records fail together, and
// release the memory that all tenants share.
func TestRefusalTimeoutCountsPerObject(t *testing.T) {
	const count = 3*journal.MaxVisitEntries + 1
	c := newFakeClient(t, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			if _, ok := o.(*fastpixv1.MediaAsset); ok {
				return apierrors.NewInternalError(errors.New("failed calling webhook"))
			}
			return c.Create(ctx, o, opts...)
		},
	}, waitingFor(t, testMedia, count)...)
	env := newTestEnv(t, c)
	env.readAll()
	key, begun := assetKey(testMedia), env.now
	for env.ledger.Waiting(key) > 0 && env.now.Sub(begun) < 10*mirror.ErrorTimeout {
		_, _ = env.reconciler.Reconcile(t.Context(), key)   // which fails until the timeout ends
		env.reconciler.Refusals.Accepted(assetKey("other")) // others of the tenant are written
		env.now = env.now.Add(time.Second)
	}
	if waited := env.now.Sub(begun); waited > mirror.ErrorTimeout+10*time.Second {
		t.Errorf("the records of one refused object were waited for %v, want %v", waited, mirror.ErrorTimeout)
	}
	if err := env.run(); err != nil {
		t.Fatal(err)
	}
	failed := 0
	for _, b := range batches(t, c) {
		failed += len(b.Status.Failed)
	}
	if failed != count {
		t.Errorf("%d records are reported as failed, want %d", failed, count)
	}
}
