package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDisastersFollowThePage protects docs/disaster-recovery.md and the test that runs its commands: the test runs
// every block of commands of these sections, except the one of etcdutl, which hack/cluster runs.
func TestDisastersFollowThePage(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", recoveryPage))
	if err != nil {
		t.Fatal(err)
	}
	for heading, want := range map[string][]string{
		sectionBackup:     {"etcdctl snapshot save"},
		sectionRestore:    {"etcdutl snapshot restore", "kubectl -n fastpix-system rollout restart", "NOW="},
		sectionCluster:    {"kubectl apply -k config/default", "kubectl apply -f config/samples/namespace.yaml", "kubectl -n video wait --for=condition=Synced"},
		sectionCRDs:       {"kubectl apply -k config/crd", "kubectl apply -f config/samples/webhook_endpoint_sync.yaml"},
		sectionNamespace:  {"kubectl wait --for=delete namespace/video"},
		sectionCredential: {"kubectl -n video patch secret fastpix-api-credentials", "kubectl -n video patch secret fastpix-signing-secret", "kubectl -n video delete mediaassets"},
		sectionMove:       {"kubectl -n video patch webhookendpoint", "kubectl apply -k config/default", "kubectl -n video create secret"},
	} {
		blocks, err := blocksOf(string(text), heading)
		if err != nil {
			t.Error(err)
		}
		if len(blocks) != len(want) {
			t.Errorf("section %q has %d blocks of commands, and the test of disasters runs %d", heading, len(blocks), len(want))
			continue
		}
		for i := range want {
			if !strings.HasPrefix(blocks[i], want[i]) {
				t.Errorf("section %q, commands %d: they begin with %q, want %q", heading, i+1, blocks[i], want[i])
			}
		}
	}
}
