package main

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/diff"
)

var update = flag.Bool("update", false, "Write the golden files.")

const (
	setups = "config/helm/setups"
	golden = "hack/chart/testdata/setups"
)

// setupNames returns the names of the set-ups: values files without their extension.
func setupNames(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(inRoot(t, setups+"/*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, 0, len(files))
	for _, file := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(file), ".yaml"))
	}
	if len(names) < 12 {
		t.Fatalf("the set-ups are %v, want twelve or more", names)
	}
	return names
}

// summary returns the objects of a set-up as text: the names of those that it shares with a release that sets only the image, and the whole text of
// the others. CRDs are without their spec, and dashboards without their data, because no value changes them.
func summary(t *testing.T, set, common objects) string {
	t.Helper()
	var shared []string
	var others strings.Builder
	for _, key := range slices.Sorted(maps.Keys(set)) {
		if common[key] != nil && text(t, set[key]) == text(t, common[key]) {
			shared = append(shared, "# - "+key+"\n")
			continue
		}
		if set[key].GetKind() == "CustomResourceDefinition" {
			unstructured.RemoveNestedField(set[key].Object, "spec")
		}
		if strings.Contains(key, "-dashboard-") {
			unstructured.RemoveNestedField(set[key].Object, "data")
		}
		others.WriteString("---\n" + text(t, set[key]))
	}
	missing := slices.DeleteFunc(slices.Sorted(maps.Keys(common)), func(key string) bool { return set[key] != nil })
	return "# Objects as without values:\n" + strings.Join(shared, "") + "# Objects that are missing: " + strings.Join(missing, ", ") + "\n" + others.String()
}

// TestSetupsRenderTheirGoldenFiles checks what each set-up installs. After a change of the chart, run the test with -update and read the difference.
func TestSetupsRenderTheirGoldenFiles(t *testing.T) {
	t.Parallel()
	render := func(args ...string) objects {
		return parsed(t, mustHelm(t, "", append([]string{"template", "fastpix", inRoot(t, chart), "--namespace", namespace}, args...)...))
	}
	common := render("--set=image.repository=registry.example/fastpix-operator,image.tag=v1")
	for _, name := range setupNames(t) {
		got, file := summary(t, render("--values="+inRoot(t, setups+"/"+name+".yaml")), common), inRoot(t, golden+"/"+name+".yaml")
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(file); err != nil || got != string(want) {
			t.Errorf("%s: %v, the objects differ from the golden file:\n%s", name, err, diff.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")))
		}
	}
}

// TestSetupsAreInstalled runs the command of each set-up against a real API server, which has the CRDs of the other projects. The API server must
// accept every object with strict validation and without a warning, also of the restricted Pod Security Standard. It removes the release afterwards.
func TestSetupsAreInstalled(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.installPublishedCRDs()
	c.kubectl("create", "namespace", namespace)
	c.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/warn=restricted", "pod-security.kubernetes.io/enforce=restricted")
	c.kubectl("create", "serviceaccount", "default", "--namespace="+namespace)
	inHeader := regexp.MustCompile(`(?m)^#   (\S.*)$`)
	for _, name := range setupNames(t) {
		file := setups + "/" + name + ".yaml"
		command := inHeader.FindStringSubmatch(read(t, file))
		if command == nil {
			t.Errorf("%s does not say how to install it", file)
			continue
		}
		install := command[1]
		if !strings.HasPrefix(install, "helm ") { // Argo CD and Flux run helm themselves
			install = "helm install fastpix " + chart + " --namespace " + namespace + " --values " + file
		} else if !strings.HasSuffix(install, " --values "+file) {
			t.Errorf("the command of %s is %s", file, install)
		}
		c.checkAccepted("--namespace="+namespace, "--values="+inRoot(t, file))
		c.run(install)
		status := c.helm("status", "fastpix", "--namespace="+namespace)
		if !strings.Contains(status, "STATUS: deployed") {
			t.Errorf("%s: after %s the status is\n%s", name, install, status)
		}
		manifest := filepath.Join(t.TempDir(), "manifest.yaml")
		if err := os.WriteFile(manifest, []byte(c.helm("get", "manifest", "fastpix", "--namespace="+namespace)), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s\n$ %s\nSTATUS: deployed, %d objects", name, install, len(strings.Fields(c.kubectl("get", "--filename="+manifest, "--output=name"))))
		c.helm("uninstall", "fastpix", "--namespace="+namespace)
	}
}
