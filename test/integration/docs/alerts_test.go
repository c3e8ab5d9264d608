package docs

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// rule is a rule of Prometheus.
type rule struct {
	Alert       string            `json:"alert"`
	Expr        string            `json:"expr"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

// TestAlertsAgree protects who reads an alert at night: it has a severity, a text, a row in docs/operations.md and a runbook. It also protects the alerts
// themselves: their metrics exist, promtool tests them, and the chart has values for them.
func TestAlertsAgree(t *testing.T) {
	t.Parallel()
	operations, tests := readFile(t, "docs/operations.md"), readFile(t, "config/prometheus/rules_test.yaml")+readFile(t, "config/prometheus/rules_days_test.yaml")
	exist, names := registered(t), map[string]bool{}
	for _, r := range rules(t) {
		for _, metric := range regexp.MustCompile(`\bfastpix_\w+`).FindAllString(r.Expr, -1) {
			if metric = regexp.MustCompile(`_(bucket|count)$`).ReplaceAllString(metric, ""); !exist[metric] {
				t.Errorf("%s uses %s, which does not exist", r.Alert+r.Expr, metric)
			}
		}
		if r.Alert == "" {
			continue
		}
		burn := r.Labels["burn"]
		names[r.Alert+strings.ToUpper(burn[:min(1, len(burn))])+burn[min(1, len(burn)):]] = true
		if page := "runbooks/" + r.Alert + ".md"; !strings.Contains(operations, "]("+page+") |") || !strings.HasSuffix(r.Annotations["runbook_url"], "/docs/"+page) {
			t.Errorf("%s has no row in docs/operations.md, or its runbook_url is not that of its runbook", r.Alert)
		} else if _, err := os.Stat("docs/" + page); err != nil {
			t.Errorf("%s has no runbook: %v", r.Alert, err)
		}
		if r.Labels["severity"] == "" || r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
			t.Errorf("%s has no severity, summary or description", r.Alert)
		}
		fires := `alertname="` + r.Alert + `", alertstate="firing", severity="` + r.Labels["severity"] + `"`
		if !strings.Contains(tests, fires) && !strings.Contains(tests, "alertname: "+r.Alert) {
			t.Errorf("no test of promtool sees %s fire", r.Alert)
		}
	}
	var schema struct {
		Properties struct {
			PrometheusRule struct {
				Properties struct {
					Alerts struct {
						PropertyNames struct{ Enum []string }
					}
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(readFile(t, "config/helm/fastpix-operator/values.schema.json")), &schema); err != nil {
		t.Fatal(err)
	}
	valued := slices.Sorted(slices.Values(schema.Properties.PrometheusRule.Properties.Alerts.PropertyNames.Enum))
	if got := slices.Sorted(maps.Keys(names)); !slices.Equal(got, valued) || len(got) < 15 {
		t.Errorf("the alerts are\n%v\nthe chart has values for\n%v", got, valued)
	}
}

// rules returns the rules of config/prometheus/rules.yaml.
func rules(t *testing.T) []rule {
	t.Helper()
	var file struct {
		Groups []struct {
			Rules []rule `json:"rules"`
		} `json:"groups"`
	}
	if err := yaml.Unmarshal([]byte(readFile(t, "config/prometheus/rules.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	var all []rule
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	return all
}
