package examples

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/util/uuid"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fastpixfake"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

// These tests protect docs/sync.md: who runs its commands as they stand there gets what the page says, from a syncer and an API.

const (
	// pageMissing is how many objects are missing in the example of the page.
	pageMissing = 37
	// pasted stands in the commands of the page for both parts of an access token.
	pasted = "PASTE"
)

// TestSyncPage sets up sync, requests a run, and lets a mass deletion through.
func TestSyncPage(t *testing.T) {
	w, ids := startSyncer(t, pageMissing+3)
	framework.Kubectl(t, "apply", "-f", "config/samples/namespace.yaml", "-f", "config/samples/webhook_endpoint.yaml")
	framework.Kubectl(t, "-n", "video", "delete", "mediaassets", "--all") // of other tests

	runSyncPage(t, "**2. Run these commands.**")
	waitMedia(t, "Ready", len(ids))
	patched := readEndpoint(t, "fastpix")
	framework.Kubectl(t, "apply", "-f", "config/samples/webhook_endpoint_sync.yaml")
	if applied := readEndpoint(t, "fastpix"); applied.Generation != patched.Generation {
		t.Errorf("the sample and the command of the page make different endpoints: %+v and %+v", applied.Spec, patched.Spec)
	}

	for _, id := range ids[:pageMissing] {
		w.DeleteMedia(id)
	}
	runSyncPage(t, "## Request a run now")
	synced := apimeta.FindStatusCondition(readEndpoint(t, "fastpix").Status.Conditions, fastpixv1.ConditionSynced)
	if synced == nil || synced.Reason != fastpixv1.ReasonTooManyMissing || !strings.Contains(synced.Message, strconv.Itoa(pageMissing)) {
		t.Fatalf("the condition is %+v, want that %d are missing", synced, pageMissing)
	}
	waitMedia(t, "Ready", len(ids))
	runSyncPage(t, "### Let a mass deletion through")
	waitMedia(t, "Deleted", pageMissing)
	if _, confirmed := readEndpoint(t, "fastpix").Annotations[fastpixv1.SyncConfirmMissingAnnotation]; confirmed {
		t.Error("the endpoint still confirms missing objects")
	}
	framework.Kubectl(t, "-n", "video", "patch", "whe", "fastpix", "--type=json", "-p", `[{"op":"remove","path":"/spec/sync"}]`)
}

// TestSyncPageOnPolling sets up an endpoint without webhooks.
func TestSyncPageOnPolling(t *testing.T) {
	startSyncer(t, 3)
	framework.Kubectl(t, "apply", "-f", "config/samples/namespace.yaml")
	framework.Kubectl(t, "-n", "video", "delete", "mediaassets", "--all")
	framework.Kubectl(t, "-n", "video", "delete", "secret", tenant.APISecretName, "--ignore-not-found")
	runSyncPage(t, "## An endpoint that only polls")
	waitMedia(t, "Ready", 3)
	e := readEndpoint(t, "fastpix-polling")
	ready := apimeta.FindStatusCondition(e.Status.Conditions, fastpixv1.ConditionReady)
	if ready == nil || ready.Reason != fastpixv1.ReasonPollingOnly || e.Status.URL != "" {
		t.Errorf("the endpoint is %+v", e.Status)
	}
	framework.Kubectl(t, "-n", "video", "delete", "webhookendpoint", "fastpix-polling")
}

// startSyncer starts a syncer that asks an API with so many media, which know the access token of the page.
func startSyncer(t *testing.T, media int) (w *fastpixfake.Workspace, ids []string) {
	t.Helper()
	api := framework.ServeAPI(t)
	w = api.AddWorkspace(string(uuid.NewUUID()), fastpixfake.Access{TokenID: pasted, SecretKey: pasted})
	for i := range media {
		ids = append(ids, string(uuid.NewUUID()))
		w.PutMedia(fastpixfake.NewMedia(ids[i], time.Now().Add(-time.Hour).Add(time.Duration(i)*time.Second)))
	}
	framework.StartSyncer(t, "syncer", api.URL(), "--sync-grace=1s", "--sync-rate=1000")
	return w, ids
}

// runSyncPage runs the first commands of docs/sync.md behind a text. Each time they request a run by another value.
func runSyncPage(t *testing.T, behind string) {
	t.Helper()
	script := pageCommands(t, "docs/sync.md", behind)
	script = strings.NewReplacer("$(date +%s)", string(uuid.NewUUID()), "--timeout=15m", "--timeout=30s").Replace(script)
	if _, err := framework.Deployed.Shell(t.Context(), script); err != nil {
		t.Fatalf("the commands behind %q: %v", behind, err)
	}
}

// waitMedia waits until the namespace has so many media in a state.
func waitMedia(t *testing.T, state string, want int) {
	t.Helper()
	framework.Eventually(t, fmt.Sprintf("%d media are %s", want, state), func(ctx context.Context) error {
		var list fastpixv1.MediaAssetList
		err := framework.Deployed.Admin.List(ctx, &list, client.InNamespace("video"), client.MatchingFields{"status.state": state})
		if err == nil && len(list.Items) != want {
			err = fmt.Errorf("%d are", len(list.Items))
		}
		return err
	})
}

func readEndpoint(t *testing.T, name string) *fastpixv1.WebhookEndpoint {
	t.Helper()
	e := &fastpixv1.WebhookEndpoint{}
	if err := framework.Deployed.Admin.Get(t.Context(), client.ObjectKey{Namespace: "video", Name: name}, e); err != nil {
		t.Fatal(err)
	}
	return e
}
