// Command chart writes the part of the Helm chart that has no values of its own: CRDs, rights, admission policies and the like, from
// the manifests of config/. What has values is written by hand beside it. The argument is the folder above config/ to write to,
// for `make manifests`.
//
// The manifests stay text, so that their comments reach the chart. That the result is what kustomize makes of them is tested here.
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

const (
	generated = "config/helm/fastpix-operator/templates/generated"
	// namespace is the one that config/ names everywhere.
	namespace = "fastpix-system"
	// standard are the labels that the chart gives every object, those of config/labels among them.
	standard = "    {{- include \"fastpix.labels\" . | nindent 4 }}\n"
	// keep makes Helm leave an object when the chart goes.
	keep = "    helm.sh/resource-policy: keep\n"
)

// sources are files and whole folders of config/.
var sources = []string{
	"crd/bases",
	"rbac",
	"admission",
	"manager/metrics_service.yaml",
	"receiver/metrics_service.yaml",
	"receiver/pod_disruption_budget.yaml",
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: chart FOLDER")
		os.Exit(2)
	}
	if err := write(filepath.Join(os.Args[1], generated)); err != nil {
		fmt.Fprintln(os.Stderr, "chart:", err)
		os.Exit(1)
	}
}

// write replaces what is in a folder by the templates.
func write(to string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	for _, source := range sources {
		err := filepath.WalkDir(filepath.Join("config", source), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || strings.HasPrefix(entry.Name(), "kustomiz") { // kustomization.yaml, kustomizeconfig.yaml
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			template, err := template(path, string(text))
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			file := filepath.Join(to, strings.TrimPrefix(path, "config/"))
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				return err
			}
			return os.WriteFile(file, []byte(template), 0o644)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

var (
	// Each matches the start of the part of an object that it is named after.
	metadata    = regexp.MustCompile(`(?m)^metadata:\n`)
	labels      = regexp.MustCompile(`(?m)^  labels:\n(    app\.kubernetes\.io/name: fastpix-operator\n)?`)
	annotations = regexp.MustCompile(`(?m)^  annotations:\n`)
	// value is where the namespace is a value of its own, and a namespace may be called 123.
	value = regexp.MustCompile(`(?m): ` + namespace + `$`)
)

// template returns the template of a file of manifests.
func template(path, text string) (string, error) {
	if strings.Contains(text, "{{") {
		return "", errors.New("a template would read {{ as its own")
	}
	var objects []string
	for object := range strings.SplitSeq(text, "---\n") {
		if object == "" {
			continue
		}
		if labels.MatchString(object) {
			object = labels.ReplaceAllString(object, "  labels:\n"+standard)
		} else {
			object = metadata.ReplaceAllString(object, "${0}  labels:\n"+standard)
		}
		objects = append(objects, object)
	}
	body := strings.Join(objects, "---\n")
	body = value.ReplaceAllString(body, `: {{ .Release.Namespace | quote }}`)
	body = strings.ReplaceAll(body, namespace, "{{ .Release.Namespace }}")
	head := "{{- /* Made from " + filepath.ToSlash(path) + " by make manifests: edit that. */ -}}\n"
	if strings.HasPrefix(path, "config/crd/") {
		return head + "{{- if .Values.crds.enabled }}\n" + annotations.ReplaceAllString(body, "${0}"+keep) + "{{- end }}\n", nil
	}
	return head + body, nil
}
