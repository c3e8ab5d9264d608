package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/process"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

const (
	monitoring = "monitoring"
	scraper    = "prometheus"
	// interval is how often Prometheus scrapes and evaluates the rules.
	interval = time.Second
	// pollInterval is how often the test asks for the alerts. It is shorter than `for`, so that a pending alert is seen.
	pollInterval = 200 * time.Millisecond
	// alertTimeout is how long it may take until an alert fires or ends.
	alertTimeout = 3 * time.Minute
)

// prometheus is a Prometheus that scrapes the operator.
type prometheus struct {
	*process.Process
	url string
}

// preparePrometheus prepares a Prometheus with the token of a ServiceAccount and the rules of the chart.
func (e *env) preparePrometheus(ctx context.Context) error {
	token, err := e.scraperToken(ctx)
	if err != nil {
		return err
	}
	root, err := controlplane.ModuleRoot()
	if err != nil {
		return err
	}
	dir := filepath.Join(e.plane.Dir, "prometheus")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	rules, err := e.rules(ctx, root)
	if err != nil {
		return err
	}
	config, err := yaml.Marshal(e.config(dir))
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{"token": []byte(token), "rules.yaml": rules, "prometheus.yaml": config} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return err
		}
	}
	address, err := process.FreeAddress()
	if err != nil {
		return err
	}
	p := &prometheus{url: "http://" + address}
	p.Process = &process.Process{
		Name: "prometheus", Path: filepath.Join(root, "bin/prometheus/prometheus"), Log: filepath.Join(e.plane.LogDir(), "prometheus.log"),
		Args:  []string{"--config.file=" + filepath.Join(dir, "prometheus.yaml"), "--storage.tsdb.path=" + filepath.Join(dir, "data"), "--web.listen-address=" + address},
		Ready: p.ready,
	}
	e.prometheus = p
	return nil
}

// scraperToken makes the ServiceAccount of Prometheus with the right to read metrics, and returns a token of it.
func (e *env) scraperToken(ctx context.Context) (string, error) {
	for _, o := range []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: monitoring}},
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: monitoring, Name: scraper}},
		&rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "prometheus-fastpix"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "fastpix-metrics-reader"},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: monitoring, Name: scraper}},
		},
	} {
		if err := e.admin.Create(ctx, o); err != nil {
			return "", err
		}
	}
	identity, err := e.plane.ServiceAccount(ctx, monitoring, scraper)
	if err != nil {
		return "", err
	}
	return identity.Config.BearerToken, nil
}

// config returns the configuration of Prometheus: what the Prometheus Operator makes of the ServiceMonitor, with fixed targets.
func (e *env) config(dir string) map[string]any {
	var jobs []any
	for job, o := range map[string]*controlplane.Operator{
		"fastpix-receiver-metrics": e.receiver, "fastpix-controller-manager-metrics": e.controllers, "fastpix-syncer-metrics": e.syncer,
	} {
		jobs = append(jobs, map[string]any{
			"job_name": job, "scheme": "https", "tls_config": map[string]any{"insecure_skip_verify": true},
			"authorization": map[string]any{"credentials_file": filepath.Join(dir, "token")},
			"static_configs": []any{map[string]any{
				"targets": []string{strings.TrimPrefix(o.MetricsURL, "https://")},
				"labels":  map[string]string{"namespace": tenant.OperatorNamespace, "pod": o.Name, "service": job},
			}},
		})
	}
	return map[string]any{
		"global":         map[string]any{"scrape_interval": interval.String(), "scrape_timeout": interval.String(), "evaluation_interval": interval.String()},
		"rule_files":     []string{filepath.Join(dir, "rules.yaml")},
		"scrape_configs": jobs,
	}
}

// rules returns the groups of the chart's PrometheusRule, as Prometheus reads them, and notes the names of the alerts.
func (e *env) rules(ctx context.Context, root string) ([]byte, error) {
	values, err := yaml.Marshal(values())
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(root, "bin/helm/helm"), "template", "fastpix", filepath.Join(root, "config/helm/fastpix-operator"),
		"--namespace="+tenant.OperatorNamespace, "--show-only=templates/generated/prometheus/prometheus_rule.yaml", "--values=-")
	cmd.Stdin = strings.NewReader(string(values))
	out, err := cmd.Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			err = fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		return nil, fmt.Errorf("render the chart: %w", err)
	}
	var rule struct {
		Spec ruleGroups `json:"spec"`
	}
	if err := yaml.Unmarshal(out, &rule); err != nil {
		return nil, err
	}
	e.alerts = rule.Spec.alerts()
	return yaml.Marshal(rule.Spec)
}

// ruleGroups are groups of rules in the format of Prometheus.
type ruleGroups struct {
	Groups []struct {
		Name  string `json:"name"`
		Rules []struct {
			Record      string            `json:"record,omitempty"`
			Alert       string            `json:"alert,omitempty"`
			Expr        string            `json:"expr"`
			For         string            `json:"for,omitempty"`
			Labels      map[string]string `json:"labels,omitempty"`
			Annotations map[string]string `json:"annotations,omitempty"`
		} `json:"rules"`
	} `json:"groups"`
}

// alerts returns the names of the alerts in the chart's values, sorted.
func (g ruleGroups) alerts() []string {
	var names []string
	for _, group := range g.Groups {
		for _, r := range group.Rules {
			if r.Alert != "" {
				names = append(names, nameOf(r.Alert, r.Labels["burn"]))
			}
		}
	}
	slices.Sort(names)
	return names
}

// nameOf returns the name of an alert in the chart's values.
func nameOf(alert, burn string) string {
	if burn == "" {
		return alert
	}
	return alert + strings.ToUpper(burn[:1]) + burn[1:]
}

func (p *prometheus) ready(ctx context.Context) error {
	return p.get(ctx, "/api/v1/status/buildinfo", &struct{}{})
}

// states returns the state of each active alert, pending or firing, by its name in the chart's values.
func (p *prometheus) states(ctx context.Context) (map[string]string, error) {
	var answer struct {
		Data struct {
			Alerts []struct {
				Labels map[string]string `json:"labels"`
				State  string            `json:"state"`
			} `json:"alerts"`
		} `json:"data"`
	}
	if err := p.get(ctx, "/api/v1/alerts", &answer); err != nil {
		return nil, err
	}
	states := map[string]string{}
	for _, a := range answer.Data.Alerts {
		name := nameOf(a.Labels["alertname"], a.Labels["burn"])
		if states[name] != stateFiring {
			states[name] = a.State
		}
	}
	return states, nil
}

const (
	statePending = "pending"
	stateFiring  = "firing"
)

func (p *prometheus) get(ctx context.Context, path string, answer any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+path, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("prometheus answers %s to %s", resp.Status, path)
	}
	return json.NewDecoder(resp.Body).Decode(answer)
}

// waitStates asks for the alerts until done returns true.
func (p *prometheus) waitStates(ctx context.Context, done func(states map[string]string) bool) error {
	var last map[string]string
	err := wait.PollUntilContextTimeout(ctx, pollInterval, alertTimeout, true, func(ctx context.Context) (bool, error) {
		states, err := p.states(ctx)
		if err != nil {
			return false, nil //nolint:nilerr // Prometheus is busy; the next answer counts
		}
		last = states
		return done(states), nil
	})
	if err != nil {
		return fmt.Errorf("%w; active alerts are %v", err, last)
	}
	return nil
}

// waitQuiet waits until none of the alerts is active; without names, until none at all is.
func (p *prometheus) waitQuiet(ctx context.Context, names ...string) error {
	return p.waitStates(ctx, func(states map[string]string) bool {
		for name := range states {
			if len(names) == 0 || slices.Contains(names, name) {
				return false
			}
		}
		return true
	})
}
