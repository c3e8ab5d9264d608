package gitops

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	yamlutil "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
)

// fluxKustomization is what the tests read of Flux's Kustomization; its CRD checks the rest.
type fluxKustomization struct {
	Kind     string
	Metadata struct{ Name string }
	Spec     struct {
		SourceRef    fluxSource
		Path         string
		DependsOn    []struct{ Name string }
		HealthChecks []struct{ APIVersion, Kind, Namespace, Name string }
		overlay
	}
}

type fluxSource struct{ Kind, Name string }

// application is what the tests read of Argo CD's Application; its CRD checks the rest.
type application struct {
	Spec struct {
		Source struct {
			Path      string
			Kustomize struct {
				Images  []string
				Patches []any
			}
		}
	}
}

// documents returns every document of an example as JSON.
func documents(t *testing.T, file string) [][]byte {
	t.Helper()
	var all [][]byte
	reader := yamlutil.NewYAMLToJSONDecoder(bytes.NewReader(example(t, file)))
	for {
		var document map[string]any
		if err := reader.Decode(&document); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		text, err := yaml.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text)
	}
}

// overlay is what Flux and Argo CD add to a folder before they build it.
type overlay struct {
	Images, Patches []any
}

// ownRepository returns a folder that holds config/gitops and nothing else, as the repository of somebody who took it over.
func ownRepository(t *testing.T) string {
	t.Helper()
	folder, err := filepath.EvalSymlinks(t.TempDir())
	if err == nil {
		err = os.CopyFS(filepath.Join(folder, "config/gitops"), os.DirFS(inRoot(t, "config/gitops")))
	}
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

// built returns what kustomize makes of a folder, by kind and name.
func built(t *testing.T, folder string, o overlay) map[string]*unstructured.Unstructured {
	t.Helper()
	// Kustomize knows bases by relative paths only.
	above, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	base, err := filepath.Rel(above, folder)
	if err != nil {
		t.Fatal(err)
	}
	kustomization, err := yaml.Marshal(map[string]any{"resources": []string{base}, "images": o.Images, "patches": o.Patches})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(above, "kustomization.yaml"), kustomization, 0o600); err != nil {
		t.Fatal(err)
	}
	assets, err := controlplane.Assets()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), filepath.Join(assets, "kubectl"), "kustomize", above).CombinedOutput()
	if err != nil {
		t.Fatalf("kustomize %s: %v\n%s", folder, err, out)
	}
	return decodeAll(t, out)
}

// decodeAll returns the objects of a stream of YAML documents by kind and name.
func decodeAll(t *testing.T, stream []byte) map[string]*unstructured.Unstructured {
	t.Helper()
	all := map[string]*unstructured.Unstructured{}
	reader := yamlutil.NewYAMLOrJSONDecoder(bytes.NewReader(stream), 4096)
	for {
		object := &unstructured.Unstructured{}
		if err := reader.Decode(&object.Object); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		if object.Object != nil {
			all[object.GetKind()+" "+object.GetName()] = object
		}
	}
}

// checkKept checks that the CRDs and namespaces of a folder, and nothing else, have the annotation that keeps them.
func checkKept(t *testing.T, objects map[string]*unstructured.Unstructured, annotation, value string) {
	t.Helper()
	for name, object := range objects {
		kind := object.GetKind()
		want := kind == "CustomResourceDefinition" || kind == "Namespace"
		if kept := object.GetAnnotations()[annotation] == value; kept != want {
			t.Errorf("%s is kept: %t, want %t", name, kept, want)
		}
	}
}

// checkContainers checks that the image of the manifests, which nobody can pull, is replaced, and that the receiver knows its URL.
func checkContainers(t *testing.T, objects map[string]*unstructured.Unstructured) {
	t.Helper()
	for name, object := range objects {
		if object.GetKind() != "Deployment" {
			continue
		}
		var deployment appsv1.Deployment
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &deployment); err != nil {
			t.Fatal(err)
		}
		container := deployment.Spec.Template.Spec.Containers[0]
		if container.Image != "registry.example/fastpix-operator:v1" {
			t.Errorf("%s runs %s", name, container.Image)
		}
		if told := slices.Contains(container.Args, "--external-url=https://hooks.example.com"); told != (object.GetName() == "fastpix-receiver") {
			t.Errorf("%s has the arguments %v", name, container.Args)
		}
	}
}

// TestFluxStepsFollowEachOther protects the Flux example from sources, paths, objects and steps that are not there, and from pruning what
// holds data. The operator is taken from this repository, the steps after it from a user's own.
func TestFluxStepsFollowEachOther(t *testing.T) {
	repositories := map[string]string{"fastpix-operator": inRoot(t, "."), "video": ownRepository(t)}
	sources := map[string]bool{}
	var before []string
	for _, document := range append(documents(t, "flux/operator.yaml"), documents(t, "flux/video.yaml")...) {
		var k fluxKustomization
		if err := yaml.Unmarshal(document, &k); err != nil {
			t.Fatal(err)
		}
		if k.Kind == "GitRepository" {
			sources[k.Metadata.Name] = true
			continue
		}
		want := "video"
		if k.Metadata.Name == "fastpix-operator" {
			want = "fastpix-operator"
		}
		if !sources[want] || k.Spec.SourceRef != (fluxSource{"GitRepository", want}) {
			t.Errorf("%s is taken from %v, want %s among %v", k.Metadata.Name, k.Spec.SourceRef, want, sources)
		}
		objects := built(t, filepath.Join(repositories[want], k.Spec.Path), k.Spec.overlay)
		checkContainers(t, objects)
		checkKept(t, objects, "kustomize.toolkit.fluxcd.io/prune", "disabled")
		for _, check := range k.Spec.HealthChecks {
			object := objects[check.Kind+" "+check.Name]
			if object == nil || object.GetAPIVersion() != check.APIVersion || object.GetNamespace() != check.Namespace {
				t.Errorf("%s waits for %v, which is not in %s", k.Metadata.Name, check, k.Spec.Path)
			}
		}
		var dependsOn []string
		for _, d := range k.Spec.DependsOn {
			dependsOn = append(dependsOn, d.Name)
		}
		if !slices.Equal(dependsOn, before) {
			t.Errorf("%s depends on %v, want %v", k.Metadata.Name, dependsOn, before)
		}
		before = []string{k.Metadata.Name}
	}
	if len(before) == 0 {
		t.Fatal("there is no Kustomization")
	}
}

// TestArgoWavesFollowEachOther protects the Argo CD example in the same way.
func TestArgoWavesFollowEachOther(t *testing.T) {
	read := func(file string) (a application) {
		if err := yaml.Unmarshal(example(t, file), &a); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		return a
	}
	const keep, value = "argocd.argoproj.io/sync-options", "Prune=false,Delete=false"
	operator, video := read("argocd/operator.yaml"), read("argocd/video.yaml")
	images := []any{}
	for _, image := range operator.Spec.Source.Kustomize.Images {
		name, by, _ := strings.Cut(image, "=")
		newName, newTag, _ := strings.Cut(by, ":")
		images = append(images, map[string]any{"name": name, "newName": newName, "newTag": newTag})
	}
	objects := built(t, inRoot(t, operator.Spec.Source.Path), overlay{Images: images, Patches: operator.Spec.Source.Kustomize.Patches})
	checkContainers(t, objects)
	checkKept(t, objects, keep, value)
	objects = built(t, filepath.Join(ownRepository(t), video.Spec.Source.Path), overlay{})
	checkKept(t, objects, keep, value)

	waves := map[string]string{}
	for name, object := range objects {
		wave := object.GetAnnotations()["argocd.argoproj.io/sync-wave"]
		waves[wave] = strings.TrimSpace(waves[wave] + " " + name)
	}
	for wave, kind := range map[string]string{"0": "WebhookEndpoint", "1": "MediaAsset", "2": "ConfigMap"} {
		if !strings.Contains(waves[wave], kind+" ") {
			t.Errorf("wave %s is %s, want a %s in it", wave, waves[wave], kind)
		}
	}
	if len(waves) != 3 {
		t.Errorf("the waves are %v", slices.Sorted(maps.Keys(waves)))
	}
}

// TestNoExampleHoldsASecret protects those who take the examples into a Git repository.
func TestNoExampleHoldsASecret(t *testing.T) {
	for name := range built(t, inRoot(t, "config/gitops/video"), overlay{}) {
		if strings.HasPrefix(name, "Secret ") {
			t.Errorf("the example holds %s", name)
		}
	}
}

// TestEndpointIsTheSamples protects the example's endpoint from falling behind the samples: its files are theirs, without the Secret, so
// that the folder can be taken into another repository.
func TestEndpointIsTheSamples(t *testing.T) {
	var files []string
	for _, kustomization := range []string{"config/samples", "config/gitops/video/endpoint"} {
		var k struct{ Resources []string }
		text, err := os.ReadFile(inRoot(t, filepath.Join(kustomization, "kustomization.yaml")))
		if err = errors.Join(err, yaml.Unmarshal(text, &k)); err != nil {
			t.Fatal(err)
		}
		k.Resources = slices.DeleteFunc(k.Resources, func(file string) bool { return file == "signing_secret.yaml" })
		if files != nil && !slices.Equal(k.Resources, files) {
			t.Errorf("%s holds %v, want %v", kustomization, k.Resources, files)
		}
		files = k.Resources
	}
	for _, file := range files {
		want, err := os.ReadFile(inRoot(t, filepath.Join("config/samples", file)))
		if err != nil {
			t.Fatal(err)
		}
		if got := example(t, filepath.Join("video/endpoint", file)); !bytes.Equal(got, want) {
			t.Errorf("video/endpoint/%s is not what is in config/samples", file)
		}
	}
}
