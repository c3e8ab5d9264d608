package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	yamlutil "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

const versionLabel = "app.kubernetes.io/version"

// objectsOf reads the objects of a manifest.
func objectsOf(text []byte) ([]unstructured.Unstructured, error) {
	var objects []unstructured.Unstructured
	for documents := yamlutil.NewYAMLReader(bufio.NewReader(bytes.NewReader(text))); ; {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		} else if err != nil {
			return nil, err
		}
		object := unstructured.Unstructured{}
		if err := yaml.UnmarshalStrict(document, &object.Object); err != nil {
			return nil, err
		}
		if object.Object != nil {
			objects = append(objects, object)
		}
	}
}

// checkManifest checks that each object, CRDs too, has the version of the release, and each container the digest of its image.
func (r *release) checkManifest() error {
	objects, err := r.manifest()
	if err != nil {
		return err
	}
	want, deployments := r.image+"@"+r.digest, 0
	for _, object := range objects {
		if got := object.GetLabels()[versionLabel]; got != r.version {
			return fmt.Errorf("%s %s has the version %q", object.GetKind(), object.GetName(), got)
		}
		containers, _, err := unstructured.NestedSlice(object.Object, "spec", "template", "spec", "containers")
		if err != nil {
			return err
		}
		for _, container := range containers {
			deployments++
			if got := container.(map[string]any)["image"]; got != want {
				return fmt.Errorf("%s has the image %v, want %s", object.GetName(), got, want)
			}
		}
	}
	if deployments == 0 {
		return errors.New("it has no Deployment")
	}
	return nil
}

func (r *release) manifest() ([]unstructured.Unstructured, error) {
	text, err := os.ReadFile(r.path("install.yaml"))
	if err != nil {
		return nil, err
	}
	return objectsOf(text)
}

// action matches a line that is an action of Helm's templates.
var action = regexp.MustCompile(`(?m)^\s*\{\{.*\}\}\n`)

// checkChart checks that the chart has the version and the image of the release, and the same CRDs as install.yaml.
func (r *release) checkChart() error {
	files, err := unpack(r.path("fastpix-operator-" + r.number + ".tgz"))
	if err != nil {
		return err
	}
	var chart struct {
		Version, AppVersion string
		Annotations         map[string]string
	}
	var values struct {
		Image struct{ Repository, Tag string }
	}
	if err := errors.Join(yaml.Unmarshal(files["fastpix-operator/Chart.yaml"], &chart), yaml.Unmarshal(files["fastpix-operator/values.yaml"], &values)); err != nil {
		return err
	}
	if chart.Version != r.number || chart.AppVersion != r.version {
		return fmt.Errorf("Chart.yaml has the versions %s and %s", chart.Version, chart.AppVersion)
	}
	if values.Image.Repository+":"+chart.AppVersion != r.image || values.Image.Tag != "" {
		return fmt.Errorf("values.yaml has the image %+v", values.Image)
	}
	if images := chart.Annotations["artifacthub.io/images"]; !strings.Contains(images, "image: "+r.image+"\n") {
		return fmt.Errorf("Chart.yaml has the images %q", images)
	}
	return r.compareCRDs(files)
}

func (r *release) compareCRDs(chart map[string][]byte) error {
	objects, err := r.manifest()
	if err != nil {
		return err
	}
	for _, object := range objects {
		if object.GetKind() != "CustomResourceDefinition" {
			continue
		}
		name := "fastpix-operator/templates/generated/crd/bases/video.fastpix.com_" + strings.TrimSuffix(object.GetName(), ".video.fastpix.com") + ".yaml"
		same, err := objectsOf(action.ReplaceAll(chart[name], nil))
		if err != nil || len(same) != 1 {
			return fmt.Errorf("%s: %d objects (%w)", name, len(same), err)
		}
		if !reflect.DeepEqual(same[0].Object["spec"], object.Object["spec"]) {
			return fmt.Errorf("the chart has another schema of %s", object.GetName())
		}
	}
	return nil
}
