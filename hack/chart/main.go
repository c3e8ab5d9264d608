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
	// dashboards is the folder of the chart with the copies of the dashboards.
	dashboards = "config/helm/fastpix-operator/dashboards"
	// namespace is the namespace in the manifests of config/.
	namespace = "fastpix-system"
	// standard are the labels of every object of the chart. They include those of config/labels.
	standard = "    {{- include \"fastpix.labels\" . | nindent 4 }}\n"
	// keep makes Helm keep an object when the chart is uninstalled.
	keep = "    helm.sh/resource-policy: keep\n    {{- with .Values.crds.annotations }}\n    {{- toYaml . | nindent 4 }}\n    {{- end }}\n"
)

// sources are the files and folders of config/ from which the templates are generated.
var sources = []string{
	"crd/bases",
	"rbac",
	"admission",
	"manager/metrics_service.yaml",
	"receiver/metrics_service.yaml",
	"receiver/pod_disruption_budget.yaml",
	"syncer/metrics_service.yaml",
}

// since names the manifests that the chart leaves out before a version of Kubernetes, which is the first that serves their kinds.
var since = map[string]string{"config/admission/managed_fields.yaml": "1.36.0"}

// syncer matches the manifests that the chart leaves out if the syncer is turned off.
var syncer = regexp.MustCompile(`^config/(rbac/)?syncer/`)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: chart FOLDER")
		os.Exit(2)
	}
	folder := os.Args[1]
	if err := errors.Join(write(filepath.Join(folder, generated)), writeRules(folder), copyDashboards(filepath.Join(folder, dashboards))); err != nil {
		fmt.Fprintln(os.Stderr, "chart:", err)
		os.Exit(1)
	}
}

// write removes a folder and writes the templates into it.
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

// copyDashboards replaces a folder by copies of the dashboards in config/grafana. A template cannot contain them, because Helm would read their
// legends as template actions.
func copyDashboards(to string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	files, err := filepath.Glob("config/grafana/*.json")
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, filepath.Base(file)), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

var (
	// These match the first line of metadata, labels and annotations of an object.
	metadata    = regexp.MustCompile(`(?m)^metadata:\n`)
	labels      = regexp.MustCompile(`(?m)^  labels:\n(    app\.kubernetes\.io/name: fastpix-operator\n)?`)
	annotations = regexp.MustCompile(`(?m)^  annotations:\n`)
	// value matches the namespace where it is a whole YAML value. There the template quotes it, because a namespace may be called 123.
	value = regexp.MustCompile(`(?m): ` + namespace + `$`)
	// kind matches the kind of an object.
	kind = regexp.MustCompile(`(?m)^kind: (\w+)$`)
	// name matches the names of objects of the operator that are not nested deeper: of the object itself and in its roleRef.
	name = regexp.MustCompile(`(?m)^  name: fastpix-`)
	// subject matches a ServiceAccount to which rights are given, account the name of a ServiceAccount, and user the name of one in a policy,
	// after the colon or slash that follows its namespace.
	subject = regexp.MustCompile(`(?m)^(- kind: ServiceAccount\n  name: )(fastpix-[a-z-]+)$`)
	account = regexp.MustCompile(`(?m)^  name: (fastpix-[a-z-]+)$`)
	user    = regexp.MustCompile(`"([:/])(fastpix-(?:receiver|controller-manager|syncer))\b`)
)

// renamed are the kinds whose names follow the value fullnameOverride. Objects that exist once in a cluster keep their names, so that Helm
// refuses a second release, and so do their names in roleRef.
var renamed = map[string]bool{"Service": true, "PodDisruptionBudget": true, "Role": true, "RoleBinding": true}

// parts are the parts of the operator, as values name them, by their ServiceAccounts in config/.
var parts = map[string]string{"fastpix-receiver": "receiver", "fastpix-controller-manager": "controllers", "fastpix-syncer": "syncer"}

// template returns the chart's template for a file of manifests.
func template(path, text string) (string, error) {
	if strings.Contains(text, "{{") {
		return "", errors.New("it contains {{, which Helm would read as a template action")
	}
	var objects []string
	for object := range strings.SplitSeq(text, "---\n") {
		if object != "" {
			objects = append(objects, withLabels(withNames(object)))
		}
	}
	body := strings.Join(objects, "---\n")
	body = value.ReplaceAllString(body, `: {{ .Release.Namespace | quote }}`)
	body = strings.ReplaceAll(body, namespace, "{{ .Release.Namespace }}")
	head := "{{- /* Made from " + filepath.ToSlash(path) + " by make manifests: edit that. */ -}}\n"
	if strings.HasPrefix(path, "config/crd/") {
		return head + "{{- if .Values.crds.enabled }}\n" + annotations.ReplaceAllString(body, "${0}"+keep) + "{{- end }}\n", nil
	}
	if version := since[filepath.ToSlash(path)]; version != "" {
		return head + `{{- if semverCompare ">=` + version + `-0" .Capabilities.KubeVersion.Version }}` + "\n" + body + "{{- end }}\n", nil
	}
	if syncer.MatchString(filepath.ToSlash(path)) {
		return head + "{{- if .Values.syncer.enabled }}\n" + body + "{{- end }}\n", nil
	}
	return head + body, nil
}

// withLabels returns an object with the labels of the chart, and with the values of the chart in its selectors.
func withLabels(object string) string {
	if labels.MatchString(object) {
		object = labels.ReplaceAllString(object, "  labels:\n"+standard)
	} else {
		object = metadata.ReplaceAllString(object, "${0}  labels:\n"+standard)
	}
	return strings.ReplaceAll(object, "app.kubernetes.io/name: fastpix-operator\n", `app.kubernetes.io/name: {{ include "fastpix.name" . | quote }}`+"\n")
}

// withNames returns an object with the names that the values of the chart choose: of ServiceAccounts, and of what follows fullnameOverride.
func withNames(object string) string {
	object = user.ReplaceAllStringFunc(object, func(text string) string {
		match := user.FindStringSubmatch(text)
		return `"` + match[1] + accountOf(match[2])
	})
	object = subject.ReplaceAllStringFunc(object, func(text string) string {
		match := subject.FindStringSubmatch(text)
		return match[1] + quoted(accountOf(match[2]))
	})
	switch of := kind.FindStringSubmatch(object)[1]; {
	case of == "ServiceAccount":
		part := parts[account.FindStringSubmatch(object)[1]]
		object = account.ReplaceAllStringFunc(object, func(text string) string {
			return "  name: " + quoted(accountOf(account.FindStringSubmatch(text)[1])) + "\n  {{- with .Values." + part +
				".serviceAccount.annotations }}\n  annotations:\n    {{- toYaml . | nindent 4 }}\n  {{- end }}"
		})
		object = "{{- if .Values." + part + ".serviceAccount.create }}\n" + object + "{{- end }}\n"
	case renamed[of]:
		object = name.ReplaceAllString(object, `  name: {{ include "fastpix.fullname" . }}-`)
	}
	return object
}

// accountOf returns the template of the name of a ServiceAccount.
func accountOf(name string) string {
	return `{{ include "fastpix.account.` + parts[name] + `" . }}`
}

// quoted returns a template whose result is quoted.
func quoted(template string) string {
	return strings.TrimSuffix(template, " }}") + " | quote }}"
}
