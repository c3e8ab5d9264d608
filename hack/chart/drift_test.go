package main

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/fastpix-operator/fastpix-operator/hack/controlplane"
)

// kustomized returns the objects of config/default, in the operator's own or in another namespace, without the namespace itself.
func kustomized(t *testing.T, in string) objects {
	t.Helper()
	assets, err := controlplane.Assets()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), filepath.Join(assets, "kubectl"), "kustomize", inRoot(t, "config/default")).Output()
	if err != nil {
		t.Fatal(err)
	}
	// Quoted where it is a value of its own, as 4711 would be a number.
	renamed := strings.NewReplacer("namespace: "+namespace, fmt.Sprintf("namespace: %q", in), namespace, in)
	all := parsed(t, renamed.Replace(string(out)))
	maps.DeleteFunc(all, func(_ string, o *unstructured.Unstructured) bool { return o.GetKind() == "Namespace" })
	return all
}

// forgetKeep removes from the CRDs what only Helm needs, and checks that exactly they have it.
func forgetKeep(t *testing.T, all objects) {
	t.Helper()
	for key, object := range all {
		annotations := object.GetAnnotations()
		kept := annotations["helm.sh/resource-policy"] == "keep"
		if isCRD := object.GetKind() == "CustomResourceDefinition"; kept != isCRD {
			t.Errorf("%s: stays when the chart goes: %t, want %t", key, kept, isCRD)
		}
		delete(annotations, "helm.sh/resource-policy")
		if kept {
			object.SetAnnotations(annotations)
		}
	}
}

// TestChartIsWhatKustomizeMakes protects those who use either from drift between the two: with no values set they install the same.
func TestChartIsWhatKustomizeMakes(t *testing.T) {
	for _, in := range []string{namespace, "media-4", "4711"} {
		t.Run(in, func(t *testing.T) {
			got := rendered(t, in)
			forgetKeep(t, got)
			checkSame(t, got, kustomized(t, in))
		})
	}
}

// TestServiceMonitorIsThatOfTheComponent protects the one object that config/default leaves out.
func TestServiceMonitorIsThatOfTheComponent(t *testing.T) {
	source, err := os.ReadFile(inRoot(t, "config/prometheus/service_monitor.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	want := kustomized(t, namespace)
	for key, object := range parsed(t, string(source)) {
		labels := object.GetLabels()
		labels["app.kubernetes.io/part-of"] = "fastpix-operator"
		object.SetLabels(labels)
		want[key] = object
	}
	got := rendered(t, namespace, "--set=serviceMonitor.enabled=true")
	forgetKeep(t, got)
	checkSame(t, got, want)
}

// TestBracesAreRefused protects from manifests that a template would not show as they are.
func TestBracesAreRefused(t *testing.T) {
	if got, err := template("config/rbac/x.yaml", "metadata:\n  name: '{{ x }}'\n"); err == nil {
		t.Errorf("the template is\n%s", got)
	}
}
