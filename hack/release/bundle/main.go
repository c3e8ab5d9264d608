// Command bundle makes the bundle of the operator for the Operator Lifecycle Manager (OLM) from the manifest of a release, which it reads from
// standard input:
//
//	bundle -version 1.2.3 -created 1700000000 -config config -output FOLDER <install.yaml
//
// The bundle has every object of the manifest but those that OLM cannot install: the namespace, which the user chooses, and the admission
// policies. docs/olm.md says how to install these.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	yamlutil "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

func main() {
	version := flag.String("version", "", "Version of the release, without v.")
	created := flag.Int64("created", 0, "Time of the release, in seconds since 1970.")
	config := flag.String("config", "config", "Folder with the examples of each kind.")
	output := flag.String("output", "", "Folder to write the bundle to.")
	flag.Parse()
	if err := run(*version, time.Unix(*created, 0).UTC(), *config, *output, os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "bundle:", err)
		os.Exit(1)
	}
}

func run(version string, created time.Time, config, output string, manifest io.Reader) error {
	objects, err := readObjects(manifest)
	if err != nil {
		return err
	}
	files := map[string]any{"metadata/annotations.yaml": map[string]any{"annotations": annotations}}
	operator, err := serviceVersion(version, created, objects)
	if err != nil {
		return err
	}
	if operator.Annotations["alm-examples"], err = examples(config); err != nil {
		return err
	}
	files["manifests/"+packageName+".clusterserviceversion.yaml"] = operator
	for _, object := range objects {
		if alone(object) {
			object.SetNamespace("")
			files["manifests/"+object.GetName()+"."+strings.ToLower(object.GetKind())+".yaml"] = object.Object
		}
	}
	for name, content := range files {
		if err := writeYAML(filepath.Join(output, name), content); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(output, "bundle.Dockerfile"), []byte(dockerfile()), 0o644)
}

// readObjects reads the objects of a manifest.
func readObjects(manifest io.Reader) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	for documents := yamlutil.NewYAMLReader(bufio.NewReader(manifest)); ; {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		} else if err != nil {
			return nil, err
		}
		object := &unstructured.Unstructured{}
		if err := yaml.UnmarshalStrict(document, &object.Object); err != nil {
			return nil, err
		}
		if object.Object != nil {
			objects = append(objects, object)
		}
	}
}

// writeYAML writes a file, and the folders above it.
func writeYAML(file string, content any) error {
	text, err := yaml.Marshal(content)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o644)
}
