package controllers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/journal"
	"github.com/fastpix-operator/fastpix-operator/controllers/mirror"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// These tests protect the first promise in the controllers: every record is folded into its mirror, kept and reported as failed, or
// discarded by an order of the user. Folding a record again changes nothing.

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestFoldWritesOncePerObject(t *testing.T) {
	writes := 0
	c := newFakeClient(t, interceptor.Funcs{
		SubResourceUpdate: func(ctx context.Context, c client.Client, sub string, o client.Object, opts ...client.SubResourceUpdateOption) error {
			writes++
			return c.SubResource(sub).Update(ctx, o, opts...)
		},
	}, sampleJournal(t)...)
	if err := newTestEnv(t, c).run(); err != nil {
		t.Fatal(err)
	}
	if writes != 3 {
		t.Errorf("7 effects on 3 objects took %d status writes, want 3", writes)
	}
}

func TestFoldingAgainWritesNothing(t *testing.T) {
	writes := 0
	c := newFakeClient(t, interceptor.Funcs{
		SubResourceUpdate: func(ctx context.Context, c client.Client, sub string, o client.Object, opts ...client.SubResourceUpdateOption) error {
			writes++
			return c.SubResource(sub).Update(ctx, o, opts...)
		},
	}, sampleJournal(t)...)
	env := newTestEnv(t, c)
	if err := env.run(); err != nil {
		t.Fatal(err)
	}
	writes = 0
	for _, b := range sampleJournal(t) {
		if err := c.Create(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	env.now = env.now.Add(time.Minute)
	if err := env.run(); err != nil {
		t.Fatal(err)
	}
	if writes != 0 || len(batches(t, c)) != 0 {
		t.Errorf("folding the same records again took %d writes and left %d batches, want none", writes, len(batches(t, c)))
	}
}

func TestFailedRecordsAreMovedAndRetried(t *testing.T) {
	occupant := &fastpixv1.MediaAsset{
		ObjectMeta: metav1.ObjectMeta{Namespace: testNamespace, Name: testMedia}, Spec: fastpixv1.MediaAssetSpec{MediaID: "something-else"},
	}
	c := newFakeClient(t, interceptor.Funcs{}, append(sampleJournal(t), occupant)...)
	env := newTestEnv(t, c)
	if err := env.run(); err != nil {
		t.Fatal(err)
	}
	failed := batches(t, c)
	if len(failed) != 2 { // of b1 and of b2
		t.Fatalf("the journal holds %d batches, want 2 with one failed record each", len(failed))
	}
	for _, b := range failed {
		if b.Labels[fastpixv1.FailedLabel] != "true" || len(b.Spec.Events) != 1 || b.Status.Failed[0].Reason != journal.ReasonNameTaken {
			t.Errorf("failed batch is %s", mustJSON(t, b))
		}
	}
	var ok fastpixv1.LiveStream
	if err := c.Get(t.Context(), types.NamespacedName{Namespace: testNamespace, Name: testStream}, &ok); err != nil || ok.Status.State != "Active" {
		t.Errorf("batch-mates of failed records are not folded: %v, state %q", err, ok.Status.State)
	}
	if totals, _ := env.backlog.Totals(); len(totals.Pending) != 0 {
		t.Errorf("failed records count as pending: %v", totals.Pending)
	}

	if err := c.Delete(t.Context(), occupant); err != nil {
		t.Fatal(err)
	}
	env = newTestEnv(t, c) // every start tries again
	if err := env.run(); err != nil {
		t.Fatal(err)
	}
	var asset fastpixv1.MediaAsset
	if err := c.Get(t.Context(), types.NamespacedName{Namespace: testNamespace, Name: testMedia}, &asset); err != nil || asset.Status.State != "Ready" {
		t.Errorf("after its cause is gone: %v, state %q", err, asset.Status.State)
	}
	if left := batches(t, c); len(left) != 0 {
		t.Errorf("the journal still holds %d batches", len(left))
	}
}

func TestFailedRecordsAreRetriedWithBackoff(t *testing.T) {
	occupant := &fastpixv1.MediaAsset{
		ObjectMeta: metav1.ObjectMeta{Namespace: testNamespace, Name: testMedia}, Spec: fastpixv1.MediaAssetSpec{MediaID: "something-else"},
	}
	c := newFakeClient(t, interceptor.Funcs{}, occupant, newBatch(t, "b1", event("e1", "video.media.created", 1, media(testMedia, "Created"))))
	env := newTestEnv(t, c)
	if err := env.run(); err != nil {
		t.Fatal(err)
	}
	var delays []time.Duration
	for range 10 {
		var uid types.UID
		for _, b := range batches(t, c) {
			uid = b.UID
			env.backlog.Add(env.backlog.InfoOf(&metav1.PartialObjectMetadata{ObjectMeta: b.ObjectMeta}))
			env.backlog.Requeue(uid)
		}
		info, _ := env.backlog.Next()
		if err := env.reader.Read(t.Context(), info); err != nil {
			t.Fatal(err)
		}
		for _, key := range env.queuedObjects {
			if _, err := env.reconciler.Reconcile(t.Context(), key); err != nil {
				t.Fatal(err)
			}
		}
		env.queuedObjects = nil
		result, err := env.discarder.Reconcile(t.Context(), uid)
		if err != nil {
			t.Fatal(err)
		}
		delays = append(delays, result.RequeueAfter)
	}
	if delays[0] != 2*journal.MinFailedRetry || delays[1] != 4*journal.MinFailedRetry || delays[9] != journal.MaxFailedRetry { // the first one came after MinRetryFailed
		t.Errorf("failed records are retried after %v", delays)
	}
}

func TestUnreadableAndNewerRecordsAreKept(t *testing.T) {
	b := newBatch(t, "b1", event("e1", "video.media.created", 1, media(testMedia, "Created")))
	b.Spec.Events = append(b.Spec.Events, `{"v":3,"what":"ever"}`, `not a record`, `{"v":3,"ns":"video","ep":"fastpix"}`, `{"v":3,"ns":"../video","ep":"fastpix"}`)
	c := newFakeClient(t, interceptor.Funcs{}, b)
	env := newTestEnv(t, c)
	if err := env.run(); err != nil {
		t.Fatal(err)
	}
	named := slices.DeleteFunc(batches(t, c), func(b fastpixv1.EventBatch) bool { return len(b.Spec.Events) != 1 })
	if len(named) != 1 || named[0].Annotations[fastpixv1.EventCountsAnnotation] != "video/fastpix=1" {
		t.Errorf("a record that names its endpoint does not count against it: %s", mustJSON(t, named))
	}
	if note := <-env.recorder.Events; !strings.Contains(note, journal.ReasonNewerVersion) {
		t.Errorf("the endpoint is told %q", note)
	}
	left := slices.DeleteFunc(batches(t, c), func(b fastpixv1.EventBatch) bool { return len(b.Spec.Events) == 1 })
	if len(left) != 1 || len(left[0].Spec.Events) != 3 {
		t.Fatalf("want one batch with the three records that say nothing, got %s", mustJSON(t, left))
	}
	if got := []string{left[0].Status.Failed[0].Reason, left[0].Status.Failed[1].Reason}; got[0] != journal.ReasonNewerVersion || got[1] != journal.ReasonUnreadable {
		t.Errorf("reasons are %v", got)
	}
}

// TestUnreadableRecordsMakeFewBatches protects the journal from a batch whose records name many endpoints that do not exist.
func TestUnreadableRecordsMakeFewBatches(t *testing.T) {
	b := newBatch(t, "b1", event("e1", "video.media.created", 1, media(testMedia, "Created")))
	for i := range 100 {
		b.Spec.Events = append(b.Spec.Events, fmt.Sprintf(`{"v":1,"ns":"video","ep":"forged-%d"}`, i), fmt.Sprintf(`{"v":3,"ns":"forged-%d","ep":"fastpix"}`, i))
	}
	c := newFakeClient(t, interceptor.Funcs{}, b)
	if err := newTestEnv(t, c).run(); err != nil {
		t.Fatal(err)
	}
	left := batches(t, c)
	if len(left) != 1 || len(left[0].Spec.Events) != 200 || left[0].Annotations[fastpixv1.EventCountsAnnotation] != "/=200" {
		t.Errorf("want one batch that counts for nobody's endpoint, got %d", len(left))
	}
	env := newTestEnv(t, c)
	if err := env.run(); err != nil { // a new process counts them as it reads them
		t.Fatal(err)
	}
	if counted, _ := env.backlog.Totals(); len(counted.Failed) != 1 || counted.Failed[types.NamespacedName{}] != 200 {
		t.Errorf("counted are %v", counted.Failed)
	}
}

func TestRefusedStatusFailsOnlyItsRecords(t *testing.T) {
	refuse := true
	c := newFakeClient(t, interceptor.Funcs{
		SubResourceUpdate: func(ctx context.Context, c client.Client, sub string, o client.Object, opts ...client.SubResourceUpdateOption) error {
			if _, ok := o.(*fastpixv1.LiveStream); ok && refuse {
				return apierrors.NewInvalid(schema.GroupKind{Kind: "LiveStream"}, o.GetName(), nil)
			}
			return c.SubResource(sub).Update(ctx, o, opts...)
		},
	}, sampleJournal(t)...)
	if err := newTestEnv(t, c).run(); err != nil {
		t.Fatal(err)
	}
	var asset fastpixv1.MediaAsset
	if err := c.Get(t.Context(), types.NamespacedName{Namespace: testNamespace, Name: "rec-1"}, &asset); err != nil || asset.Status.State != "Failed" {
		t.Errorf("a media beside a refused stream: %v, state %q", err, asset.Status.State)
	}
	refuse = false
	if err := newTestEnv(t, c).run(); err != nil {
		t.Fatal(err)
	}
	if left := batches(t, c); len(left) != 0 {
		t.Errorf("the journal still holds %d batches after the cause is gone", len(left))
	}
}

func TestForbiddenFailsRecordsAfterATimeout(t *testing.T) {
	forbid := true
	c := newFakeClient(t, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			if _, ok := o.(*fastpixv1.MediaAsset); ok && forbid {
				return apierrors.NewForbidden(schema.GroupResource{Resource: "mediaassets"}, o.GetName(), errors.New("no"))
			}
			return c.Create(ctx, o, opts...)
		},
	}, newBatch(t, "b1", event("e1", "video.media.created", 1, media(testMedia, "Created"))))
	env := newTestEnv(t, c)
	if err := env.run(); !apierrors.IsForbidden(err) { // an API server that has just started
		t.Fatalf("got %v, want Forbidden to be retried", err)
	}
	forbid = false
	if err := env.run(); err != nil || len(batches(t, c)) != 0 {
		t.Fatalf("after a short refusal: %v, %d batches left", err, len(batches(t, c)))
	}

	forbid = true // a tenant's quota
	if err := c.Create(t.Context(), newBatch(t, "b2", event("e2", "video.media.created", 1, media("other", "Created")))); err != nil {
		t.Fatal(err)
	}
	if err := env.run(); !apierrors.IsForbidden(err) {
		t.Fatalf("got %v", err)
	}
	env.now = env.now.Add(mirror.ForbiddenTimeout)
	if err := env.run(); err != nil {
		t.Fatal(err)
	}
	if left := batches(t, c); len(left) != 1 || left[0].Status.Failed[0].Reason != journal.ReasonRefused {
		t.Errorf("a lasting refusal leaves %s", mustJSON(t, left))
	}
}

func TestLastingErrorFailsTheRecords(t *testing.T) {
	// An admission webhook that does not work, or a policy with any code. The records of its namespace must not fill the memory that all
	// tenants share.
	gr := schema.GroupResource{Group: fastpixv1.GroupVersion.Group, Resource: "mediaassets"}
	for name, tc := range map[string]struct {
		answer   error
		patience time.Duration
	}{
		"a webhook that does not work": {apierrors.NewInternalError(errors.New("failed calling webhook")), mirror.ErrorTimeout},
		"forbidden":                    {apierrors.NewForbidden(gr, testMedia, errors.New("exceeded quota")), mirror.ForbiddenTimeout},
		"unauthorized":                 {apierrors.NewUnauthorized("ValidatingAdmissionPolicy denied request"), mirror.OutageTimeout},
		"not found":                    {apierrors.NewNotFound(gr, testMedia), mirror.OutageTimeout},
		"a conflict":                   {apierrors.NewConflict(gr, testMedia, errors.New("denied")), mirror.OutageTimeout},
		"too many requests":            {apierrors.NewTooManyRequests("denied", 1), mirror.OutageTimeout},
		"unavailable":                  {apierrors.NewServiceUnavailable("denied"), mirror.OutageTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			c := newFakeClient(t, interceptor.Funcs{
				Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
					if _, ok := o.(*fastpixv1.MediaAsset); ok {
						return tc.answer
					}
					return c.Create(ctx, o, opts...)
				},
			}, newBatch(t, "b1", event("e1", "video.media.created", 1, media(testMedia, "Created"))))
			env := newTestEnv(t, c)
			for range 2 { // retried for a while
				if err := env.run(); !errors.Is(err, tc.answer) {
					t.Fatalf("got %v", err)
				}
				env.now = env.now.Add(tc.patience / 2)
			}
			if err := env.run(); err != nil {
				t.Fatal(err)
			}
			if left := batches(t, c); len(left) != 1 || left[0].Status.Failed[0].Reason != journal.ReasonRefused || env.ledger.LoadedBytes() != 0 {
				t.Errorf("left %s, %d bytes in memory", mustJSON(t, left), env.ledger.LoadedBytes())
			}
		})
	}
}

// TestRefusedTenantWaitsOnce protects other tenants from a tenant that has used up its quota.
func TestRefusedTenantWaitsOnce(t *testing.T) {
	full := true
	c := newFakeClient(t, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			if _, ok := o.(*fastpixv1.MediaAsset); ok && full {
				return apierrors.NewForbidden(schema.GroupResource{Resource: "mediaassets"}, o.GetName(), errors.New("exceeded quota"))
			}
			return c.Create(ctx, o, opts...)
		},
	}, newBatch(t, "b1", event("e1", "video.media.created", 1, media("m1", "Created"))))
	env := newTestEnv(t, c)
	tell := func(batch, id string) error {
		if err := c.Create(t.Context(), newBatch(t, batch, event("event-"+id, "video.media.created", 1, media(id, "Created")))); err != nil {
			t.Fatal(err)
		}
		return env.run()
	}
	if err := env.run(); !apierrors.IsForbidden(err) {
		t.Fatalf("the first one: %v", err)
	}
	env.now = env.now.Add(mirror.ForbiddenTimeout)
	if err := errors.Join(env.run(), tell("b2", "m2")); err != nil || env.ledger.LoadedBytes() != 0 {
		t.Errorf("another one waits again: %v, %d bytes in memory", err, env.ledger.LoadedBytes())
	}
	full = false
	if err := tell("b3", "m3"); err != nil || env.asset("m3").Status.State != "Created" {
		t.Errorf("with room in the quota: %v", err)
	}
	full = true
	if err := tell("b4", "m4"); !apierrors.IsForbidden(err) {
		t.Errorf("one that is refused when others are not does not wait: %v", err)
	}
	env.now = env.now.Add(time.Hour) // nothing was tried meanwhile
	if err := tell("b5", "m5"); !apierrors.IsForbidden(err) {
		t.Errorf("a refusal an hour later is taken for the same one: %v", err)
	}
}

// TestWriteWithAnEmptyAnswerIsRepeated protects records from a proxy that answers 200 to every request. Without the check, they would
// count as folded or moved.
func TestWriteWithAnEmptyAnswerIsRepeated(t *testing.T) {
	asset := func(mediaID string) *fastpixv1.MediaAsset {
		return &fastpixv1.MediaAsset{ObjectMeta: metav1.ObjectMeta{Namespace: testNamespace, Name: "m1"}, Spec: fastpixv1.MediaAssetSpec{MediaID: mediaID}}
	}
	for name, there := range map[string][]client.Object{
		"a mirror that is created":  nil,
		"a status":                  {asset("m1")},
		"a record that is put away": {asset("another")},
	} {
		t.Run(name, func(t *testing.T) {
			lies := true
			lie := func(o client.Object) error {
				o.SetResourceVersion("")
				return nil
			}
			c := newFakeClient(t, interceptor.Funcs{
				Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
					if lies {
						return lie(o)
					}
					return c.Create(ctx, o, opts...)
				},
				SubResourceUpdate: func(ctx context.Context, c client.Client, sub string, o client.Object, opts ...client.SubResourceUpdateOption) error {
					if lies {
						return lie(o)
					}
					return c.SubResource(sub).Update(ctx, o, opts...)
				},
			}, append(there, newBatch(t, "b1", event("e1", "video.media.created", 1, media("m1", "Created"))))...)
			env := newTestEnv(t, c)
			_ = env.run()
			if left := batches(t, c); len(left) != 1 || left[0].Name != "b1" {
				t.Errorf("after answers that show nothing the journal holds %s", mustJSON(t, left))
			}
			lies = false
			if err := env.run(); err != nil {
				t.Fatal(err)
			}
			left := batches(t, c)
			if put := len(left) == 1 && left[0].Labels[fastpixv1.FailedLabel] == "true"; !put && (len(left) > 0 || env.asset("m1").Status.State != "Created") {
				t.Errorf("afterwards the journal holds %s, and the mirror is %q", mustJSON(t, left), env.asset("m1").Status.State)
			}
		})
	}
}

func TestPurgeSurvivesConflictsAtTheEndpoint(t *testing.T) {
	conflicts := 0
	c := newFakeClient(t, interceptor.Funcs{
		SubResourceUpdate: func(ctx context.Context, c client.Client, sub string, o client.Object, opts ...client.SubResourceUpdateOption) error {
			if _, ok := o.(*fastpixv1.WebhookEndpoint); ok && conflicts < 3 {
				conflicts++
				return apierrors.NewConflict(schema.GroupResource{Resource: "webhookendpoints"}, o.GetName(), errors.New("changed"))
			}
			return c.SubResource(sub).Update(ctx, o, opts...)
		},
	}, newBatch(t, "b1", event("e1", "video.media.deleted", 1, media(testMedia, "Deleted"))))
	env := newTestEnv(t, c)
	if err := env.run(); err != nil {
		t.Fatal(err)
	}
	key := record.Key{Kind: record.MediaAsset, Namespace: testNamespace, Name: testMedia}
	env.now = env.now.Add(mirror.DefaultRetention)
	env.timers.Set(key, env.now)
	if _, err := env.reconciler.Reconcile(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if got := mirrors(t, c); got != "" || conflicts != 3 {
		t.Errorf("after %d conflicts a due tombstone is still there:\n%s", conflicts, got)
	}
}

func TestRecordsOfADeletedNamespaceAreDiscarded(t *testing.T) {
	for name, prepare := range map[string]func(*testing.T, client.Client){
		"the namespace is gone": func(t *testing.T, c client.Client) {
			t.Helper()
			if err := c.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: testNamespace}}); err != nil {
				t.Fatal(err)
			}
		},
		"another namespace has its name": func(t *testing.T, c client.Client) {
			t.Helper()
			if err := c.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: testNamespace}}); err != nil {
				t.Fatal(err)
			}
			younger := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: testNamespace, CreationTimestamp: metav1.NewTime(testStart.Add(time.Hour))}}
			if err := c.Create(t.Context(), younger); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newFakeClient(t, interceptor.Funcs{}, sampleJournal(t)...)
			prepare(t, c)
			if err := newTestEnv(t, c).run(); err != nil {
				t.Fatal(err)
			}
			if got := mirrors(t, c); got != "" {
				t.Errorf("mirrors were made:\n%s", got)
			}
			if left := batches(t, c); len(left) != 0 {
				t.Errorf("the journal still holds %d batches", len(left))
			}
		})
	}
}

func TestManualDeletionDiscardsHistory(t *testing.T) {
	c := newFakeClient(t, interceptor.Funcs{}, newBatch(t, "b1", event("e1", "video.media.ready", 1, media(testMedia, "Ready"))))
	env := newTestEnv(t, c)
	if err := env.run(); err != nil {
		t.Fatal(err)
	}
	key := types.NamespacedName{Namespace: testNamespace, Name: testMedia}
	var asset fastpixv1.MediaAsset
	if err := errors.Join(c.Get(t.Context(), key, &asset), c.Delete(t.Context(), &asset)); err != nil {
		t.Fatal(err)
	}
	if err := c.Create(t.Context(), newBatch(t, "b2", event("e2", "video.media.created", 0, media(testMedia, "Created")))); err != nil {
		t.Fatal(err)
	}
	if err := env.run(); err != nil {
		t.Fatal(err)
	}
	asset = fastpixv1.MediaAsset{}
	if err := c.Get(t.Context(), key, &asset); err != nil || asset.Status.State != "Created" || len(asset.Status.RecentEvents) != 1 {
		t.Errorf("after a deletion by hand a later event starts anew: %v, %s", err, mustJSON(t, asset.Status))
	}
}

func TestPurgeIsRecordedAndReplaysCreateNoMirror(t *testing.T) {
	deleted := event("e2", "video.media.deleted", 2, media(testMedia, "Deleted"))
	c := newFakeClient(t, interceptor.Funcs{}, newBatch(t, "b1", event("e1", "video.media.ready", 1, media(testMedia, "Ready")), deleted))
	env := newTestEnv(t, c)
	if err := env.run(); err != nil {
		t.Fatal(err)
	}
	key := record.Key{Kind: record.MediaAsset, Namespace: testNamespace, Name: testMedia}
	name := types.NamespacedName{Namespace: testNamespace, Name: testMedia}
	var asset fastpixv1.MediaAsset
	if err := c.Get(t.Context(), name, &asset); err != nil || asset.Status.Timer != fastpixv1.TimerRetention {
		t.Fatalf("a tombstone has timer %q (%v)", asset.Status.Timer, err)
	}
	env.timers.Set(key, asset.Status.TimerTime.Time)
	if _, err := env.reconciler.Reconcile(t.Context(), key); err != nil || c.Get(t.Context(), name, &asset) != nil {
		t.Fatalf("a tombstone went before its time (%v)", err)
	}
	env.now = asset.Status.TimerTime.Time
	if _, err := env.reconciler.Reconcile(t.Context(), key); err != nil || !apierrors.IsNotFound(c.Get(t.Context(), name, &asset)) {
		t.Fatalf("a tombstone is still there after its time (%v)", err)
	}
	if err := c.Create(t.Context(), newBatch(t, "b2", deleted)); err != nil {
		t.Fatal(err)
	}
	if err := env.run(); err != nil {
		t.Fatal(err)
	}
	if got := mirrors(t, c); got != "" || len(batches(t, c)) != 0 {
		t.Errorf("a replay created a mirror:\n%s", got)
	}
	later := event("e3", "video.media.track.created", 3, record.Change{Kind: record.MediaAsset, ID: testMedia, Media: &record.MediaChange{
		Tracks: record.ListChange[fastpixv1.Track]{Set: []fastpixv1.Track{{ID: "t1"}}},
	}})
	if err := c.Create(t.Context(), newBatch(t, "b3", later)); err != nil {
		t.Fatal(err)
	}
	if err := env.run(); err != nil {
		t.Fatal(err)
	}
	if got := mirrors(t, c); !strings.Contains(got, `"t1"`) {
		t.Errorf("a newer event did not make a mirror:\n%s", got)
	}
}

func TestStatusFollowsTheSpec(t *testing.T) {
	c := newFakeClient(t, interceptor.Funcs{}, newBatch(t, "b1", event("e1", "video.media.ready", 1, media(testMedia, "Ready"))))
	env := newTestEnv(t, c)
	if err := env.run(); err != nil {
		t.Fatal(err)
	}
	name := types.NamespacedName{Namespace: testNamespace, Name: testMedia}
	var asset fastpixv1.MediaAsset
	if err := c.Get(t.Context(), name, &asset); err != nil {
		t.Fatal(err)
	}
	asset.Spec.EndpointRef.Name = "another"
	asset.Generation = 7 // as an API server counts, unlike the fake
	if err := c.Update(t.Context(), &asset); err != nil {
		t.Fatal(err)
	}
	key := record.Key{Kind: record.MediaAsset, Namespace: testNamespace, Name: testMedia}
	env.reconciler.Request(key)
	if _, err := env.reconciler.Reconcile(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if err := c.Get(t.Context(), name, &asset); err != nil || asset.Status.ObservedGeneration != asset.Generation {
		t.Errorf("generation %d is observed as %d (%v)", asset.Generation, asset.Status.ObservedGeneration, err)
	}
}

func TestPublisherWritesCountsAndTimes(t *testing.T) {
	c := newFakeClient(t, interceptor.Funcs{}, sampleJournal(t)...)
	env := newTestEnv(t, c)
	key := types.NamespacedName{Namespace: testNamespace, Name: "fastpix"}
	var e fastpixv1.WebhookEndpoint
	if err := c.Get(t.Context(), key, &e); err != nil {
		t.Fatal(err)
	}
	e.Status.SigningSecrets = []fastpixv1.SigningSecretStatus{{Name: "s", Fingerprint: "0badcafe"}, {Name: "old", Fingerprint: "00000000"}}
	e.Status.Sync = &fastpixv1.SyncStatus{HandledRequest: "now", MediaAssets: 3}
	apimeta.SetStatusCondition(&e.Status.Conditions, metav1.Condition{Type: fastpixv1.ConditionSynced, Status: metav1.ConditionTrue, Reason: fastpixv1.ReasonSynced})
	if err := c.Status().Update(t.Context(), &e); err != nil {
		t.Fatal(err)
	}
	for _, b := range batches(t, c) {
		env.backlog.Add(env.backlog.InfoOf(&metav1.PartialObjectMetadata{ObjectMeta: b.ObjectMeta}))
	}
	if err := env.publisher.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Get(t.Context(), key, &e); err != nil || e.Status.PendingEvents != 6 || e.Status.PendingTime == nil {
		t.Fatalf("6 events are pending, status says %s (%v)", mustJSON(t, e.Status), err)
	}
	if err := env.run(); err != nil {
		t.Fatal(err)
	}
	if err := env.publisher.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Get(t.Context(), key, &e); err != nil {
		t.Fatal(err)
	}
	switch s := e.Status; {
	case s.PendingEvents != 0:
		t.Errorf("nothing is pending, status says %d", s.PendingEvents)
	case s.LastEventTime == nil || !s.LastEventTime.Equal(event("", "", 6).Time):
		t.Errorf("lastEventTime is %v", s.LastEventTime)
	case s.SigningSecrets[0].LastVerifiedTime == nil || s.SigningSecrets[1].LastVerifiedTime != nil:
		t.Errorf("signing secrets are %s", mustJSON(t, s.SigningSecrets))
	case s.Sync == nil || *s.Sync != (fastpixv1.SyncStatus{HandledRequest: "now", MediaAssets: 3}) || !apimeta.IsStatusConditionTrue(s.Conditions, fastpixv1.ConditionSynced):
		t.Errorf("what the syncer wrote is now %s, %s", mustJSON(t, s.Sync), mustJSON(t, s.Conditions))
	}
}

func TestRetentionOfReadyAndFailedMedia(t *testing.T) {
	c := newFakeClient(t, interceptor.Funcs{}, newBatch(t, "b1",
		event("e1", "video.media.ready", 1, media("ready-1", "Ready")), event("e2", "video.media.failed", 2, media("failed-1", "Failed")),
		event("e3", "video.media.created", 3, media("created-1", "Created"))))
	env := newTestEnv(t, c)
	if err := env.run(); err != nil {
		t.Fatal(err)
	}
	var e fastpixv1.WebhookEndpoint
	if err := c.Get(t.Context(), types.NamespacedName{Namespace: testNamespace, Name: "fastpix"}, &e); err != nil {
		t.Fatal(err)
	}
	e.Spec.Retention = fastpixv1.RetentionPolicy{Ready: &metav1.Duration{Duration: 2 * time.Hour}, Failed: &metav1.Duration{Duration: time.Hour}}
	if err := c.Update(t.Context(), &e); err != nil {
		t.Fatal(err)
	}
	s := env.sweeper
	for _, tc := range []struct {
		after time.Duration
		want  []string
	}{
		{after: 59 * time.Minute, want: []string{"ready-1", "failed-1", "created-1"}},
		{after: 2 * time.Minute, want: []string{"ready-1", "created-1"}},
		{after: time.Hour, want: []string{"created-1"}},
		{after: 1000 * time.Hour, want: []string{"created-1"}},
	} {
		env.now = env.now.Add(tc.after)
		if err := s.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := mirrors(t, c)
		for _, name := range []string{"ready-1", "failed-1", "created-1"} {
			if strings.Contains(got, name) != slices.Contains(tc.want, name) {
				t.Errorf("after %v more, want %v:\n%s", tc.after, tc.want, got)
			}
		}
	}
}

// TestMirrorsAreCreatedWhileThePolicyCannotRun protects new mirrors in an API server that answers 503 to what matches a mutating policy.
func TestMirrorsAreCreatedWhileThePolicyCannotRun(t *testing.T) {
	attempts := map[string]int{} // by field manager
	c := newFakeClient(t, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			if _, ok := o.(*fastpixv1.MediaAsset); ok {
				var options client.CreateOptions
				options.ApplyOptions(opts)
				attempts[options.FieldManager]++
				if options.FieldManager == mirror.CreationManager {
					return apierrors.NewServiceUnavailable("Resource kind video.fastpix.com/v1alpha1, Kind=MediaAsset not found.")
				}
			}
			return c.Create(ctx, o, opts...)
		},
	}, sampleJournal(t)...)
	if err := newTestEnv(t, c).run(); err != nil {
		t.Fatal(err)
	}
	if left := batches(t, c); len(left) != 0 || attempts[mirror.CreationManager] == 0 || attempts[mirror.CreationManager] != attempts[""] {
		t.Errorf("the journal still holds %d batches after creations by field manager %v, want one without the policy for each with it", len(left), attempts)
	}
}
