package controllers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/journal"
	"github.com/fastpix-operator/fastpix-operator/controllers/lifecycle"
	"github.com/fastpix-operator/fastpix-operator/controllers/mirror"
	"github.com/fastpix-operator/fastpix-operator/controllers/queue"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// These tests protect the end of mirrors: a due timer fires although the controllers were down, and a purge deletes exactly the mirror
// that was checked, not one that has changed or that a record may change.

// watchTimers does what the informers of mirrors do at the start of a process: they list the mirrors that have a timer.
func (env *testEnv) watchTimers() error {
	var assets fastpixv1.MediaAssetList
	var streams fastpixv1.LiveStreamList
	if err := errors.Join(env.client.List(env.t.Context(), &assets), env.client.List(env.t.Context(), &streams)); err != nil {
		return err
	}
	var errs []error
	add := func(object client.Object, timer string) {
		if timer == "" {
			return // the selector status.timer!= leaves it out
		}
		stripped, err := stripMirror(object)
		errs = append(errs, err)
		lifecycle.NewTimerHandler(env.timers, &queue.Source[record.Key]{}).OnAdd(stripped, true)
	}
	for i := range assets.Items {
		add(&assets.Items[i], assets.Items[i].Status.Timer)
	}
	for i := range streams.Items {
		add(&streams.Items[i], streams.Items[i].Status.Timer)
	}
	return errors.Join(errs...)
}

// fireTimers fires every due timer once.
func (env *testEnv) fireTimers() error {
	errs := []error{env.watchTimers()}
	byName := func(a, b record.Key) int { return strings.Compare(a.String(), b.String()) }
	for _, key := range slices.SortedFunc(maps.Keys(env.timers.At), byName) {
		if at := env.timers.At[key]; !at.After(env.now) {
			_, err := env.reconciler.Reconcile(env.t.Context(), key)
			errs = append(errs, err)
		}
	}
	clear(env.timers.At)
	return errors.Join(errs...)
}

// conditionsOf returns an object's conditions as Type=Status/Reason.
func conditionsOf(conditions []metav1.Condition) string {
	var all []string
	for _, c := range conditions {
		all = append(all, fmt.Sprintf("%s=%s/%s", c.Type, c.Status, c.Reason))
	}
	return strings.Join(all, " ")
}

// describe returns the conditions of a mirror; "gone" if it does not exist.
func describe(t *testing.T, c client.Client, key record.Key) string {
	t.Helper()
	m := mirror.New(key.Kind)
	err := c.Get(t.Context(), types.NamespacedName{Namespace: key.Namespace, Name: key.Name}, m.APIObject())
	switch {
	case apierrors.IsNotFound(err):
		return "gone"
	case err != nil:
		t.Fatal(err)
	}
	return conditionsOf(m.Conditions())
}

func assetKey(name string) record.Key {
	return record.Key{Kind: record.MediaAsset, Namespace: testNamespace, Name: name}
}

func streamKey(name string) record.Key {
	return record.Key{Kind: record.LiveStream, Namespace: testNamespace, Name: name}
}

func TestTimersFireAfterControllersWereDown(t *testing.T) {
	t.Parallel()
	const week = mirror.DefaultRetention
	set := func(c record.Change, edit func(*record.MediaChange)) record.Change {
		edit(c.Media)
		return c
	}
	target := record.Change{Kind: record.LiveStream, ID: testStream, Stream: &record.StreamChange{
		SimulcastTargets: record.ListChange[fastpixv1.SimulcastTarget]{Set: []fastpixv1.SimulcastTarget{{ID: "t1"}}},
	}}
	type stage struct {
		after time.Duration
		want  string
	}
	for name, tc := range map[string]struct {
		events []*record.Record
		key    record.Key
		stages []stage
	}{
		"a media that was deleted": {
			events: []*record.Record{event("e1", "video.media.deleted", 1, media(testMedia, "Deleted"))}, key: assetKey(testMedia),
			stages: []stage{{week - time.Second, "Ready=False/Deleted Stalled=True/Deleted"}, {time.Second, "gone"}},
		},
		"a stream that was deleted": {
			events: []*record.Record{event("e1", "video.live_stream.deleted", 1, stream(testStream, "Deleted"))}, key: streamKey(testStream),
			stages: []stage{{week - time.Second, "Live=False/Deleted Ready=False/Deleted Stalled=True/Deleted"}, {time.Second, "gone"}},
		},
		"an upload that was cancelled": {
			events: []*record.Record{event("e1", "video.media.upload.cancelled", 1, media("u1", "Cancelled"))}, key: assetKey("u1"),
			stages: []stage{{week - time.Second, "Ready=False/Cancelled Stalled=True/Cancelled"}, {time.Second, "gone"}},
		},
		"an unused upload": {
			events: []*record.Record{event("e1", "video.media.upload", 1, media("u1", "Waiting"))}, key: assetKey("u1"),
			stages: []stage{
				{4*time.Hour - time.Second, "Ready=False/AwaitingUpload Reconciling=True/AwaitingUpload"},
				{time.Hour, "Ready=False/UploadExpired Stalled=True/UploadExpired"},
				{week, "gone"},
			},
		},
		"an upload that became another media": {
			events: []*record.Record{
				event("e1", "video.media.upload", 1, media("u1", "Waiting")),
				event("e2", "video.upload.media_created", 2, media(testMedia, "Created"), set(media("u1", ""), func(m *record.MediaChange) { m.BecameMediaID = new(testMedia) })),
			}, key: assetKey("u1"),
			stages: []stage{{week - time.Second, "Ready=False/BecameMedia Stalled=True/BecameMedia"}, {time.Second, "gone"}},
		},
		"the media that it became": {
			events: []*record.Record{
				event("e2", "video.upload.media_created", 2, media(testMedia, "Created"), set(media("u1", ""), func(m *record.MediaChange) { m.BecameMediaID = new(testMedia) })),
			}, key: assetKey(testMedia),
			stages: []stage{{100 * week, "Ready=False/Processing Reconciling=True/Processing"}},
		},
		"a media of which only a part was seen": {
			events: []*record.Record{event("e1", "video.media.track.created", 1, set(media(testMedia, ""), func(m *record.MediaChange) {
				m.Tracks.Set = []fastpixv1.Track{{ID: "t1"}}
			}))}, key: assetKey(testMedia),
			stages: []stage{{week - time.Second, "Ready=Unknown/NotSeen Reconciling=True/NotSeen"}, {time.Second, "gone"}},
		},
		"a stream of which only a part was seen": {
			events: []*record.Record{event("e1", "video.live_stream.simulcast_target.created", 1, target)}, key: streamKey(testStream),
			stages: []stage{{week - time.Second, "Live=False/NotSeen Ready=Unknown/NotSeen Reconciling=True/NotSeen"}, {time.Second, "gone"}},
		},
		"a stream in its reconnect window": {
			events: []*record.Record{event("e1", "video.live_stream.disconnected", 60, stream(testStream, "Disconnected"))}, key: streamKey(testStream),
			stages: []stage{
				{59 * time.Second, "Live=Unknown/Reconnecting Ready=True/Ready"},
				{time.Hour, "Live=False/WindowPassed Ready=True/Ready"},
				{100 * week, "Live=False/WindowPassed Ready=True/Ready"},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newFakeClient(t, interceptor.Funcs{}, newBatch(t, "b1", tc.events...))
			env := newTestEnv(t, c)
			if err := env.run(); err != nil {
				t.Fatal(err)
			}
			now := env.now
			for _, s := range tc.stages {
				now = now.Add(s.after)
				env = newTestEnv(t, c) // a process that knows nothing but what the API server says
				env.now = now
				if err := env.fireTimers(); err != nil {
					t.Fatal(err)
				}
				if got := describe(t, c, tc.key); got != s.want {
					t.Errorf("after %v more: %s, want %s", s.after, got, s.want)
				}
			}
		})
	}
}

// newTombstone returns a testEnv with one tombstone that is due.
func newTombstone(t *testing.T, funcs interceptor.Funcs) *testEnv {
	t.Helper()
	c := newFakeClient(t, funcs, newBatch(t, "b1", event("e1", "video.media.deleted", 1, media(testMedia, "Deleted"))))
	env := newTestEnv(t, c)
	if err := env.run(); err != nil {
		t.Fatal(err)
	}
	env.now = env.now.Add(mirror.DefaultRetention)
	env.timers.Set(assetKey(testMedia), env.now)
	return env
}

func TestPurgeKeepsAChangedMirror(t *testing.T) {
	t.Parallel()
	deletes := 0
	env := newTombstone(t, interceptor.Funcs{
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			asset, ok := o.(*fastpixv1.MediaAsset)
			if !ok {
				return c.Delete(ctx, o, opts...)
			}
			deletes++
			var o2 client.DeleteOptions
			o2.ApplyOptions(opts)
			if p := o2.Preconditions; p == nil || p.UID == nil || *p.UID != asset.UID || p.ResourceVersion == nil || *p.ResourceVersion != asset.ResourceVersion {
				t.Errorf("the preconditions are %+v", p)
			}
			if deletes == 1 { // somebody was faster
				var now fastpixv1.MediaAsset
				if err := c.Get(ctx, client.ObjectKeyFromObject(asset), &now); err != nil {
					return err
				}
				now.Labels = map[string]string{"keep": "me"}
				if err := c.Update(ctx, &now); err != nil {
					return err
				}
			}
			return c.Delete(ctx, o, opts...)
		},
	})
	key := assetKey(testMedia)
	if _, err := env.reconciler.Reconcile(t.Context(), key); err != nil {
		t.Fatalf("a change meanwhile is an error: %v", err)
	}
	if got := describe(t, env.client, key); got == "gone" {
		t.Fatal("a mirror was purged that had changed since it was looked at")
	}
	if _, err := env.reconciler.Reconcile(t.Context(), key); err != nil { // the change brought it back
		t.Fatal(err)
	}
	if got := describe(t, env.client, key); got != "gone" || deletes != 2 {
		t.Errorf("after %d deletes: %s", deletes, got)
	}
}

func TestPurgeWaitsForRecordsOfTheMirror(t *testing.T) {
	t.Parallel()
	about := func(id string) *fastpixv1.EventBatch {
		return newBatch(t, "b2", event("e2", "video.media.updated", 2, media(id, "Ready")))
	}
	for name, tc := range map[string]struct {
		prepare func(env *testEnv, info journal.BatchInfo, b *fastpixv1.EventBatch)
		batch   *fastpixv1.EventBatch
		waits   bool
	}{
		"a batch that was not read": {batch: about(testMedia), waits: true, prepare: func(env *testEnv, info journal.BatchInfo, _ *fastpixv1.EventBatch) { env.backlog.Add(info) }},
		"a batch that is being read": {batch: about("other"), waits: true, prepare: func(env *testEnv, info journal.BatchInfo, _ *fastpixv1.EventBatch) {
			env.backlog.Add(info)
			env.backlog.Next()
		}},
		"a batch that could not be read": {batch: about(testMedia), waits: true, prepare: readAndFail},
		"a record of another mirror":     {batch: about("other"), waits: false, prepare: read},
		"nothing":                        {batch: about("other"), waits: false, prepare: func(*testEnv, journal.BatchInfo, *fastpixv1.EventBatch) {}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := newTombstone(t, interceptor.Funcs{})
			tc.prepare(env, env.backlog.InfoOf(&metav1.PartialObjectMetadata{ObjectMeta: tc.batch.ObjectMeta}), tc.batch)
			result, err := env.reconciler.Reconcile(t.Context(), assetKey(testMedia))
			if err != nil {
				t.Fatal(err)
			}
			waits := describe(t, env.client, assetKey(testMedia)) != "gone"
			if waits != tc.waits || waits != (result.RequeueAfter > 0) {
				t.Errorf("it waits: %v, is requeued after %v; want that it waits: %v", waits, result.RequeueAfter, tc.waits)
			}
		})
	}
	t.Run("a record in memory", func(t *testing.T) {
		t.Parallel()
		env := newTombstone(t, interceptor.Funcs{})
		b := about(testMedia)
		read(env, env.backlog.InfoOf(&metav1.PartialObjectMetadata{ObjectMeta: b.ObjectMeta}), b)
		if !env.reconciler.Records.MayChange(assetKey(testMedia)) || env.reconciler.Records.MayChange(assetKey("other")) {
			t.Error("a record in memory names the wrong mirrors")
		}
	})
}

// read reads a batch into the ledger.
func read(env *testEnv, info journal.BatchInfo, b *fastpixv1.EventBatch) {
	env.t.Helper()
	if err := env.client.Create(env.t.Context(), b); err != nil {
		env.t.Fatal(err)
	}
	env.backlog.Add(info)
	info, _ = env.backlog.Next()
	if err := env.reader.Read(env.t.Context(), info); err != nil {
		env.t.Fatal(err)
	}
}

// readAndFail tries to read a batch while the API server is unavailable.
func readAndFail(env *testEnv, info journal.BatchInfo, _ *fastpixv1.EventBatch) {
	env.t.Helper()
	env.reader.Client = newFakeClient(env.t, interceptor.Funcs{Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
		return errInterrupted
	}})
	env.backlog.Add(info)
	info, _ = env.backlog.Next()
	if err := env.reader.Read(env.t.Context(), info); !errors.Is(err, errInterrupted) {
		env.t.Fatalf("got %v", err)
	}
}

func TestPurgeDoesNotRetryOnAFinalizer(t *testing.T) {
	t.Parallel()
	for typ, state := range map[string]string{"video.media.deleted": "Deleted", "video.media.ready": "Ready"} {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			calls := 0
			c := newFakeClient(t, interceptor.Funcs{
				Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
					if _, ok := o.(*fastpixv1.MediaAsset); ok {
						calls++
					}
					return c.Delete(ctx, o, opts...)
				},
			}, newBatch(t, "b1", event("e1", typ, 1, media(testMedia, state))))
			env := newTestEnv(t, c)
			name := types.NamespacedName{Namespace: testNamespace, Name: testMedia}
			var asset fastpixv1.MediaAsset
			if err := errors.Join(env.run(), c.Get(t.Context(), name, &asset)); err != nil {
				t.Fatal(err)
			}
			asset.Finalizers = []string{"example.com/look-first"}
			var e fastpixv1.WebhookEndpoint
			if err := errors.Join(c.Update(t.Context(), &asset), c.Get(t.Context(), types.NamespacedName{Namespace: testNamespace, Name: "fastpix"}, &e)); err != nil {
				t.Fatal(err)
			}
			e.Spec.Retention.Ready = &metav1.Duration{Duration: time.Hour}
			if err := c.Update(t.Context(), &e); err != nil {
				t.Fatal(err)
			}
			env.now = env.now.Add(mirror.DefaultRetention)
			s := env.sweeper
			for range 5 {
				watched := env.watchTimers()
				result, err := env.reconciler.Reconcile(t.Context(), assetKey(testMedia))
				if err := errors.Join(watched, err, s.Sweep(t.Context())); err != nil || result.RequeueAfter != 0 {
					t.Errorf("it is requeued after %v (%v)", result.RequeueAfter, err)
				}
			}
			if err := c.Get(t.Context(), name, &asset); err != nil || asset.DeletionTimestamp == nil || calls != 1 {
				t.Errorf("after %d deletions: deleted at %v (%v), want one that waits for the finalizer", calls, asset.DeletionTimestamp, err)
			}
		})
	}
}

func TestPurgeSurvivesCrashAtEveryCall(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		crashes := 0
		for at := 1; ; at++ {
			k := &interrupter{at: -1, after: after}
			env := newTombstone(t, k.funcs())
			k.calls, k.at = 0, at
			if err := env.fireTimers(); err != nil {
				crashes++
			}
			if k.calls < at {
				break
			}
			next := newTestEnv(t, env.client) // a new process
			next.now = env.now
			if err := next.fireTimers(); err != nil {
				t.Fatalf("crash at call %d (after its effect: %t): %v", at, after, err)
			}
			var e fastpixv1.WebhookEndpoint
			if err := next.client.Get(t.Context(), types.NamespacedName{Namespace: testNamespace, Name: "fastpix"}, &e); err != nil {
				t.Fatal(err)
			}
			if got := describe(t, next.client, assetKey(testMedia)); got != "gone" || e.Status.PurgedThrough == nil {
				t.Errorf("crash at call %d (after its effect: %t): %s, purged through %v", at, after, got, e.Status.PurgedThrough)
			}
		}
		if crashes < 4 {
			t.Errorf("only %d calls were there to fail", crashes)
		}
	}
}

// A replay right after the purge arrives before the cache of this process shows PurgedThrough.
func TestReplayCreatesNoMirrorBeforeTheCacheUpdates(t *testing.T) {
	t.Parallel()
	env := newTombstone(t, interceptor.Funcs{})
	env.reconciler.Endpoints.Cached = newFakeClient(t, interceptor.Funcs{}) // its endpoint has never purged anything
	if err := env.fireTimers(); err != nil {
		t.Fatal(err)
	}
	if err := env.client.Create(t.Context(), newBatch(t, "b2", event("e1", "video.media.deleted", 1, media(testMedia, "Deleted")))); err != nil {
		t.Fatal(err)
	}
	if err := env.run(); err != nil {
		t.Fatal(err)
	}
	if got := mirrors(t, env.client); got != "" || len(batches(t, env.client)) != 0 {
		t.Errorf("a replay created a mirror:\n%s", got)
	}
}
