package kubestatemetrics

import (
	"os"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/kube-state-metrics/v2/pkg/customresourcestate"
	"k8s.io/kube-state-metrics/v2/pkg/metric"
	"sigs.k8s.io/yaml"
	goyaml "sigs.k8s.io/yaml/goyaml.v3"
)

// config is the configuration as kube-state-metrics reads it. An unknown field is an error here.
func config(t *testing.T) map[string]customresourcestate.Resource {
	t.Helper()
	text, err := os.Open("../../../config/kube-state-metrics/custom_resource_state.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer text.Close()
	var file struct {
		Kind                        string `yaml:"kind"`
		customresourcestate.Metrics `yaml:",inline"`
	}
	decoder := goyaml.NewDecoder(text)
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil {
		t.Fatal(err)
	}
	all := map[string]customresourcestate.Resource{}
	for _, r := range file.Spec.Resources {
		for i := range r.Metrics {
			each := &r.Metrics[i].Each
			each.Type = metric.Type(strings.ToLower(string(each.Type))) // as kube-state-metrics does
		}
		all[r.GroupVersionKind.Kind] = r
	}
	return all
}

// object returns an object of the operator's API with a status.
func object(t *testing.T, kind, status string) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"namespace": "video", "name": "a"}}}
	o.SetAPIVersion("video.fastpix.com/v1alpha1")
	o.SetKind(kind)
	var content map[string]any
	if err := yaml.Unmarshal([]byte(status), &content); err != nil {
		t.Fatal(err)
	}
	o.Object["status"] = content
	return o
}

// golden returns the status of a mirror after the scenarios of the integration tests.
func golden(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile("../../framework/fixtures/golden/" + file + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestMetricsOfObjects protects the metrics of the dashboard of a workspace: kube-state-metrics makes them from objects as the operator writes
// them, and as they are before their first event.
func TestMetricsOfObjects(t *testing.T) {
	resources := config(t)
	const stalled = "\n- {type: Stalled, status: 'True', reason: Failed, lastTransitionTime: '2026-11-21T12:00:45Z'}"
	for name, tt := range map[string]struct {
		kind, status string
		want         []string
	}{
		"media that failed": {"MediaAsset", strings.Replace(golden(t, "mediaasset-31ae88fa-9cdf-4e44-943a-3cb9e2048562"), "conditions:", "conditions:"+stalled, 1), []string{
			`fastpix_mediaasset_info{name="a",namespace="video",state="Failed"} 1`,
			`fastpix_mediaasset_stalled_time_seconds{name="a",namespace="video"} 1.795262445e+09`,
		}},
		"media with a title of a user in its status": {"MediaAsset", "state: Ready\nmetadata: {name: Town hall, state: of mind}\nai: {metadata: {name: x}}", []string{
			`fastpix_mediaasset_info{name="a",namespace="video",state="Ready"} 1`,
		}},
		"media that is ready":       {"MediaAsset", "state: Ready\nconditions: [{type: Ready, status: 'True'}]", []string{`fastpix_mediaasset_info{name="a",namespace="video",state="Ready"} 1`}},
		"media that no event named": {"MediaAsset", "", []string{`fastpix_mediaasset_info{name="a",namespace="video"} 1`}},
		"stream that was deleted": {"LiveStream", golden(t, "livestream-6f7553ebbe31a61ea53cda1f69032eb7"), []string{
			`fastpix_livestream_info{name="a",namespace="video",state="Deleted"} 1`, `fastpix_livestream_live{name="a",namespace="video"} 0`,
		}},
		"stream that is live": {"LiveStream", "state: Active\nconditions: [{type: Ready, status: 'True'}, {type: Live, status: 'True'}]", []string{
			`fastpix_livestream_info{name="a",namespace="video",state="Active"} 1`, `fastpix_livestream_live{name="a",namespace="video"} 1`,
		}},
		"stream that reconnects": {"LiveStream", "state: Disconnected\nconditions: [{type: Live, status: Unknown}]", []string{
			`fastpix_livestream_info{name="a",namespace="video",state="Disconnected"} 1`, `fastpix_livestream_live{name="a",namespace="video"} 0`,
		}},
		"stream that no event named": {"LiveStream", "", []string{`fastpix_livestream_info{name="a",namespace="video"} 1`}},
		"endpoint": {"WebhookEndpoint", "failedEvents: 3\nconditions: [{type: Ready, status: 'True'}, {type: Synced, status: 'False'}]", []string{
			`fastpix_webhookendpoint_condition{name="a",namespace="video",type="Ready"} 1`,
			`fastpix_webhookendpoint_condition{name="a",namespace="video",type="Synced"} 0`,
			`fastpix_webhookendpoint_failed_events{name="a",namespace="video"} 3`,
		}},
		"endpoint without conditions": {"WebhookEndpoint", "", []string{`fastpix_webhookendpoint_failed_events{name="a",namespace="video"} 0`}},
	} {
		t.Run(name, func(t *testing.T) {
			factory, err := customresourcestate.NewCustomResourceMetrics(resources[tt.kind])
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, family := range factory.MetricFamilyGenerators() {
				text := string(family.Generate(object(t, tt.kind, tt.status)).ByteSlice())
				for line := range strings.Lines(text) {
					got = append(got, withoutKind(strings.TrimSpace(line)))
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, tt.want) {
				t.Errorf("the metrics are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

// withoutKind removes the labels that kube-state-metrics adds to every metric of a custom resource.
func withoutKind(line string) string {
	name, rest, _ := strings.Cut(line, "{")
	labels, value, _ := strings.Cut(rest, "}")
	kept := slices.DeleteFunc(strings.Split(labels, ","), func(l string) bool { return strings.HasPrefix(l, "customresource_") })
	slices.Sort(kept)
	return name + "{" + strings.Join(kept, ",") + "}" + value
}
