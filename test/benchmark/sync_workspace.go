package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/benchmark/workload"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fastpixfake"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

const (
	// syncGrace is short: a backfill does not wait for it, and each later comparison that finds something does.
	syncGrace = 3 * time.Second
	// syncRate is above what the syncer reaches.
	syncRate = 100_000
	// syncTimeout bounds the wait for one comparison.
	syncTimeout = time.Hour
)

// syncEnv is a testEnv with a syncer and the management API that it asks.
type syncEnv struct {
	*testEnv
	api       *fastpixfake.Server
	media     int      // how many media all workspaces have
	compared  []string // namespaces whose endpoints are compared
	requested int
}

// workspace is a workspace of FastPix and the tenant that mirrors it.
type workspace struct {
	workload.Tenant
	content *fastpixfake.Workspace
	created time.Time // when the first media was
	media   int
}

// withSyncEnv does something on a control plane of its own, with a syncer that was started.
func withSyncEnv(ctx context.Context, o options, do func(*syncEnv) error) error {
	api, err := fastpixfake.Serve(fastpixfake.New(), "127.0.0.1:0")
	if err != nil {
		return err
	}
	return errors.Join(withTestEnv(ctx, o, func(r *testEnv) error {
		r.syncer, err = r.process(ctx, "syncer", r.receiver.Path, tenant.SyncerAccount, "--receiver=false", "--controllers=false", "--syncer=true", "--leader-elect",
			"--fastpix-api-url="+api.URL(), "--sync-grace="+syncGrace.String(), fmt.Sprintf("--sync-rate=%d", syncRate))
		if err != nil {
			return err
		}
		if err := r.syncer.Start(ctx); err != nil {
			return err
		}
		return do(&syncEnv{testEnv: r, api: api})
	}), api.Check(), api.Close())
}

// newWorkspace makes a workspace with a live stream and media that are an hour old, and a tenant whose endpoint may read it. The endpoint is not compared yet.
func (r *syncEnv) newWorkspace(ctx context.Context, name string, media int) (workspace, error) {
	w := workspace{created: time.Now().Add(-time.Hour)}
	var err error
	if w.Tenant, err = r.newTenant(ctx, name); err != nil {
		return w, err
	}
	access := fastpixfake.Access{TokenID: r.workload.NewID().String(), SecretKey: r.workload.NewID().String()}
	for _, o := range append(tenant.SecretRights(w.Namespace, tenant.APISecretName, tenant.SyncerAccount),
		tenant.APISecret(w.Namespace, access.TokenID, access.SecretKey)) {
		if err := r.admin.Create(ctx, o); err != nil {
			return w, err
		}
	}
	w.content = r.api.AddWorkspace(r.workload.NewID().String(), access)
	w.content.PutStream(fastpixfake.NewStream(fastpixfake.StreamID(r.media), w.created))
	r.addMedia(&w, media)
	return w, nil
}

// addMedia adds media to a workspace, and returns them.
func (r *syncEnv) addMedia(w *workspace, media int) (rows []fastpixfake.Row) {
	for range media {
		row := fastpixfake.NewMedia(fastpixfake.MediaID(r.media), w.created.Add(time.Duration(w.media)*time.Millisecond))
		sortTracks(row)
		w.content.PutMedia(row)
		rows = append(rows, row)
		w.media++
		r.media++
	}
	return rows
}

// sortTracks gives the tracks of a media ids in their order, because a mirror lists them by id.
func sortTracks(row fastpixfake.Row) {
	tracks := row["tracks"].([]any)
	first, second := tracks[0].(fastpixfake.Row), tracks[1].(fastpixfake.Row)
	if first["id"].(string) > second["id"].(string) {
		first["id"], second["id"] = second["id"], first["id"]
	}
}

// addMirroredMedia adds media to a workspace whose first media is mirrored, and stores a mirror of each: that of the first media with other ids and times. So a hundred
// thousand take a minute.
func (r *syncEnv) addMirroredMedia(ctx context.Context, w *workspace, first fastpixfake.Row, media int) error {
	stored, err := r.plane.StoredObjects(ctx)
	if err != nil {
		return err
	}
	prefix := "/registry/video.fastpix.com/mediaassets/" + w.Namespace + "/"
	model, ok := stored[prefix+first["id"].(string)]
	if !ok {
		return errors.New("etcd holds no mirror of the first media")
	}
	var object struct{ Metadata struct{ UID string } }
	if err := json.Unmarshal(model, &object); err != nil {
		return fmt.Errorf("decode a stored mirror: %w", err)
	}
	from := append(textsOf(first), object.Metadata.UID)
	for rows := range slices.Chunk(r.addMedia(w, media), chunk) {
		objects := map[string][]byte{}
		for _, row := range rows {
			var pairs []string
			for i, text := range append(textsOf(row), r.workload.NewID().String()) {
				pairs = append(pairs, from[i], text)
			}
			objects[prefix+row["id"].(string)] = []byte(strings.NewReplacer(pairs...).Replace(string(model)))
		}
		if err := r.plane.StoreObjects(ctx, objects); err != nil {
			return err
		}
	}
	return nil
}

// textsOf returns what differs between two media of a workspace.
func textsOf(row fastpixfake.Row) []string {
	texts := []string{row["id"].(string), row["createdAt"].(string), row["updatedAt"].(string)}
	for _, list := range []string{"playbackIds", "tracks"} {
		for _, element := range row[list].([]any) {
			texts = append(texts, element.(fastpixfake.Row)["id"].(string))
		}
	}
	return texts
}

// compare lets the syncer compare an endpoint from now on, and no other endpoint.
func (r *syncEnv) compare(ctx context.Context, w workspace) error {
	for _, namespace := range r.compared {
		if err := r.patchEndpoint(ctx, namespace, `{"spec":{"sync":null}}`); err != nil {
			return err
		}
	}
	r.compared = []string{w.Namespace}
	return r.patchEndpoint(ctx, w.Namespace,
		fmt.Sprintf(`{"spec":{"sync":{"credentialsSecret":{"name":%q},"maxObjects":%d}}}`, tenant.APISecretName, max(50_000, 2*w.media)))
}

func (r *syncEnv) patchEndpoint(ctx context.Context, namespace, patch string) error {
	e := &fastpixv1.WebhookEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: tenant.EndpointName}}
	return r.admin.Patch(ctx, e, client.RawPatch("application/merge-patch+json", []byte(patch)))
}

// waitSynced waits until the first comparison of a workspace is complete, and the journal is empty.
func (r *syncEnv) waitSynced(ctx context.Context, w workspace) error {
	status, err := r.waitComparison(ctx, w, func(e *fastpixv1.WebhookEndpoint) bool {
		return apimeta.IsStatusConditionTrue(e.Status.Conditions, fastpixv1.ConditionSynced)
	})
	if err != nil {
		return err
	}
	if status.Created != int64(w.media)+1 {
		return fmt.Errorf("the first comparison of %d media and a live stream created %d mirrors", w.media, status.Created)
	}
	return r.waitReflected(ctx, syncTimeout)
}

// requestComparison requests a comparison and waits until it has ended. It must find nothing.
func (r *syncEnv) requestComparison(ctx context.Context, w workspace) error {
	r.requested++
	request := strconv.Itoa(r.requested)
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, fastpixv1.SyncRequestedAtAnnotation, request)
	if err := r.patchEndpoint(ctx, w.Namespace, patch); err != nil {
		return err
	}
	status, err := r.waitComparison(ctx, w, func(e *fastpixv1.WebhookEndpoint) bool {
		return e.Status.Sync != nil && e.Status.Sync.HandledRequest == request
	})
	if err == nil && (status.Created+status.Repaired+status.Deleted != 0 || status.MediaAssets != int64(w.media)) {
		err = fmt.Errorf("a comparison of %d media that should find nothing says %+v", w.media, status)
	}
	return err
}

func (r *syncEnv) waitComparison(ctx context.Context, w workspace, ended func(*fastpixv1.WebhookEndpoint) bool) (*fastpixv1.SyncStatus, error) {
	var e fastpixv1.WebhookEndpoint
	err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, syncTimeout, true, func(ctx context.Context) (bool, error) {
		err := r.admin.Get(ctx, client.ObjectKey{Namespace: w.Namespace, Name: tenant.EndpointName}, &e)
		return ended(&e), err
	})
	if err != nil {
		return nil, fmt.Errorf("wait for a comparison of %s, conditions %v: %w", w.Namespace, e.Status.Conditions, err)
	}
	return e.Status.Sync, nil
}

// verifyWorkspace compares the mirrors with the media of a workspace. Media that only webhooks told of are not counted.
func (r *syncEnv) verifyWorkspace(ctx context.Context, w workspace) error {
	right := 0
	err := r.eachAsset(ctx, w.Namespace, func(a *fastpixv1.MediaAsset) error {
		if a.Status.Title == "media "+a.Spec.MediaID && a.Status.State == "Ready" && len(a.Status.Tracks) == 2 {
			right++
		}
		return nil
	})
	if err == nil && right != w.media {
		err = fmt.Errorf("%d of %d media of %s are mirrored", right, w.media, w.Namespace)
	}
	return err
}

// restartSyncer makes the syncer forget everything, and its peak of memory too.
func (r *syncEnv) restartSyncer(ctx context.Context) error {
	if err := r.syncer.Stop(); err != nil {
		return err
	}
	return r.syncer.Start(ctx)
}
