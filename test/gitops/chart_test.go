package gitops

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// chartRelease is how Flux or Argo CD renders the chart. The paths are those of the repository.
type chartRelease struct {
	chart       string
	valuesFiles []string
	values      map[string]any
}

// argoChart returns what the Application of the chart says.
func argoChart(t *testing.T) chartRelease {
	t.Helper()
	var a struct {
		Spec struct {
			Source struct {
				Path string
				Helm struct {
					ValueFiles   []string
					ValuesObject map[string]any
				}
			}
		}
	}
	if err := yaml.Unmarshal(example(t, "argocd/chart.yaml"), &a); err != nil {
		t.Fatal(err)
	}
	source := a.Spec.Source
	release := chartRelease{chart: source.Path, values: source.Helm.ValuesObject}
	for _, file := range source.Helm.ValueFiles { // Argo CD reads them relative to the path
		release.valuesFiles = append(release.valuesFiles, filepath.Join(source.Path, file))
	}
	return release
}

// fluxChart returns what the HelmRelease of the chart says.
func fluxChart(t *testing.T) chartRelease {
	t.Helper()
	for _, document := range documents(t, "flux/chart.yaml") {
		var r struct {
			Kind string
			Spec struct {
				Chart struct {
					Spec struct {
						Chart       string
						ValuesFiles []string
					}
				}
				Values map[string]any
			}
		}
		if err := yaml.Unmarshal(document, &r); err != nil {
			t.Fatal(err)
		}
		if chart := r.Spec.Chart.Spec; r.Kind == "HelmRelease" {
			return chartRelease{chart: chart.Chart, valuesFiles: chart.ValuesFiles, values: r.Spec.Values}
		}
	}
	t.Fatal("the example has no HelmRelease")
	return chartRelease{}
}

// render renders a chart with the helm that make helm builds.
func (r chartRelease) render(t *testing.T) map[string]*unstructured.Unstructured {
	t.Helper()
	values, err := yaml.Marshal(r.values)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(file, values, 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"template", "fastpix", r.chart, "--namespace=" + operatorNamespace, "--skip-tests"}
	for _, f := range append(r.valuesFiles, file) {
		args = append(args, "--values="+f)
	}
	cmd := exec.CommandContext(t.Context(), inRoot(t, "bin/helm/helm"), args...)
	cmd.Dir = inRoot(t, ".")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	return decodeAll(t, out)
}

// TestChartExamplesRender protects the examples that install the chart from values files and values that do not exist, from an image that nobody can
// pull, and from pruning the CRDs, which hold the mirrors.
func TestChartExamplesRender(t *testing.T) {
	for name, tt := range map[string]struct {
		release                 chartRelease
		annotation, value, file string
	}{
		"Argo CD": {argoChart(t), "argocd.argoproj.io/sync-options", "Prune=false,Delete=false", "config/helm/setups/argocd.yaml"},
		"Flux":    {fluxChart(t), "helm.sh/resource-policy", "keep", "config/helm/setups/flux.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			objects := tt.release.render(t)
			checkContainers(t, objects)
			checkKept(t, objects, tt.annotation, tt.value)
			if files := tt.release.valuesFiles; len(files) == 0 || files[len(files)-1] != tt.file {
				t.Errorf("the values files are %v, want %s as the last", files, tt.file)
			}
		})
	}
}
