package controllers

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/journal"
	"github.com/fastpix-operator/fastpix-operator/controllers/mirror"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// These tests protect every operation of the controllers that takes more than one call. Each call is interrupted, before it has an effect
// and after its answer is lost, once by a crash of the process and once by an error. The operation must end as if nothing had happened.

var errInterrupted = errors.New("killed")

// interrupter makes the n-th call fail, either before it has an effect or after. With crash, every later call fails too, as in a process
// that has crashed, until disabled is set.
type interrupter struct {
	at, calls int
	after     bool
	crash     bool
	disabled  bool
}

func (k *interrupter) call(do func() error) error {
	if k.disabled {
		return do()
	}
	k.calls++
	switch {
	case k.calls > k.at && k.crash:
		return errInterrupted
	case k.calls != k.at:
		return do()
	}
	if k.after {
		if err := do(); err != nil {
			return err
		}
	}
	return errInterrupted
}

func (k *interrupter) funcs() interceptor.Funcs {
	return interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			return k.call(func() error { return c.Get(ctx, key, o, opts...) })
		},
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			return k.call(func() error { return c.List(ctx, list, opts...) })
		},
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			return k.call(func() error { return c.Create(ctx, o, opts...) })
		},
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			return k.call(func() error { return c.Delete(ctx, o, opts...) })
		},
		SubResourceUpdate: func(ctx context.Context, c client.Client, sub string, o client.Object, opts ...client.SubResourceUpdateOption) error {
			return k.call(func() error { return c.SubResource(sub).Update(ctx, o, opts...) })
		},
	}
}

// operation is something that the controllers do. It leads from one state of the API server to another.
type operation struct {
	before func(*testing.T) []client.Object
	do     func(*testEnv) error
	// minCalls is the minimum number of calls. A test of fewer calls would prove nothing.
	minCalls int
}

func operations() map[string]operation {
	fold := func(env *testEnv) error { return env.run() }
	occupant := &fastpixv1.MediaAsset{
		ObjectMeta: metav1.ObjectMeta{Namespace: testNamespace, Name: testMedia}, Spec: fastpixv1.MediaAssetSpec{MediaID: "something-else"},
	}
	withFailures := func(t *testing.T) []client.Object {
		t.Helper()
		newer := newBatch(t, "b4", event("e7", "video.media.created", 7, media("another", "Created")))
		newer.Spec.Events = append(newer.Spec.Events, `{"v":3,"what":"ever"}`)
		return append(append(sampleJournal(t), occupant.DeepCopy(), newer), namespaceAndEndpoint()...)
	}
	tombstones := func(t *testing.T) []client.Object {
		t.Helper()
		deleted := newBatch(t, "b1",
			event("e1", "video.media.deleted", 1, media(testMedia, "Deleted")), event("e2", "video.live_stream.deleted", 2, stream(testStream, "Deleted")))
		return after(t, append(namespaceAndEndpoint(), deleted), fold)
	}
	return map[string]operation{
		"fold of both kinds": {before: func(t *testing.T) []client.Object {
			t.Helper()
			return append(sampleJournal(t), namespaceAndEndpoint()...)
		}, do: fold, minCalls: 20},
		"move of failed records":    {before: withFailures, do: fold, minCalls: 30},
		"retry of what fails again": {before: func(t *testing.T) []client.Object { t.Helper(); return after(t, withFailures(t), fold) }, do: fold, minCalls: 10},
		"retry once the cause is gone": {before: func(t *testing.T) []client.Object {
			t.Helper()
			return without(after(t, withFailures(t), fold), occupant)
		}, do: fold, minCalls: 12},
		"join of failed records": {before: func(t *testing.T) []client.Object { t.Helper(); return after(t, withFailures(t), fold) }, minCalls: 20, do: func(env *testEnv) error {
			if err := env.run(); err != nil {
				return err
			}
			env.now = env.now.Add(journal.JoinPause)
			return env.joiner.Round(env.t.Context())
		}},
		"discard of what belongs to a namespace that is gone": {
			before: func(t *testing.T) []client.Object {
				t.Helper()
				return without(append(sampleJournal(t), namespaceAndEndpoint()...), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: testNamespace}})
			}, do: fold, minCalls: 12,
		},
		"purge when a timer is due": {before: tombstones, minCalls: 10, do: func(env *testEnv) error {
			env.now = testStart.Add(mirror.DefaultRetention + time.Hour)
			for kind, name := range map[record.Kind]string{record.MediaAsset: testMedia, record.LiveStream: testStream} {
				key := record.Key{Kind: kind, Namespace: testNamespace, Name: name}
				env.timers.Set(key, env.now)
				if _, err := env.reconciler.Reconcile(env.t.Context(), key); err != nil {
					return err
				}
			}
			return nil
		}},
		"purge by the sweep": {before: tombstones, minCalls: 6, do: func(env *testEnv) error {
			env.now = testStart.Add(mirror.DefaultRetention + time.Hour)
			if err := env.sweeper.Sweep(env.t.Context()); err != nil {
				return err
			}
			return env.run()
		}},
	}
}

// after returns the objects in the API server after an operation.
func after(t *testing.T, before []client.Object, do func(*testEnv) error) []client.Object {
	t.Helper()
	c := newClientOf(t, interceptor.Funcs{}, before)
	if err := do(newTestEnv(t, c)); err != nil {
		t.Fatal(err)
	}
	return allObjects(t, c)
}

func allObjects(t *testing.T, c client.Client) []client.Object {
	t.Helper()
	var (
		batches    fastpixv1.EventBatchList
		assets     fastpixv1.MediaAssetList
		streams    fastpixv1.LiveStreamList
		endpoints  fastpixv1.WebhookEndpointList
		namespaces corev1.NamespaceList
		all        []client.Object
	)
	for _, list := range []client.ObjectList{&batches, &assets, &streams, &endpoints, &namespaces} {
		if err := c.List(t.Context(), list); err != nil {
			t.Fatal(err)
		}
	}
	for i := range batches.Items {
		all = append(all, &batches.Items[i])
	}
	for i := range assets.Items {
		all = append(all, &assets.Items[i])
	}
	for i := range streams.Items {
		all = append(all, &streams.Items[i])
	}
	for i := range endpoints.Items {
		all = append(all, &endpoints.Items[i])
	}
	for i := range namespaces.Items {
		all = append(all, &namespaces.Items[i])
	}
	return all
}

func without(objects []client.Object, gone client.Object) []client.Object {
	var kept []client.Object
	for _, o := range objects {
		if fmt.Sprintf("%T", o) != fmt.Sprintf("%T", gone) || client.ObjectKeyFromObject(o) != client.ObjectKeyFromObject(gone) {
			kept = append(kept, o)
		}
	}
	return kept
}

// outcome returns everything that must be the same in the end: the mirrors, the content of the journal, and what was purged.
func outcome(t *testing.T, c client.Client) string {
	t.Helper()
	out := mirrors(t, c)
	for _, b := range batches(t, c) {
		out += fmt.Sprintf("%v %s %s\n", b.Labels, mustJSON(t, b.Spec), mustJSON(t, b.Status.Failed))
	}
	var e fastpixv1.WebhookEndpoint
	if err := c.Get(t.Context(), types.NamespacedName{Namespace: testNamespace, Name: "fastpix"}, &e); err != nil {
		t.Fatal(err)
	}
	return out + fmt.Sprintln(e.Status.PurgedThrough)
}

func TestOperationsSurviveCrashAtEveryCall(t *testing.T) {
	t.Parallel()
	for name, w := range operations() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := w.before(t)
			uninterrupted := newClientOf(t, interceptor.Funcs{}, copies(before))
			if err := w.do(newTestEnv(t, uninterrupted)); err != nil {
				t.Fatal(err)
			}
			want := outcome(t, uninterrupted)
			for _, k := range []interrupter{{crash: true}, {crash: true, after: true}, {}, {after: true}} {
				calls := interruptEverywhere(t, before, w, k, want)
				if calls < w.minCalls {
					t.Errorf("only %d calls were there to fail, want %d", calls, w.minCalls)
				}
			}
		})
	}
}

func copies(objects []client.Object) []client.Object {
	var all []client.Object
	for _, o := range objects {
		all = append(all, o.DeepCopyObject().(client.Object))
	}
	return all
}

// interruptEverywhere runs an operation once for each of its calls, interrupts that call, and returns the number of calls.
func interruptEverywhere(t *testing.T, before []client.Object, w operation, how interrupter, want string) int {
	t.Helper()
	for at := 1; ; at++ {
		k := how
		k.at = at
		c := newClientOf(t, k.funcs(), copies(before))
		env := newTestEnv(t, c)
		err := w.do(env)
		if k.calls < at {
			return at - 1
		}
		if k.crash {
			k.disabled = true
			env = newTestEnv(t, c)
			err = w.do(env)
		}
		for range 5 { // the queues try again
			if err == nil && len(env.delayedBatches) == 0 {
				break
			}
			err = w.do(env)
		}
		if err != nil {
			t.Fatalf("call %d (%+v): %v", at, how, err)
		}
		k.disabled = true
		if got := outcome(t, c); got != want {
			t.Errorf("call %d (%+v):\ngot\n%s\nwant\n%s", at, how, got, want)
		}
	}
}
