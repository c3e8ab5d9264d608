package plugin

import (
	"testing"

	"github.com/fastpix-operator/fastpix-operator/test/framework"
)

// TestVersionShowsPluginPartsAndKinds protects what a bug report needs.
func TestVersionShowsPluginPartsAndKinds(t *testing.T) {
	wantLines(t, mustRun(t, "version"), "receiver dev 0 of 2 pods ready", "controllers dev 0 of 2 pods ready", "syncer dev 0 of 1 pods ready",
		"EventBatch v1alpha1 fits", "LiveStream v1alpha1 fits", "MediaAsset v1alpha1 fits", "WebhookEndpoint v1alpha1 fits")
	if got := mustRun(t, "version", "-o", "jsonpath={.parts[?(@.component=='receiver')].image} {.kinds[0].served}"); got != "fastpix-operator:dev true" {
		t.Errorf("-o jsonpath prints %q", got)
	}
}

// TestVersionNeedsNoRightForKinds protects users without rights in the namespace of the operator: they see the kinds, and which right they would need.
func TestVersionNeedsNoRightForKinds(t *testing.T) {
	got := wantMissingRight(t, framework.NewNamespace(t), "list deployments.apps in namespace "+framework.OperatorNamespace, "version")
	wantLines(t, got.out, "MediaAsset v1alpha1 fits")
}
