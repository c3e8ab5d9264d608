// These tests check the Helm chart. It installs the same objects as kustomize, every value has its effect, invalid values are refused, and
// installing, upgrading and uninstalling lose no data.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/diff"
	yamlutil "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
)

const (
	chart = "config/helm/fastpix-operator"
	// withImage sets the only required value, to the image of config/.
	withImage = "--set=image.repository=fastpix-operator"
)

// inRoot returns the path of a file of the module.
func inRoot(t *testing.T, file string) string {
	t.Helper()
	root, err := controlplane.ModuleRoot()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(root, file)
}

// read returns the text of a file of the module.
func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(inRoot(t, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// helm runs helm without the user's configuration, against the cluster of a kubeconfig. Without a kubeconfig it uses no cluster.
func helm(t *testing.T, kubeconfig string, args ...string) (string, error) {
	t.Helper()
	binary := inRoot(t, "bin/helm/helm")
	if _, err := os.Stat(binary); err != nil {
		t.Fatalf("%v. Run make helm to build it", err)
	}
	cmd := exec.CommandContext(t.Context(), binary, args...)
	home := t.TempDir()
	cmd.Env = []string{
		"HOME=" + home, "HELM_CACHE_HOME=" + home, "HELM_CONFIG_HOME=" + home, "HELM_DATA_HOME=" + home,
		"KUBECONFIG=" + kubeconfig,
	}
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("helm %s: %w: %s%s", strings.Join(args, " "), err, out.String(), stderr.String())
	}
	return out.String(), nil
}

// mustHelm runs helm and returns its output. An error ends the test.
func mustHelm(t *testing.T, kubeconfig string, args ...string) string {
	t.Helper()
	out, err := helm(t, kubeconfig, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// objects are Kubernetes objects by kind and name.
type objects map[string]*unstructured.Unstructured

// rendered returns the objects of the chart for a release in a namespace.
func rendered(t *testing.T, namespace string, args ...string) objects {
	t.Helper()
	return parsed(t, mustHelm(t, "", append([]string{"template", "release", inRoot(t, chart), "--namespace", namespace, withImage, "--skip-tests"}, args...)...))
}

func parsed(t *testing.T, text string) objects {
	t.Helper()
	all := objects{}
	documents := yamlutil.NewYAMLReader(bufio.NewReader(strings.NewReader(text)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		object := &unstructured.Unstructured{}
		if err := yaml.UnmarshalStrict(document, &object.Object); err != nil { // strict: a duplicate key is an error
			t.Fatalf("%v in\n%s", err, document)
		}
		if object.Object == nil {
			continue
		}
		key := object.GetKind() + " " + object.GetName()
		if all[key] != nil {
			t.Fatalf("%s is defined twice", key)
		}
		all[key] = object
	}
}

// checkSame compares the objects of the chart with those of kustomize.
func checkSame(t *testing.T, got, want objects) {
	t.Helper()
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if got[key] == nil {
			t.Errorf("the chart has no %s", key)
		} else if g, w := text(t, got[key]), text(t, want[key]); g != w {
			t.Errorf("%s differs from kustomize's:\n%s", key, diff.Diff(strings.Split(w, "\n"), strings.Split(g, "\n")))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if want[key] == nil {
			t.Errorf("kustomize has no %s", key)
		}
	}
}

func text(t *testing.T, object *unstructured.Unstructured) string {
	t.Helper()
	b, err := yaml.Marshal(object.Object)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
