package manifests

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fastpix-operator/fastpix-operator/test/framework"
)

// TestRemoteBase checks that an overlay of another repository can use config/default by URL: kustomize clones the repository, and no file of
// config/default needs anything outside it.
func TestRemoteBase(t *testing.T) {
	t.Parallel()
	repository := filepath.Join(t.TempDir(), "fastpix-operator")
	if err := os.CopyFS(filepath.Join(repository, "config"), os.DirFS("config")); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"init", "--quiet"}, {"add", "."}, {"-c", "user.name=test", "-c", "user.email=test@test.example", "commit", "--quiet", "--message=Test"}, {"tag", "v1.2.3"},
	} {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir = repository
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	text, err := os.ReadFile("docs/releases.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(text), "    # kustomization.yaml\n")
	example, _, found := strings.Cut(example, "\n\n")
	const published = "https://github.com/fastpix-operator/fastpix-operator//"
	if !found || !strings.Contains(example, published) {
		t.Fatalf("the page has no example with %s:\n%s", published, example)
	}
	overlay := t.TempDir()
	local := strings.ReplaceAll(strings.ReplaceAll(example, published, "file://"+repository+"//"), "\n    ", "\n")
	if err := os.WriteFile(filepath.Join(overlay, "kustomization.yaml"), []byte(strings.TrimPrefix(local, "    ")), 0o600); err != nil {
		t.Fatal(err)
	}
	remote, err := framework.Deployed.Kubectl(t.Context(), "kustomize", overlay)
	if err != nil {
		t.Fatal(err)
	}
	here, err := framework.Deployed.Kubectl(t.Context(), "kustomize", "config/default")
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.ReplaceAll(here, "image: fastpix-operator:dev", "image: registry.example/fastpix-operator:v1.2.3"); remote != want {
		t.Errorf("the remote base gives %d bytes, the folder %d", len(remote), len(want))
	}
}
