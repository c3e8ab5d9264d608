package sync

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/projection"
	"github.com/fastpix-operator/fastpix-operator/internal/fastpixapi"
	"github.com/fastpix-operator/fastpix-operator/internal/journal"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fastpixfake"
)

// crashEnv is a workspace, its mirrors in a fake API server, and a syncer that ends at a write. Batches are folded at once.
type crashEnv struct {
	t         *testing.T
	workspace *fastpixfake.Workspace
	client    client.Client
	env       *environment
	writes    int                // of this process
	crashAt   int                // ends the process at this write; 0 for never
	effect    bool               // the write that ends the process has its effect
	end       context.CancelFunc // ends the process
}

var crashKey = types.NamespacedName{Namespace: "video", Name: "fastpix"}

func newCrashEnv(t *testing.T) *crashEnv {
	t.Helper()
	f, access := fastpixfake.New(), fastpixfake.Access{TokenID: "token", SecretKey: "secret"}
	now := time.Now()
	f.SetClock(func() time.Time { now = now.Add(time.Second); return now }) // no two answers have the same date
	server, err := fastpixfake.Serve(f, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	api, err := fastpixapi.New(fastpixapi.Options{BaseURL: server.URL(), Rate: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	c := &crashEnv{t: t, workspace: f.AddWorkspace(fastpixfake.MediaID(1000), access)}
	scheme := runtime.NewScheme()
	if err := errors.Join(corev1.AddToScheme(scheme), fastpixv1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	endpoint := &fastpixv1.WebhookEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: crashKey.Namespace, Name: crashKey.Name, UID: "uid"}}
	endpoint.Spec.Sync = &fastpixv1.SyncSpec{CredentialsSecret: fastpixv1.APICredentialsReference{Name: "api"}}
	c.client = fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&fastpixv1.WebhookEndpoint{}).WithObjects(endpoint, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: crashKey.Namespace, Name: "api"}, Type: fastpixv1.APICredentialsType,
		Data: map[string][]byte{fastpixv1.APICredentialsTokenIDKey: []byte("token"), fastpixv1.APICredentialsSecretKeyKey: []byte("secret")},
	}).WithInterceptorFuncs(interceptor.Funcs{
		SubResourceUpdate: func(ctx context.Context, inner client.Client, subresource string, o client.Object, opts ...client.SubResourceUpdateOption) error {
			return c.write(ctx, func() error { return inner.SubResource(subresource).Update(ctx, o, opts...) })
		},
	}).Build()
	c.env = &environment{
		api: api, live: c.client, cached: c.client, status: &statusWriter{live: c.client, client: c.client}, now: time.Now,
		maxPending: testBound, grace: 10 * time.Millisecond,
	}
	return c
}

// write counts a write, and ends the process at the one that it must not survive.
func (c *crashEnv) write(ctx context.Context, do func() error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	c.writes++
	if c.writes != c.crashAt {
		return do()
	}
	defer c.end()
	if c.effect {
		return do()
	}
	return errors.New("the process ends before the write")
}

// fold does what the controllers do with a batch.
func (c *crashEnv) fold(ctx context.Context, batch *fastpixv1.EventBatch) error {
	for _, text := range batch.Spec.Events {
		rec, err := record.Decode(text)
		if err != nil {
			return err
		}
		change := rec.Changes[0]
		var m fastpixv1.MediaAsset
		key := types.NamespacedName{Namespace: rec.Namespace, Name: record.ObjectName(change.ID)}
		err = c.client.Get(ctx, key, &m)
		if missing := apierrors.IsNotFound(err); missing {
			m = fastpixv1.MediaAsset{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}, Spec: fastpixv1.MediaAssetSpec{MediaID: change.ID}}
			m.Spec.EndpointRef.Name = rec.Endpoint
			err = c.client.Create(ctx, &m)
		}
		if err != nil {
			return err
		}
		m.Status = projection.MediaAsset(m.Status, change.ID, []*record.Record{rec})
		if err := c.client.Update(ctx, &m); err != nil {
			return err
		}
	}
	return nil
}

// process runs a syncer that begins a run, and ends at a write or with the run.
func (c *crashEnv) process(crashAt int, effect bool) (ended bool) {
	c.t.Helper()
	ctx, cancel := context.WithCancel(c.t.Context())
	defer cancel()
	c.writes, c.crashAt, c.effect, c.end = 0, crashAt, effect, cancel
	create := func(_ context.Context, batch *fastpixv1.EventBatch) error {
		return c.write(ctx, func() error { return c.fold(context.WithoutCancel(ctx), batch) })
	}
	c.env.journal = journal.New(create, "fastpix-system", func(map[types.NamespacedName]int64) {}, time.Now)
	var e fastpixv1.WebhookEndpoint
	if err := c.client.Get(ctx, crashKey, &e); err != nil {
		c.t.Fatal(err)
	}
	r := newRun(newSession(c.env, &e), logr.Discard(), "request", e.Status.Sync == nil || e.Status.Sync.LastCompletedTime == nil)
	r.reportStarted(ctx)
	err := r.do(ctx)
	if err == nil {
		err = c.env.status.update(ctx, r.name, "uid", func(e *fastpixv1.WebhookEndpoint) { r.writeEnd(e, nil, nil) })
	}
	if ctx.Err() == nil && err != nil {
		c.t.Fatal(err)
	}
	return ctx.Err() == nil
}

// TestSyncerKilledAtEveryWrite ends the syncer before and after each of its writes in turn. The next process ends what is left: the mirrors are what the workspace
// says, and the request is handled.
func TestSyncerKilledAtEveryWrite(t *testing.T) {
	t.Parallel()
	for _, effect := range []bool{false, true} {
		for at := 1; ; at++ {
			c := newCrashEnv(t)
			old := time.Now().Add(-time.Hour)
			for i := range 5 {
				c.workspace.PutMedia(fastpixfake.NewMedia(fastpixfake.MediaID(i), old))
			}
			if !c.process(0, false) {
				t.Fatal("the backfill did not end")
			}
			renamed := c.workspace.Media(fastpixfake.MediaID(1))
			renamed["title"] = "renamed"
			c.workspace.PutMedia(renamed)
			c.workspace.PutMedia(fastpixfake.NewMedia(fastpixfake.MediaID(7), old))
			c.workspace.DeleteMedia(fastpixfake.MediaID(2))
			ended := c.process(at, effect)
			if !ended && !c.process(0, false) {
				t.Fatal("the run of the next process did not end")
			}
			c.check(fmt.Sprintf("write %d, effect %v", at, effect))
			if ended { // the run has fewer writes
				if at < 5 {
					t.Errorf("a run has only %d writes: its start, its end and three repairs are 5", at-1)
				}
				break
			}
		}
	}
}

// check compares the mirrors with the workspace.
func (c *crashEnv) check(what string) {
	c.t.Helper()
	for i, want := range map[int]string{0: "Ready", 1: "Ready", 2: "Deleted", 3: "Ready", 4: "Ready", 7: "Ready"} {
		var m fastpixv1.MediaAsset
		if err := c.client.Get(c.t.Context(), types.NamespacedName{Namespace: "video", Name: fastpixfake.MediaID(i)}, &m); err != nil || m.Status.State != want {
			c.t.Errorf("%s: media %d is %q, want %q (%v)", what, i, m.Status.State, want, err)
		}
		if i == 1 && m.Status.Title != "renamed" {
			c.t.Errorf("%s: the title is %q", what, m.Status.Title)
		}
	}
	var e fastpixv1.WebhookEndpoint
	if err := c.client.Get(c.t.Context(), crashKey, &e); err != nil || e.Status.Sync == nil || e.Status.Sync.HandledRequest != "request" {
		c.t.Errorf("%s: the status is %+v (%v)", what, e.Status.Sync, err)
	}
}
