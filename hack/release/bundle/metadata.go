package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

const packageName = "fastpix-operator"

// annotations describe the bundle to a catalogue.
var annotations = map[string]string{
	"operators.operatorframework.io.bundle.mediatype.v1":       "registry+v1",
	"operators.operatorframework.io.bundle.manifests.v1":       "manifests/",
	"operators.operatorframework.io.bundle.metadata.v1":        "metadata/",
	"operators.operatorframework.io.bundle.package.v1":         packageName,
	"operators.operatorframework.io.bundle.channels.v1":        "alpha",
	"operators.operatorframework.io.bundle.channel.default.v1": "alpha",
}

// dockerfile returns the Dockerfile of the image of the bundle. Its labels are the annotations.
func dockerfile() string {
	var b strings.Builder
	b.WriteString("FROM scratch\n")
	for _, name := range slices.Sorted(maps.Keys(annotations)) {
		fmt.Fprintf(&b, "LABEL %s=%s\n", name, annotations[name])
	}
	b.WriteString("COPY manifests /manifests/\nCOPY metadata /metadata/\n")
	return b.String()
}

// sampleFiles are the examples that a console offers.
var sampleFiles = []string{"samples/webhook_endpoint.yaml", "samples/media_asset.yaml", "gitops/video/assets/live_stream.yaml"}

// examples returns the examples as a JSON array.
func examples(folder string) (string, error) {
	var all []map[string]any
	for _, name := range sampleFiles {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			return "", err
		}
		var object map[string]any
		if err := yaml.UnmarshalStrict(text, &object); err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
		// The user chooses the namespace.
		(&unstructured.Unstructured{Object: object}).SetNamespace("")
		all = append(all, object)
	}
	text, err := json.MarshalIndent(all, "", "  ")
	return string(text), err
}
