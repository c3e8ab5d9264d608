package install

import (
	"os"
	"reflect"
	"slices"
	"testing"

	"sigs.k8s.io/yaml"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

// TestKindsAreCompared protects users with CRDs of another version: what only one side has is named, at whatever depth.
func TestKindsAreCompared(t *testing.T) {
	t.Parallel()
	schema := schemaOf(t, "webhookendpoints")
	kind := Kind{Served: true}
	kind.compare("", reflect.TypeFor[fastpixv1.WebhookEndpoint](), schema)
	if !kind.Fits() {
		t.Fatalf("the CRD of this version %s", kind)
	}
	spec := properties(t, schema, "spec")
	sync := properties(t, map[string]any{"properties": spec}, "sync")
	delete(sync, "interval")
	spec["later"] = map[string]any{"type": "string"}
	kind.compare("", reflect.TypeFor[fastpixv1.WebhookEndpoint](), schema)
	if !slices.Equal(kind.Lacks, []string{"spec.sync.interval"}) || !slices.Equal(kind.Adds, []string{"spec.later"}) {
		t.Errorf("the changed CRD lacks %v and adds %v", kind.Lacks, kind.Adds)
	}
}

// TestVersionOfAnImage protects what status and version show of an image.
func TestVersionOfAnImage(t *testing.T) {
	t.Parallel()
	for image, want := range map[string]string{
		"fastpix-operator:dev": "dev", "registry.example:5000/a/fastpix-operator:v1.2.3": "v1.2.3", "registry.example:5000/a/fastpix-operator": "latest",
		"registry.example/fastpix-operator@sha256:abc":                      "sha256:abc",
		"registry.example/fastpix-operator:v1@sha256:abc":                   "v1@sha256:abc", // as in install.yaml of a release
		"registry.example:5000/fastpix-operator:v1@sha256:0123456789abcdef": "v1@sha256:0123456789ab",
	} {
		if got := (Part{Image: image}).Version(); got != want {
			t.Errorf("the version of %s is %q, want %q", image, got, want)
		}
	}
}

func schemaOf(t *testing.T, resource string) map[string]any {
	t.Helper()
	text, err := os.ReadFile("../../../config/crd/bases/video.fastpix.com_" + resource + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	var crd struct {
		Spec struct {
			Versions []struct {
				Schema struct{ OpenAPIV3Schema map[string]any }
			}
		}
	}
	if err := yaml.Unmarshal(text, &crd); err != nil {
		t.Fatal(err)
	}
	return crd.Spec.Versions[0].Schema.OpenAPIV3Schema
}

func properties(t *testing.T, schema map[string]any, field string) map[string]any {
	t.Helper()
	of, _ := schema["properties"].(map[string]any)
	one, _ := of[field].(map[string]any)
	found, ok := one["properties"].(map[string]any)
	if !ok {
		t.Fatalf("the schema has no fields below %s", field)
	}
	return found
}
