package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

const (
	// rulesFile has the rules of Prometheus. Both PrometheusRules are made from it.
	rulesFile    = "config/prometheus/rules.yaml"
	ruleFile     = "config/prometheus/prometheus_rule.yaml"
	ruleTemplate = generated + "/prometheus/prometheus_rule.yaml"
	runbooks     = "https://github.com/fastpix-operator/fastpix-operator/blob/main/docs/runbooks/"
)

// writeRules writes the PrometheusRule of kustomize and that of the chart into the folder that contains the folder config/ to write to.
func writeRules(to string) error {
	rules, err := os.ReadFile(rulesFile)
	if err != nil {
		return err
	}
	rule, err := prometheusRule(string(rules))
	if err != nil {
		return fmt.Errorf("%s: %w", rulesFile, err)
	}
	made := "Made from " + rulesFile + " by make manifests: edit that."
	for file, text := range map[string]string{ruleFile: "# " + made + "\n" + rule, ruleTemplate: "{{- /* " + made + " */ -}}\n" + templateOfRule(rule)} {
		file = filepath.Join(to, file)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

const ruleHead = `apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: fastpix-operator
  namespace: fastpix-system
  labels:
    app.kubernetes.io/name: fastpix-operator
    app.kubernetes.io/part-of: fastpix-operator
spec:
`

// prometheusRule returns the PrometheusRule with the groups of a file of rules.
func prometheusRule(rules string) (string, error) {
	_, groups, found := strings.Cut(rules, "\ngroups:\n")
	if !found {
		return "", errors.New("it has no groups")
	}
	return ruleHead + "  groups:\n" + regexp.MustCompile(`(?m)^.`).ReplaceAllString(groups, "  $0"), nil
}

var (
	// These match parts of the PrometheusRule. An alert begins with its name and ends before a line with a smaller indentation.
	alert      = regexp.MustCompile(`(?m)^    - alert: (\w+)\n(?:      .*\n)+`)
	burn       = regexp.MustCompile(`(?m)^        burn: (\w)(\w+)\n`)
	expression = regexp.MustCompile(`(?s)      expr: .*?\n      for: `)
	threshold  = regexp.MustCompile(`> ([0-9.]+)\n      for: $`)
	window     = regexp.MustCompile(`(\[|offset )([0-9]+[smhd])`)
	duration   = regexp.MustCompile(`(?m)^      for: (\w+)$`)
	severity   = regexp.MustCompile(`(?m)^        severity: (\w+)$`)
	annotation = regexp.MustCompile(`\{\{[^}]*\}\}`)
)

// templateOfRule returns the chart's template for the PrometheusRule of kustomize.
func templateOfRule(rule string) string {
	body := annotation.ReplaceAllString(rule, "{{ `$0` }}")
	body = alert.ReplaceAllStringFunc(body, templateOfAlert)
	body = strings.Replace(body, ruleHead, `apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: {{ include "fastpix.fullname" . }}-operator
  namespace: {{ .Release.Namespace | quote }}
  labels:
    {{- merge (dict) (.Values.prometheusRule.labels | default dict) (include "fastpix.labels" . | fromYaml) | toYaml | nindent 4 }}
spec:
`, 1)
	body = strings.ReplaceAll(body, `job="fastpix-receiver-metrics"`, `job="{{ include "fastpix.fullname" $ }}-receiver-metrics"`) // the name of the Service
	body = strings.ReplaceAll(body, "(1 - 0.999)", "(1 - {{ .Values.prometheusRule.objectives.acknowledged }})")
	body = strings.ReplaceAll(body, "(1 - 0.99)", "(1 - {{ .Values.prometheusRule.objectives.mirroredInTime }})")
	body = strings.ReplaceAll(body, runbooks, `{{ trimSuffix "/" $.Values.prometheusRule.runbookBaseURL }}/`)
	const syncer = "\n  - name: fastpix-syncer\n"
	body = strings.Replace(body, syncer, "{{- if .Values.syncer.enabled }}"+syncer, 1)
	return "{{- if .Values.prometheusRule.enabled }}\n{{- $alerts := .Values.prometheusRule.alerts | default dict }}\n" + body + "{{- end }}\n{{- end }}\n"
}

// templateOfAlert returns the template of one alert: values replace its threshold, its window, its duration and its labels. The name of the values is
// that of the alert, with the suffix Fast or Slow if the alert exists for two burn rates.
func templateOfAlert(text string) string {
	name := alert.FindStringSubmatch(text)[1]
	fixed := burn.FindStringSubmatch(text)
	if fixed != nil {
		name += strings.ToUpper(fixed[1]) + fixed[2]
	}
	text = expression.ReplaceAllStringFunc(text, func(expr string) string {
		expr = threshold.ReplaceAllString(expr, "> {{ dig \"threshold\" $1 $$alert }}\n      for: ")
		if fixed != nil {
			return expr
		}
		return window.ReplaceAllString(expr, `$1{{ dig "window" "$2" $$alert }}`)
	})
	text = duration.ReplaceAllString(text, `      for: {{ dig "for" "$1" $$alert }}`)
	text = severity.ReplaceAllString(text, `        severity: {{ dig "severity" "$1" $$alert | quote }}
        {{- with $$.Values.prometheusRule.alertLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}`)
	return "    {{- $alert := dig \"" + name + "\" dict $alerts }}\n    {{- if dig \"enabled\" true $alert }}\n" + text + "    {{- end }}\n"
}
