package previous

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/chaos/workload"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fastpixfake"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

// syncedTenant has an endpoint that the syncer compares with a workspace of a fake API.
type syncedTenant struct {
	*run
	tenant *workload.Tenant
	media  []string
}

// newSyncedTenant creates the tenant, and waits until its workspace is mirrored.
func (r *run) newSyncedTenant(t *testing.T) *syncedTenant {
	t.Helper()
	access := fastpixfake.Access{TokenID: string(uuid.NewUUID()), SecretKey: string(uuid.NewUUID())}
	id := string(uuid.NewUUID())
	workspace := &workload.Workspace{Workspace: r.api.AddWorkspace(id, access), Access: access}
	s := &syncedTenant{run: r, tenant: &workload.Tenant{Namespace: "synced", Workspace: workspace}}
	s.put()
	r.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.tenant.Namespace}})
	r.create(t, append(s.tenant.Rights(), s.tenant.Secret(), s.tenant.Endpoint())...)
	r.waitCondition(t, s.tenant.Namespace, fastpixv1.ConditionSynced)
	return s
}

// put creates a media in the workspace, of which no webhook tells.
func (s *syncedTenant) put() {
	id := fastpixfake.MediaID(len(s.media))
	s.media = append(s.media, id)
	s.tenant.Workspace.PutMedia(fastpixfake.NewMedia(id, time.Now().Add(-time.Hour)))
}

// observe creates another media and lets the syncer compare, until an observation of it is in the journal. Nobody folds it meanwhile.
func (s *syncedTenant) observe(t *testing.T) {
	t.Helper()
	s.put()
	var e fastpixv1.WebhookEndpoint
	key := client.ObjectKey{Namespace: s.tenant.Namespace, Name: tenant.EndpointName}
	if err := s.admin.Get(t.Context(), key, &e); err != nil {
		t.Fatal(err)
	}
	asked := e.DeepCopy()
	asked.Annotations = map[string]string{fastpixv1.SyncRequestedAtAnnotation: fmt.Sprint(time.Now().UnixNano())}
	if err := s.admin.Patch(t.Context(), asked, client.MergeFrom(&e)); err != nil {
		t.Fatal(err)
	}
	framework.Eventually(t, "an observation is in the journal", func(ctx context.Context) error {
		pending, _, err := s.journalNow(ctx)
		if err == nil && pending == 0 {
			err = errors.New("the journal is empty")
		}
		return err
	})
}

// checkMirrored waits until every media of the workspace is mirrored.
func (s *syncedTenant) checkMirrored(t *testing.T) {
	t.Helper()
	for _, id := range s.media {
		want := fixtures.Mirror{Kind: "MediaAsset", ID: id, State: "Ready", Fields: map[string]string{"{.status.title}": "media " + id}}
		if err := controlplane.WaitMirror(t.Context(), s.admin, s.tenant.Namespace, want); err != nil {
			t.Error(err)
		}
	}
}
