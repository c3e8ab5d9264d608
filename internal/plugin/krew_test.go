package plugin

import (
	"os"
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
		if !strings.Contains(p.URI, "/VERSION/kubectl-fastpix-"+platform+".") || p.SHA256 != "SHA256" || windows != (p.Bin == "kubectl-fastpix.exe") {
			t.Errorf("%s has %+v", platform, p)
		}
	}
}
