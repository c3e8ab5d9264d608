package dashboards

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/promql/parser"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/yaml"

	_ "github.com/fastpix-operator/fastpix-operator/internal/operator" // registers the metrics of all parts
)

const (
	folder = "../../config/grafana"
	docs   = "https://github.com/fastpix-operator/fastpix-operator/blob/main/docs/"
)

// load returns every dashboard.
func load(t *testing.T) map[string]*Dashboard {
	t.Helper()
	all, err := Load(folder)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 2 {
		t.Fatalf("there are %d dashboards, want 2", len(all))
	}
	return all
}

// TestDashboardsUseMetricsThatExist protects every panel: a query names only metrics that the operator or the configuration of
// kube-state-metrics exports, and only labels that these metrics have.
func TestDashboardsUseMetricsThatExist(t *testing.T) {
	t.Parallel()
	labels := exportedLabels(t)
	for name, d := range load(t) {
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				expr, err := parser.NewParser(parser.Options{}).ParseExpr(d.Expand(target.Expr, "1m"))
				if err != nil {
					t.Errorf("%s, %s: %v", name, p.Title, err)
					continue
				}
				for _, problem := range unknownNames(expr, labels) {
					t.Errorf("%s, %s: %s", name, p.Title, problem)
				}
				for _, used := range regexp.MustCompile(`{{(\w+)}}`).FindAllStringSubmatch(target.LegendFormat, -1) {
					if !slices.Contains(labelsBelow(expr, labels), used[1]) {
						t.Errorf("%s, %s: the legend %s names a label that the metrics do not have", name, p.Title, target.LegendFormat)
					}
				}
			}
		}
		for _, v := range d.Templating.List {
			for _, metric := range regexp.MustCompile(`(?:fastpix|kube)_\w+`).FindAllString(v.Definition, -1) {
				if labels[metric] == nil {
					t.Errorf("%s: the variable %s asks for %s, which nothing exports", name, v.Name, metric)
				}
			}
		}
	}
}

// unknownNames returns what is wrong with the metrics and the labels of an expression.
func unknownNames(expr parser.Expr, labels map[string][]string) (problems []string) {
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			if labels[n.Name] == nil {
				problems = append(problems, "nothing exports "+n.Name)
			}
			for _, m := range n.LabelMatchers {
				if m.Name != "__name__" && !slices.Contains(labels[n.Name], m.Name) {
					problems = append(problems, n.Name+" has no label "+m.Name)
				}
			}
		case *parser.AggregateExpr:
			below := labelsBelow(n.Expr, labels)
			for _, label := range n.Grouping {
				if !slices.Contains(below, label) {
					problems = append(problems, "no metric in "+n.Expr.String()+" has the label "+label)
				}
			}
		}
		return nil
	})
	return problems
}

// labelsBelow returns the labels of all metrics of an expression.
func labelsBelow(expr parser.Expr, labels map[string][]string) (all []string) {
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if s, ok := node.(*parser.VectorSelector); ok {
			all = append(all, labels[s.Name]...)
		}
		return nil
	})
	return all
}

// exportedLabels returns the labels of every metric that the operator or kube-state-metrics exports. They include the labels of a target.
func exportedLabels(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	registry, ok := metrics.Registry.(prometheus.Collector)
	if !ok {
		t.Fatal("the registry of metrics does not describe its metrics")
	}
	described := make(chan *prometheus.Desc)
	go func() {
		defer close(described)
		registry.Describe(described)
	}()
	desc := regexp.MustCompile(`fqName: "(\w+)".*variableLabels: {([\w,]*)}`)
	for d := range described {
		found := desc.FindStringSubmatch(d.String())
		if found == nil {
			continue
		}
		labels := append(strings.Split(found[2], ","), "namespace", "job", "instance")
		all[found[1]], all[found[1]+"_count"], all[found[1]+"_bucket"] = labels, labels, append(slices.Clone(labels), "le")
	}
	maps.Copy(all, customResourceMetrics(t))
	if len(all) < 50 {
		t.Fatalf("only %d metrics are exported", len(all))
	}
	return all
}

// customResourceState is the part of the configuration of kube-state-metrics that the tests read.
type customResourceState struct {
	Spec struct {
		Resources []struct {
			MetricNamePrefix string              `json:"metricNamePrefix"`
			LabelsFromPath   map[string][]string `json:"labelsFromPath"`
			Metrics          []struct {
				Name           string              `json:"name"`
				LabelsFromPath map[string][]string `json:"labelsFromPath"`
				Each           struct {
					Info, Gauge struct {
						LabelsFromPath map[string][]string `json:"labelsFromPath"`
					}
				} `json:"each"`
			} `json:"metrics"`
		} `json:"resources"`
	} `json:"spec"`
}

// customResourceMetrics returns the labels of the metrics of config/kube-state-metrics.
func customResourceMetrics(t *testing.T) map[string][]string {
	t.Helper()
	var config customResourceState
	read(t, "custom_resource_state.yaml", &config)
	all := map[string][]string{}
	for _, r := range config.Spec.Resources {
		for _, m := range r.Metrics {
			labels := []string{"job", "instance"}
			for _, from := range []map[string][]string{r.LabelsFromPath, m.LabelsFromPath, m.Each.Info.LabelsFromPath, m.Each.Gauge.LabelsFromPath} {
				for label := range from {
					labels = append(labels, label)
				}
			}
			all[r.MetricNamePrefix+"_"+m.Name] = labels
		}
	}
	return all
}

// read decodes a file of config/kube-state-metrics.
func read(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../config/kube-state-metrics", file))
	if err == nil {
		err = yaml.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestDashboardsCanBeProvisioned protects an installation of the dashboards by a sidecar: every reference to Prometheus is the variable, every
// variable that is used exists, and the dashboards have what Grafana identifies them by.
func TestDashboardsCanBeProvisioned(t *testing.T) {
	t.Parallel()
	uids := map[string]bool{}
	for name, d := range load(t) {
		if d.UID != name || uids[d.UID] || d.Title == "" || d.Description == "" || d.SchemaVersion < 36 {
			t.Errorf("%s has the uid %s, the title %q, the description %q and the schema version %d", name, d.UID, d.Title, d.Description, d.SchemaVersion)
		}
		uids[d.UID] = true
		text, err := os.ReadFile(filepath.Join(folder, name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var fields map[string]any
		if err := json.Unmarshal(text, &fields); err != nil {
			t.Fatal(err)
		}
		if fields["__inputs"] != nil || fields["__requires"] != nil || fields["id"] != nil {
			t.Errorf("%s was exported for sharing: Grafana would ask for the data source, or take the id of another dashboard", name)
		}
		known := []string{"__rate_interval"}
		for i, v := range d.Templating.List {
			known = append(known, v.Name)
			if first := v.Type == "datasource" && v.Name == "datasource" && string(v.Query) == `"prometheus"`; first != (i == 0) {
				t.Errorf("%s: variable %d is %s of type %s; the data source must be the first one, and the only one", name, i, v.Name, v.Type)
			}
			if i > 0 && (*v.Datasource != Datasource{"prometheus", "${datasource}"} || v.AllValue == "") {
				t.Errorf("%s: the variable %s asks %+v, and All is %q", name, v.Name, v.Datasource, v.AllValue)
			}
		}
		for _, used := range regexp.MustCompile(`\$\{?(\w+)`).FindAllStringSubmatch(string(text), -1) {
			if !slices.Contains(known, used[1]) && used[1] != "__all" {
				t.Errorf("%s uses the variable %s, which does not exist", name, used[1])
			}
		}
		for _, l := range d.Links {
			if page, _, _ := strings.Cut(strings.TrimPrefix(l.URL, docs), "#"); l.Type == "link" {
				if _, err := os.Stat(filepath.Join("../../docs", page)); err != nil || !strings.HasPrefix(l.URL, docs) {
					t.Errorf("%s links to %s: %v", name, l.URL, err)
				}
			}
		}
	}
}

// TestPanelsExplainThemselves protects the reader of a dashboard: every panel has a description, a unit and legends, and none covers another.
func TestPanelsExplainThemselves(t *testing.T) {
	t.Parallel()
	for name, d := range load(t) {
		ids, taken := map[int]bool{}, map[[2]int]string{}
		for _, p := range d.Panels {
			if ids[p.ID] || p.ID == 0 || p.Title == "" {
				t.Errorf("%s: the panel %q has the id %d", name, p.Title, p.ID)
			}
			ids[p.ID] = true
			for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
				for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
					if other := taken[[2]int{x, y}]; other != "" || x > 23 {
						t.Fatalf("%s: %q is where %q is, or outside", name, p.Title, other)
					}
					taken[[2]int{x, y}] = p.Title
				}
			}
			if p.Type == Row {
				continue
			}
			want := Datasource{"prometheus", "${datasource}"}
			if p.Description == "" || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 || p.Datasource == nil || *p.Datasource != want {
				t.Errorf("%s: the panel %q has the description %q, the unit %q, %d queries and the data source %+v",
					name, p.Title, p.Description, p.FieldConfig.Defaults.Unit, len(p.Targets), p.Datasource)
			}
			for i, target := range p.Targets {
				if target.RefID != string(rune('A'+i)) || target.LegendFormat == "" || target.Datasource == nil || *target.Datasource != want {
					t.Errorf("%s: query %d of the panel %q is %+v", name, i, p.Title, target)
				}
			}
		}
	}
}

// TestValuesOfTheChartAreTheConfiguration protects users of kube-prometheus-stack: values.yaml has the same configuration and rights as the
// files for those who run kube-state-metrics in another way.
func TestValuesOfTheChartAreTheConfiguration(t *testing.T) {
	t.Parallel()
	var values struct {
		KubeStateMetrics struct {
			RBAC                struct{ ExtraRules any }
			CustomResourceState struct {
				Enabled bool
				Config  any
			}
		} `json:"kube-state-metrics"`
	}
	var config any
	var role struct{ Rules any }
	read(t, "values.yaml", &values)
	read(t, "custom_resource_state.yaml", &config)
	read(t, "cluster_role.yaml", &role)
	k := values.KubeStateMetrics
	if !k.CustomResourceState.Enabled || asJSON(t, k.CustomResourceState.Config) != asJSON(t, config) || asJSON(t, k.RBAC.ExtraRules) != asJSON(t, role.Rules) {
		t.Error("values.yaml differs from custom_resource_state.yaml or cluster_role.yaml")
	}
}

func asJSON(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil || value == nil {
		t.Fatal(value, err)
	}
	return string(text)
}
