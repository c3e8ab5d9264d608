package plugin

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/yaml"
)

// TestKrewManifest protects the installation by krew: each platform has an archive of its own with the program that it runs, and the texts are those of the
// plugin.
func TestKrewManifest(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../config/krew/fastpix.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		Metadata struct{ Name string }
		Spec     struct {
			Version, ShortDescription string
			Platforms                 []struct {
				Selector         struct{ MatchLabels struct{ OS, Arch string } }
				URI, SHA256, Bin string
			}
		}
	}
	if err := yaml.Unmarshal(text, &manifest); err != nil {
		t.Fatal(err)
	}
	if short := NewCommand(options(genericiooptions.NewTestIOStreamsDiscard())).Short; manifest.Metadata.Name != "fastpix" || manifest.Spec.ShortDescription != short {
		t.Errorf("it is %q, %q; the plugin says %q", manifest.Metadata.Name, manifest.Spec.ShortDescription, short)
	}
	if len(manifest.Spec.Platforms) < 5 {
		t.Errorf("it has %d platforms", len(manifest.Spec.Platforms))
	}
	for _, p := range manifest.Spec.Platforms {
		platform := p.Selector.MatchLabels.OS + "-" + p.Selector.MatchLabels.Arch
		windows := strings.HasPrefix(platform, "windows-")
		if !strings.Contains(p.URI, "/VERSION/kubectl-fastpix-"+platform+".tar.gz") || p.SHA256 != "SHA256" || windows != (p.Bin == "kubectl-fastpix.exe") {
			t.Errorf("%s has %+v", platform, p)
		}
	}
}

// TestKrewManifestOfARelease protects what users of krew get: the manifest of a release is config/krew/fastpix.yaml with the version and the checksums, for
// every platform for which make dist builds the plugin.
func TestKrewManifestOfARelease(t *testing.T) {
	t.Parallel()
	dist, err := os.ReadFile("../../hack/release/dist.sh")
	if err != nil {
		t.Fatal(err)
	}
	platforms := regexp.MustCompile(`PLUGIN_PLATFORMS:=([^}"]+)`).FindSubmatch(dist)
	if platforms == nil {
		t.Fatal("dist.sh has no PLUGIN_PLATFORMS")
	}
	folder := t.TempDir()
	text, err := os.ReadFile("../../config/krew/fastpix.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(text), "apiVersion:")
	want := strings.NewReplacer("  version: VERSION", "  version: v1.2.3", "VERSION", "v1.2.3").Replace("apiVersion:" + body)
	for platform := range strings.FieldsSeq(string(platforms[1])) {
		name := "kubectl-fastpix-" + strings.ReplaceAll(platform, "/", "-") + ".tar.gz"
		if err := os.WriteFile(filepath.Join(folder, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
		before, after, found := strings.Cut(want, name+"\n    sha256: SHA256")
		if !found {
			t.Fatalf("config/krew/fastpix.yaml has no %s", name)
		}
		want = before + fmt.Sprintf("%s\n    sha256: %x", name, sha256.Sum256([]byte(name))) + after
	}
	cmd := exec.CommandContext(t.Context(), "../../hack/release/krew.sh", folder)
	cmd.Env = append(os.Environ(), "VERSION=v1.2.3")
	printed, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var got, expected map[string]any
	if err := errors.Join(yaml.Unmarshal(printed, &got), yaml.Unmarshal([]byte(want), &expected)); err != nil {
		t.Fatal(err)
	}
	spec, _ := expected["spec"].(map[string]any)
	wanted, _ := spec["platforms"].([]any)
	printedSpec, _ := got["spec"].(map[string]any)
	platformsOf, _ := printedSpec["platforms"].([]any)
	byURI := func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) }
	slices.SortFunc(wanted, byURI)
	slices.SortFunc(platformsOf, byURI)
	if !reflect.DeepEqual(got, expected) {
		t.Errorf("it prints\n%s", printed)
	}
}
