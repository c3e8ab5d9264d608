package sync

import (
	"context"
	"fmt"
	"testing"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/apimachinery/pkg/util/uuid"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fastpixfake"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

// grace is the grace of the syncers of the tests.
const grace = time.Second

// workspace is a workspace of FastPix, an endpoint whose API Secret holds its access token, and a syncer.
type workspace struct {
	*fastpixfake.Workspace
	fake     *fastpixfake.Fake
	access   fastpixfake.Access
	endpoint framework.Endpoint
	syncer   *controlplane.Operator
	url      string
}

// newWorkspace starts a syncer that asks an API with an empty workspace. No endpoint is compared yet.
func newWorkspace(t *testing.T, flags ...string) *workspace {
	t.Helper()
	api := framework.ServeAPI(t)
	w := &workspace{fake: api.Fake, access: fastpixfake.Access{TokenID: string(uuid.NewUUID()), SecretKey: string(uuid.NewUUID())}, url: api.URL()}
	w.Workspace = api.AddWorkspace(string(uuid.NewUUID()), w.access)
	w.endpoint = framework.NewEndpoint(t)
	t.Cleanup(func() { // the syncer of the next test has another API
		whe := &fastpixv1.WebhookEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: w.endpoint.Namespace, Name: "fastpix"}}
		if err := framework.Deployed.Admin.Delete(context.WithoutCancel(t.Context()), whe); err != nil {
			t.Error(err)
		}
	})
	framework.CreateAPISecret(t, w.endpoint.Namespace, w.access.TokenID, w.access.SecretKey)
	args := append([]string{"--sync-grace=" + grace.String(), "--sync-rate=1000"}, flags...)
	w.syncer = framework.StartSyncer(t, "syncer", w.url, append([]string{"--zap-log-level=2"}, args...)...)
	return w
}

// configure sets spec.sync of the endpoint.
func (w *workspace) configure(t *testing.T, change func(*fastpixv1.SyncSpec)) {
	t.Helper()
	w.endpoint.Edit(t, func(s *fastpixv1.WebhookEndpointSpec) {
		s.Sync = &fastpixv1.SyncSpec{CredentialsSecret: fastpixv1.APICredentialsReference{Name: tenant.APISecretName}}
		if change != nil {
			change(s.Sync)
		}
	})
}

// waitReason waits until the condition Synced has a reason, for the present spec.
func (w *workspace) waitReason(t *testing.T, reason string) *metav1.Condition {
	t.Helper()
	var c *metav1.Condition
	framework.Eventually(t, "Synced is "+reason, func(context.Context) error {
		e := w.endpoint.Read(t)
		if c = apimeta.FindStatusCondition(e.Status.Conditions, fastpixv1.ConditionSynced); c == nil || c.Reason != reason || c.ObservedGeneration != e.Generation {
			return fmt.Errorf("it is %+v of generation %d", c, e.Generation)
		}
		return nil
	})
	return c
}

// run requests a run, and waits until it has ended.
func (w *workspace) run(t *testing.T) *fastpixv1.SyncStatus {
	t.Helper()
	waitForNextDate()
	request := rand.String(8)
	w.annotate(t, fastpixv1.SyncRequestedAtAnnotation, request)
	return w.waitHandled(t, request)
}

// waitHandled waits until a requested run has ended.
func (w *workspace) waitHandled(t *testing.T, request string) *fastpixv1.SyncStatus {
	t.Helper()
	var s *fastpixv1.SyncStatus
	framework.Eventually(t, "the requested run has ended", func(context.Context) error {
		if s = w.endpoint.Read(t).Status.Sync; s == nil || s.HandledRequest != request {
			return fmt.Errorf("status.sync is %+v, the condition %+v", s, apimeta.FindStatusCondition(w.endpoint.Read(t).Status.Conditions, fastpixv1.ConditionSynced))
		}
		return nil
	})
	return s
}

// waitForNextDate waits until the API's clock, which counts whole seconds, has gone on: of two answers of one second neither is newer.
func waitForNextDate() { <-time.After(time.Second) }

// annotate sets an annotation of the endpoint.
func (w *workspace) annotate(t *testing.T, name, value string) {
	t.Helper()
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, name, value)
	if err := framework.Deployed.Admin.Patch(t.Context(), w.endpoint.Read(t), client.RawPatch("application/merge-patch+json", []byte(patch))); err != nil {
		t.Fatal(err)
	}
}

// old is a time when no webhook can be on its way any more.
func old() time.Time { return time.Now().Add(-time.Hour) }

// addMedia adds media that are ready and old, and returns their ids.
func (w *workspace) addMedia(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = string(uuid.NewUUID())
		w.PutMedia(fastpixfake.NewMedia(ids[i], old().Add(time.Duration(i)*time.Millisecond)))
	}
	return ids
}

// mirrors waits until the namespace has so many media assets.
func (w *workspace) waitAssets(t *testing.T, n int) {
	t.Helper()
	framework.Eventually(t, fmt.Sprintf("%d media are mirrored", n), func(ctx context.Context) error {
		var list fastpixv1.MediaAssetList
		if err := framework.Deployed.Admin.List(ctx, &list, client.InNamespace(w.endpoint.Namespace)); err != nil {
			return err
		}
		seen := 0
		for i := range list.Items {
			if list.Items[i].Status.State != "" {
				seen++
			}
		}
		if seen != n {
			return fmt.Errorf("%d are", seen)
		}
		return nil
	})
}
