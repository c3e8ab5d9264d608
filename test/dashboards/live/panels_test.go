package live

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	prometheus "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/dashboards"
	"github.com/fastpix-operator/fastpix-operator/test/dashboards/picture"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
)

var pictures = flag.String("pictures", "", "the folder, from the root of the repository, to which the pictures of the dashboards are written")

const step = 2 * time.Second

// zero are the panels in which every value may be 0 in a run without trouble.
var zero = []string{"Waiting in the receivers"}

// TestPanelsShowWhatHappened protects every panel: with the operator, kube-state-metrics and Prometheus as they are deployed, its queries have
// answers, and their values change with what happens. The scenarios are those of the demo; beside them media are uploaded, webhooks get lost,
// and deliveries and mirrors are refused.
func TestPanelsShowWhatHappened(t *testing.T) {
	all, err := dashboards.Load("config/grafana")
	if err != nil {
		t.Fatal(err)
	}
	framework.Create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: monitoring}})
	fake := framework.ServeAPI(t)
	asked := startPrometheus(t, parts(t, fake.URL()), startKubeStateMetrics(t))
	t.Log("the operator, kube-state-metrics and Prometheus run")
	start := time.Now()
	live(t, newWorkspace(t, fake.Fake))
	end := time.Now()
	checkFacts(t, asked)

	for name, d := range all {
		run := &picture.Run{Panels: map[int][]picture.Series{}, Start: start, End: end, Step: step, Caption: fmt.Sprintf(
			"A run of make dashboards: %.0f seconds with the scenarios of the demo, uploads, lost webhooks and refused mirrors. Rates are over %s.",
			end.Sub(start).Seconds(), rateInterval)}
		panels := 0
		for _, p := range d.Panels {
			if p.Type != dashboards.Row {
				run.Panels[p.ID] = answers(t, asked, d, &p, run)
				panels++
			}
		}
		t.Logf("%s: %d panels were executed", name, panels)
		if *pictures != "" && !t.Failed() {
			draw(t, d, run)
		}
	}
}

// live lets everything happen that the dashboards show.
func live(t *testing.T, w *workspace) {
	t.Helper()
	stage := func(what string, do func()) {
		began := time.Now()
		do()
		t.Logf("%5.1f s: %s", time.Since(began).Seconds(), what)
	}
	stage("a namespace refuses mirrors", func() { failEvents(t, w) })
	stop := w.upload(t)
	stage("sync mirrors the past of the workspace", func() { w.compare(t) })
	stage("the scenarios of the demo", func() { w.runScenarios(t) })
	stage("a stream goes live", func() { w.goLive(t) })
	stop() // an event that is late on a busy machine would be another repair
	stage("webhooks are lost, and sync repairs the mirrors", func() { w.loseEvents(t) })
	stop = w.upload(t)
	stage("deliveries are refused", func() { w.sendOddities(t) })
	stage("refused mirrors count as failed", func() { waitFailed(t) })
	stop()
	stage("everything is scraped", func() { pause(t.Context(), 2*scrapeInterval) })
}

// waitFailed waits until the events that are refused count as failed, in the status of their endpoint too.
func waitFailed(t *testing.T) {
	t.Helper()
	framework.Eventually(t, "the refused events count as failed", func(context.Context) error {
		if got := (framework.Endpoint{Namespace: "archive"}).Read(t).Status.FailedEvents; got != failing {
			return fmt.Errorf("%d events have failed, want %d", got, failing)
		}
		return nil
	})
}

// checkFacts waits until some metrics of the dashboards say what is known.
func checkFacts(t *testing.T, asked prometheus.API) {
	t.Helper()
	var assets fastpixv1.MediaAssetList
	if err := framework.Deployed.Admin.List(t.Context(), &assets); err != nil {
		t.Fatal(err)
	}
	wanted := map[string]float64{
		`sum(fastpix_sync_repairs_total{cause="repair"})`:                                                lostEvents,
		`max(fastpix_failed_events)`:                                                                     failing,
		`sum(fastpix_webhookendpoint_failed_events)`:                                                     failing,
		`sum(fastpix_livestream_live)`:                                                                   1,
		`sum(fastpix_webhookendpoint_condition{type="Synced"})`:                                          1,
		`sum(fastpix_webhookendpoint_condition{type="Ready"})`:                                           2, // the third one is suspended
		`sum(leader_election_master_status)`:                                                             2,
		`count(count by (name) (leader_election_master_status))`:                                         2,
		`count(count by (namespace, name) (fastpix_mediaasset_info)) - ` + fmt.Sprint(len(assets.Items)): 0,
	}
	states := map[string]float64{}
	for _, a := range assets.Items {
		states[a.Status.State]++
	}
	for state, count := range states {
		wanted[fmt.Sprintf(`count(fastpix_mediaasset_info{state=%q})`, state)] = count
	}
	for query, want := range wanted {
		framework.Eventually(t, fmt.Sprintf("%s is %v", query, want), func(ctx context.Context) error {
			value, warnings, err := asked.Query(ctx, query, time.Now())
			if got, ok := value.(model.Vector); err != nil || len(warnings) > 0 || !ok || len(got) != 1 || float64(got[0].Value) != want {
				return fmt.Errorf("it is %v (%v %w)", value, warnings, err)
			}
			return nil
		})
	}
}

// answers executes the queries of a panel. A query that has no answer, or only zeros where something happened, fails the test.
func answers(t *testing.T, asked prometheus.API, d *dashboards.Dashboard, p *dashboards.Panel, run *picture.Run) (all []picture.Series) {
	t.Helper()
	highest := 0.0
	for _, target := range p.Targets {
		query := d.Expand(target.Expr, rateInterval)
		series, err := answer(t.Context(), asked, query, target.LegendFormat, run)
		if err != nil {
			t.Errorf("%s, %s, %s: %v", d.Title, p.Title, query, err)
		}
		for _, s := range series {
			for _, point := range s.Points {
				highest = max(highest, point.Value)
			}
		}
		all = append(all, series...)
	}
	if highest == 0 && !slices.Contains(zero, p.Title) {
		t.Errorf("%s: the panel %q shows only zeros", d.Title, p.Title)
	}
	return all
}

var label = regexp.MustCompile(`{{(\w+)}}`)

// answer executes a query, and returns its series with their legends. Values that are no numbers, such as a quantile of nothing, are left out.
func answer(ctx context.Context, asked prometheus.API, query, legend string, run *picture.Run) (all []picture.Series, err error) {
	value, warnings, err := asked.QueryRange(ctx, query, prometheus.Range{Start: run.Start, End: run.End, Step: run.Step})
	if err != nil {
		return nil, err
	}
	matrix, ok := value.(model.Matrix)
	if !ok || len(warnings) > 0 {
		return nil, fmt.Errorf("the answer is a %T, with the warnings %v", value, warnings)
	}
	for _, stream := range matrix {
		s := picture.Series{Legend: label.ReplaceAllStringFunc(legend, func(name string) string {
			return string(stream.Metric[model.LabelName(label.FindStringSubmatch(name)[1])])
		})}
		for _, v := range stream.Values {
			if f := float64(v.Value); !math.IsNaN(f) && !math.IsInf(f, 0) {
				s.Points = append(s.Points, picture.Point{Time: v.Timestamp.Time(), Value: f})
			}
		}
		if len(s.Points) > 0 {
			all = append(all, s)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("there is no data")
	}
	return all, nil
}

// draw writes the picture of a dashboard.
func draw(t *testing.T, d *dashboards.Dashboard, run *picture.Run) {
	t.Helper()
	name := filepath.Join(*pictures, "dashboard-"+d.UID[len("fastpix-"):]+".svg")
	file, err := os.Create(name)
	if err == nil {
		err = errors.Join(picture.Draw(file, d, run), file.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Log("drew " + name)
}
