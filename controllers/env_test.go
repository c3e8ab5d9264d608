package controllers

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/journal"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

const (
	testNamespace = "video"
	testSystem    = "fastpix-system"
	testMedia     = "d003b383-bac0-42e9-a039-9bd4360f98a3"
	testStream    = "6f7553ebbe31a61ea53cda1f69032eb7"
)

var testStart = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// testEnv runs the controllers without a manager. Its queues are slices, so that a test decides what runs when. A test simulates a crash
// by using a new testEnv.
type testEnv struct {
	*components
	t              *testing.T
	client         client.Client
	now            time.Time
	recorder       *events.FakeRecorder
	queuedObjects  []record.Key
	queuedBatches  []types.UID
	delayedBatches []types.UID // batches whose time comes again: the next run does not wait for it
}

func newTestEnv(t *testing.T, c client.Client) *testEnv {
	t.Helper()
	env := newUnsyncedTestEnv(t, c)
	env.backlog.Replace(nil)
	return env
}

// newUnsyncedTestEnv returns a testEnv whose watch of batches has not listed them yet.
func newUnsyncedTestEnv(t *testing.T, c client.Client) *testEnv {
	t.Helper()
	env := &testEnv{t: t, client: c, now: testStart.Add(time.Minute), recorder: events.NewFakeRecorder(1000)}
	env.components = newComponents(environment{
		client: c, live: c, cached: c, recorder: env.recorder, namespace: testSystem, now: func() time.Time { return env.now },
		enqueueMirror:  func(key record.Key) { env.queuedObjects = append(env.queuedObjects, key) },
		enqueueBatch:   func(uid types.UID) { env.queuedBatches = append(env.queuedBatches, uid) },
		enqueueBatchAt: func(uid types.UID, _ time.Time) { env.delayedBatches = append(env.delayedBatches, uid) },
	})
	return env
}

// syncWatches does what the informers of endpoints and batches do.
func (env *testEnv) syncWatches() error {
	var known fastpixv1.WebhookEndpointList
	if err := env.client.List(env.t.Context(), &known); err != nil {
		return err
	}
	for i := range known.Items {
		env.backlog.Endpoints.Add(client.ObjectKeyFromObject(&known.Items[i]))
	}
	var list fastpixv1.EventBatchList
	if err := env.client.List(env.t.Context(), &list); err != nil {
		return err
	}
	infos := make([]journal.BatchInfo, 0, len(list.Items))
	for i := range list.Items {
		infos = append(infos, env.backlog.InfoOf(&metav1.PartialObjectMetadata{ObjectMeta: list.Items[i].ObjectMeta}))
	}
	env.backlog.Replace(infos)
	return nil
}

// readAll reads every batch and folds none.
func (env *testEnv) readAll() {
	env.t.Helper()
	if err := env.syncWatches(); err != nil {
		env.t.Fatal(err)
	}
	for info, ok := env.backlog.Next(); ok; info, ok = env.backlog.Next() {
		if err := env.reader.Read(env.t.Context(), info); err != nil {
			env.t.Fatal(err)
		}
	}
}

// run does what the manager does, step by step, until no work is left or a step fails.
func (env *testEnv) run() error {
	ctx := env.t.Context()
	if err := env.syncWatches(); err != nil {
		return err
	}
	if err := env.joiner.DeleteReplaced(ctx, env.backlog.Replaced()); err != nil {
		return err
	}
	env.queuedBatches, env.delayedBatches = append(env.queuedBatches, env.delayedBatches...), nil
	for {
		switch info, ok := env.backlog.Next(); {
		case ok:
			if err := env.reader.Read(ctx, info); err != nil {
				return err
			}
		case len(env.queuedObjects) > 0:
			key := env.queuedObjects[0]
			if _, err := env.reconciler.Reconcile(ctx, key); err != nil {
				return err
			}
			env.queuedObjects = env.queuedObjects[1:]
			if env.ledger.Waiting(key) > 0 {
				env.queuedObjects = append(env.queuedObjects, key)
			}
		case len(env.queuedBatches) > 0:
			result, err := env.discarder.Reconcile(ctx, env.queuedBatches[0])
			if err != nil {
				return err
			}
			if result.RequeueAfter > 0 {
				env.delayedBatches = append(env.delayedBatches, env.queuedBatches[0])
			}
			env.queuedBatches = env.queuedBatches[1:]
		default:
			return nil
		}
	}
}

// newFakeClient returns a fake API server with these objects, a namespace and an endpoint.
func newFakeClient(t *testing.T, funcs interceptor.Funcs, objects ...client.Object) client.WithWatch {
	t.Helper()
	return newClientOf(t, funcs, append(objects, namespaceAndEndpoint()...))
}

func namespaceAndEndpoint() []client.Object {
	created := metav1.NewTime(testStart.Add(-time.Hour))
	return []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: testNamespace, CreationTimestamp: created}},
		&fastpixv1.WebhookEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: testNamespace, Name: "fastpix", UID: "endpoint-uid"}},
	}
}

// testScheme has only a few kinds, because the fake API server iterates over all of them at every write.
var testScheme = sync.OnceValue(func() *runtime.Scheme {
	scheme := runtime.NewScheme()
	if err := fastpixv1.AddToScheme(scheme); err != nil {
		panic(err)
	}
	scheme.AddKnownTypes(corev1.SchemeGroupVersion, &corev1.Namespace{}, &corev1.NamespaceList{})
	return scheme
})

// newClientOf returns a fake API server with only these objects.
func newClientOf(t *testing.T, funcs interceptor.Funcs, objects []client.Object) client.WithWatch {
	t.Helper()
	update := funcs.SubResourceUpdate
	funcs.SubResourceUpdate = func(ctx context.Context, c client.Client, sub string, o client.Object, opts ...client.SubResourceUpdateOption) error {
		if err := refuseAnotherUID(ctx, c, o); err != nil {
			return err
		}
		if update != nil {
			return update(ctx, c, sub, o, opts...)
		}
		return c.SubResource(sub).Update(ctx, o, opts...)
	}
	create := funcs.Create
	funcs.Create = func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
		if o.GetUID() == "" {
			o.SetUID(types.UID(rand.Text())) // as an API server does, unlike the fake
		}
		if create != nil {
			return create(ctx, c, o, opts...)
		}
		return c.Create(ctx, o, opts...)
	}
	return fake.NewClientBuilder().WithScheme(testScheme()).WithObjects(objects...).WithInterceptorFuncs(funcs).
		WithStatusSubresource(&fastpixv1.MediaAsset{}, &fastpixv1.LiveStream{}, &fastpixv1.EventBatch{}, &fastpixv1.WebhookEndpoint{}).Build()
}

// refuseAnotherUID refuses an update of an object with another UID, as an API server does. The fake does not, and its resource versions
// start again with each object.
func refuseAnotherUID(ctx context.Context, c client.Client, o client.Object) error {
	is := o.DeepCopyObject().(client.Object)
	if err := c.Get(ctx, client.ObjectKeyFromObject(o), is); err == nil && is.GetUID() != o.GetUID() {
		return apierrors.NewConflict(schema.GroupResource{}, o.GetName(), errors.New("UID in precondition"))
	}
	return nil
}

// newBatch returns a batch of records.
func newBatch(t *testing.T, name string, records ...*record.Record) *fastpixv1.EventBatch {
	t.Helper()
	b := &fastpixv1.EventBatch{ObjectMeta: metav1.ObjectMeta{
		Namespace: testSystem, Name: name, UID: types.UID("uid-" + name), CreationTimestamp: metav1.NewTime(testStart),
		Annotations: map[string]string{fastpixv1.EventCountsAnnotation: fmt.Sprintf("video/fastpix=%d", len(records))},
	}}
	for _, r := range records {
		raw, err := record.Encode(r)
		if err != nil {
			t.Fatal(err)
		}
		b.Spec.Events = append(b.Spec.Events, raw)
	}
	return b
}

// event returns a record of an event that happened some seconds after the start.
func event(id, typ string, second int, changes ...record.Change) *record.Record {
	at := metav1.NewMicroTime(testStart.Add(time.Duration(second) * time.Second))
	return &record.Record{
		Version: record.Version, ID: id, Type: typ, Time: &at, Received: at, Namespace: testNamespace, Endpoint: "fastpix",
		EndpointUID: "endpoint-uid", Fingerprint: "0badcafe", Changes: changes,
	}
}

func media(id, state string) record.Change {
	return record.Change{Kind: record.MediaAsset, ID: id, Media: &record.MediaChange{State: state}}
}

func stream(id, state string) record.Change {
	return record.Change{Kind: record.LiveStream, ID: id, Stream: &record.StreamChange{State: state}}
}

// sampleJournal returns three batches about two media and a stream, with a recording that touches two objects.
func sampleJournal(t *testing.T) []client.Object {
	t.Helper()
	return []client.Object{
		newBatch(t, "b1", event("e1", "video.media.created", 1, media(testMedia, "Created")), event("e2", "video.live_stream.created", 2, stream(testStream, "Idle"))),
		newBatch(t, "b2", event("e3", "video.media.ready", 3, media(testMedia, "Ready")),
			event("e4", "video.media.live_stream.created", 4, media("rec-1", "Created"), record.Change{
				Kind: record.LiveStream, ID: testStream,
				Stream: &record.StreamChange{Recordings: record.ListChange[fastpixv1.MediaReference]{Set: []fastpixv1.MediaReference{{MediaID: "rec-1"}}}},
			})),
		newBatch(t, "b3", event("e5", "video.live_stream.active", 5, stream(testStream, "Active")), event("e6", "video.media.failed", 6, media("rec-1", "Failed"))),
	}
}

// mirrors returns all mirrors as text, without what differs between runs.
func mirrors(t *testing.T, c client.Client) string {
	t.Helper()
	var assets fastpixv1.MediaAssetList
	var streams fastpixv1.LiveStreamList
	if err := errors.Join(c.List(t.Context(), &assets), c.List(t.Context(), &streams)); err != nil {
		t.Fatal(err)
	}
	out := ""
	for _, a := range assets.Items {
		clearTransitions(a.Status.Conditions)
		out += fmt.Sprintf("%s %s %+v\n", a.Name, a.Spec.MediaID, mustJSON(t, a.Status))
	}
	for _, s := range streams.Items {
		clearTransitions(s.Status.Conditions)
		out += fmt.Sprintf("%s %s %+v\n", s.Name, s.Spec.StreamID, mustJSON(t, s.Status))
	}
	return out
}

func clearTransitions(conditions []metav1.Condition) {
	for i := range conditions {
		conditions[i].LastTransitionTime = metav1.Time{}
	}
}

func batches(t *testing.T, c client.Client) []fastpixv1.EventBatch {
	t.Helper()
	var list fastpixv1.EventBatchList
	if err := c.List(t.Context(), &list); err != nil {
		t.Fatal(err)
	}
	return list.Items
}
