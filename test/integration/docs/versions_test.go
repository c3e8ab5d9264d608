package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestPinnedVersionsAgree protects pages and manifests from naming other versions than those that are pinned. make dist checks the versions of a
// release.
func TestPinnedVersionsAgree(t *testing.T) {
	t.Parallel()
	kubernetes := `k8s\.io/kubernetes (v1\.\d+\.\d+)\n`
	minor := `k8s\.io/kubernetes (v1\.\d+)\.\d+\n`
	for what, places := range map[string]map[string]string{
		"the version of Kubernetes in tests": {
			"hack/kubernetes/go.mod": kubernetes, "hack/node/kubernetes/go.mod": kubernetes,
			"config/gitops/wait_job.yaml": `kubectl:(v1\.\d+\.\d+)`, "docs/gitops.md": `kubectl:(v1\.\d+\.\d+)`, "Makefile": `kubectl:(v1\.\d+\.\d+)`,
		},
		"the minor version of Kubernetes in tests": {"hack/kubernetes/go.mod": minor, "README.md": `tested on (v1\.\d+)`},
		"the first version of Kubernetes": {
			"README.md": `needs Kubernetes (1\.\d+) or newer`, "config/helm/fastpix-operator/Chart.yaml": `kubeVersion: ">=(1\.\d+)\.0-0"`,
			"hack/release/bundle/csv.go": `minKubernetes = "(1\.\d+)\.0"`,
		},
		"the version of controller-gen": {
			"hack/tools/go.mod": `sigs\.k8s\.io/controller-tools (v\S+)`, "config/crd/bases/video.fastpix.com_mediaassets.yaml": `controller-gen\S+/version: (v\S+)`,
		},
		"the version of Helm":                   {"hack/helm/go.mod": `helm\.sh/helm/v4 (v\S+)`, "docs/helm.md": `tested with Helm (v[\d.]+\d)`},
		"the version of the operator-framework": {"hack/release/go.mod": `operator-framework/api (v\S+)`, "docs/adr/0051-bundle-from-the-manifest.md": `operator-framework, (v[\d.]+\d)`},
	} {
		found := map[string]string{}
		for file, pattern := range places {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			version := regexp.MustCompile(pattern).FindSubmatch(text)
			if version == nil {
				t.Errorf("%s does not have %s: nothing matches %s", file, what, pattern)
				continue
			}
			found[string(version[1])] = file
		}
		if len(found) > 1 {
			t.Errorf("%s differs: %v", what, found)
		}
	}
}

// TestActionsArePinned protects the workflows from actions that somebody changes after they were reviewed: a tag can move, a commit cannot.
func TestActionsArePinned(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(".github/workflows/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are the workflows %v (%v)", files, err)
	}
	pinned := regexp.MustCompile(`^[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, uses := range regexp.MustCompile(`(?m)\buses: (.*)$`).FindAllStringSubmatch(string(text), -1) {
			if !pinned.MatchString(uses[1]) {
				t.Errorf("%s uses %s: name the commit, and the version in a comment", file, uses[1])
			}
		}
	}
}
