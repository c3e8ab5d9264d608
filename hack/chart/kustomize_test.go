package main

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
)

// kustomized returns the objects that kustomize builds from folders and components of config/, moved to a namespace. It leaves out the
// Namespace.
func kustomized(t *testing.T, in string, resources, components []string) objects {
	t.Helper()
	assets, err := controlplane.Assets()
	if err != nil {
		t.Fatal(err)
	}
	overlay := t.TempDir()
	kustomization, err := yaml.Marshal(map[string]any{
		"resources": relative(t, overlay, resources), "components": relative(t, overlay, components),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(overlay, "kustomization.yaml"), kustomization, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), filepath.Join(assets, "kubectl"), "kustomize", overlay).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// Quote the namespace where it is a whole value: without quotes 4711 would be a number.
	renamed := strings.NewReplacer(": "+namespace+"\n", fmt.Sprintf(": %q\n", in), namespace, in)
	all := parsed(t, renamed.Replace(string(out)))
	maps.DeleteFunc(all, func(_ string, o *unstructured.Unstructured) bool { return o.GetKind() == "Namespace" })
	return all
}

// relative returns the paths of folders of config/ relative to the folder from, as a kustomization in that folder names them.
func relative(t *testing.T, from string, folders []string) []string {
	t.Helper()
	var all []string
	for _, folder := range folders {
		path, err := filepath.Rel(from, inRoot(t, filepath.Join("config", folder)))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, path)
	}
	return all
}

// removeKeepAnnotation removes Helm's keep annotation from the CRDs, and checks that all CRDs and no other objects have it.
func removeKeepAnnotation(t *testing.T, all objects) {
	t.Helper()
	for key, object := range all {
		annotations := object.GetAnnotations()
		kept := annotations["helm.sh/resource-policy"] == "keep"
		if isCRD := object.GetKind() == "CustomResourceDefinition"; kept != isCRD {
			t.Errorf("%s: Helm keeps it on uninstall: %t, want %t", key, kept, isCRD)
		}
		delete(annotations, "helm.sh/resource-policy")
		if kept {
			object.SetAnnotations(annotations)
		}
	}
}

// removeReleaseLabels removes the labels that name the release and the chart of an object, and checks that every object has them. Pods have
// no label with the name of the chart, so that a new version of the chart alone does not restart them.
func removeReleaseLabels(t *testing.T, all objects) {
	t.Helper()
	release := map[string]string{
		"app.kubernetes.io/instance": "release", "app.kubernetes.io/version": "dev",
		"app.kubernetes.io/managed-by": "Helm", "helm.sh/chart": "fastpix-operator-0.1.0",
	}
	for key, object := range all {
		labels := object.GetLabels()
		for label, want := range release {
			if got := labels[label]; got != want {
				t.Errorf("%s has the label %s: %q, want %q", key, label, got, want)
			}
			delete(labels, label)
		}
		object.SetLabels(labels)
		pods, found, err := unstructured.NestedStringMap(object.Object, "spec", "template", "metadata", "labels")
		if err != nil {
			t.Fatal(err)
		}
		if !found {
			continue
		}
		want := map[string]string{
			"app.kubernetes.io/name": "fastpix-operator", "app.kubernetes.io/part-of": "fastpix-operator",
			"app.kubernetes.io/instance": "release", "app.kubernetes.io/version": "dev",
		}
		for label, value := range want {
			if pods[label] != value {
				t.Errorf("the pods of %s have the label %s: %q, want %q", key, label, pods[label], value)
			}
			if label != "app.kubernetes.io/name" {
				delete(pods, label)
			}
		}
		if err := unstructured.SetNestedStringMap(object.Object, pods, "spec", "template", "metadata", "labels"); err != nil {
			t.Fatal(err)
		}
	}
}

// TestChartMatchesKustomize checks that the chart and kustomize install the same objects: without values, and with a value and the folder
// or component of config/ that corresponds to it.
func TestChartMatchesKustomize(t *testing.T) {
	for name, tt := range map[string]struct {
		namespace  string // the operator's own if empty
		set        []string
		resources  []string
		components []string
	}{
		"with nothing set":             {},
		"on an older Kubernetes":       {set: []string{"--kube-version=1.35.9"}, components: []string{"components/kubernetes-1.35"}},
		"in another namespace":         {namespace: "media-4"},
		"in a namespace like a number": {namespace: "4711"},
		"with Prometheus":              {set: []string{"--set=serviceMonitor.enabled=true,prometheusRule.enabled=true"}, components: []string{"prometheus"}},
		"with dashboards":              {namespace: "media-4", set: []string{"--set=dashboards.enabled=true"}, components: []string{"grafana"}},
		"with a quota":                 {set: []string{"--set=quota.enabled=true"}, resources: []string{"quota"}},
		"with TLS up to the receiver":  {set: []string{"--set=receiver.tls.secretName=fastpix-receiver-tls"}, components: []string{"components/receiver-tls"}},
	} {
		t.Run(name, func(t *testing.T) {
			in := cmp.Or(tt.namespace, namespace)
			got := rendered(t, in, tt.set...)
			removeKeepAnnotation(t, got)
			removeReleaseLabels(t, got)
			want := kustomized(t, in, append([]string{"default"}, tt.resources...), tt.components)
			// The chart does not create certificates.
			maps.DeleteFunc(want, func(_ string, o *unstructured.Unstructured) bool {
				return o.GroupVersionKind().Group == "cert-manager.io"
			})
			checkSame(t, got, want)
		})
	}
}

// TestTemplateBracesAreRefused checks that a manifest that Helm would change is refused.
func TestTemplateBracesAreRefused(t *testing.T) {
	if got, err := template("config/rbac/x.yaml", "metadata:\n  name: '{{ x }}'\n"); err == nil {
		t.Errorf("the template is\n%s", got)
	}
}
