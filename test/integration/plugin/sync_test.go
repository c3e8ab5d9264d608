package plugin

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/uuid"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fastpixfake"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

// TestSyncRunsNow protects a run on request: the command waits for it and shows what it found, also if the run was not complete.
func TestSyncRunsNow(t *testing.T) {
	api := framework.ServeAPI(t)
	access := fastpixfake.Access{TokenID: string(uuid.NewUUID()), SecretKey: string(uuid.NewUUID())}
	workspace := api.AddWorkspace(string(uuid.NewUUID()), access)
	for i := range 60 {
		workspace.PutMedia(fastpixfake.NewMedia(fastpixfake.MediaID(i), time.Now().Add(-time.Hour)))
	}
	e := framework.NewEndpoint(t)
	whe := e.Read(t)
	t.Cleanup(func() { // the syncer of another test has another API
		if err := framework.Deployed.Admin.Delete(context.WithoutCancel(t.Context()), whe); err != nil {
			t.Error(err)
		}
	})
	args := []string{"sync", "fastpix", "--namespace", e.Namespace}
	if got := run(t, args...); got.code != 1 || !strings.Contains(got.problem, "has no spec.sync") {
		t.Errorf("without spec.sync it exits with %d and prints\n%s", got.code, got.problem)
	}
	framework.CreateAPISecret(t, e.Namespace, access.TokenID, access.SecretKey)
	framework.StartSyncer(t, "syncer", api.URL(), "--sync-grace=1s", "--sync-rate=1000")
	e.Edit(t, func(s *fastpixv1.WebhookEndpointSpec) {
		s.Sync = &fastpixv1.SyncSpec{CredentialsSecret: fastpixv1.APICredentialsReference{Name: tenant.APISecretName}}
	})
	wait := slices.Concat(args, []string{"--wait", "--timeout", "1m"})
	got := run(t, wait...)
	wantLines(t, got.out, "RESULT MEDIA LIVE STREAMS CREATED REPAIRED DELETED", "Synced 60 0 ")
	if got.code != 0 || !strings.Contains(got.problem, "run to begin\n") && !strings.Contains(got.problem, "run has begun\n") { // a short run may begin and end between two looks
		t.Errorf("it exits with %d and prints\n%s", got.code, got.problem)
	}
	e.WaitState(t, fastpixfake.MediaID(7), "Ready")
	wantLines(t, mustRun(t, args...), "A run is requested.")
	if handled := mustRun(t, append(wait, "-o", "jsonpath={.status.sync.mediaAssets}")...); handled != "60" {
		t.Errorf("-o jsonpath prints %q", handled)
	}

	other := *e.Read(t)
	e.Edit(t, func(s *fastpixv1.WebhookEndpointSpec) { s.WorkspaceID = string(uuid.NewUUID()) })
	if got := run(t, wait...); got.code != 3 || !strings.Contains(got.out, "WorkspaceMismatch") || !strings.Contains(got.problem, "The run was not complete.") {
		t.Errorf("with another workspace than %s it exits with %d and prints\n%s%s", other.Status.Sync.WorkspaceID, got.code, got.out, got.problem)
	}
}

// TestSyncNamesTheMissingRight protects users with few rights.
func TestSyncNamesTheMissingRight(t *testing.T) {
	e := framework.NewEndpoint(t)
	args := []string{"sync", "fastpix", "--namespace", e.Namespace}
	wantMissingRight(t, e.Namespace, "get webhookendpoints.video.fastpix.com in namespace "+e.Namespace, args...)
	e.Edit(t, func(s *fastpixv1.WebhookEndpointSpec) {
		s.Sync = &fastpixv1.SyncSpec{CredentialsSecret: fastpixv1.APICredentialsReference{Name: "none"}}
	})
	mayGet := user(t, e.Namespace, rbacv1.PolicyRule{APIGroups: []string{"video.fastpix.com"}, Resources: []string{"webhookendpoints"}, Verbs: []string{"get"}})
	if got := (call{kubeconfig: mayGet, args: args}).run(t); got.code != 4 || !strings.Contains(got.problem, "patch webhookendpoints.video.fastpix.com") {
		t.Errorf("it exits with %d and prints\n%s", got.code, got.problem)
	}
}
