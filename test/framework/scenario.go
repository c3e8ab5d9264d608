package framework

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/diff"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// ScenarioBodies returns the bodies of all scenarios, in their order, moved to the recent past.
func ScenarioBodies() [][]byte {
	var bodies [][]byte
	for _, step := range fixtures.Steps() {
		bodies = append(bodies, RecentPayload(step.File))
	}
	return bodies
}

// golden is the file with the status of a mirror after all scenarios, in whatever order they are delivered.
func golden(m fixtures.Mirror) string {
	return filepath.Join("test", "framework", "fixtures", "golden", strings.ToLower(m.Kind)+"-"+m.ID+".yaml")
}

// CheckGolden checks every mirror of the scenarios, and that the namespace has no other mirror.
func (e Endpoint) CheckGolden(t *testing.T) {
	t.Helper()
	e.CheckScenarios(t)
	for _, list := range []client.ObjectList{&fastpixv1.MediaAssetList{}, &fastpixv1.LiveStreamList{}} {
		if err := Deployed.Admin.List(t.Context(), list, client.InNamespace(e.Namespace)); err != nil {
			t.Fatal(err)
		}
		for _, name := range Names(t, list) {
			if !slices.ContainsFunc(fixtures.Final(), func(m fixtures.Mirror) bool { return m.ID == name }) {
				t.Errorf("%T has %s, which is part of no scenario", list, name)
			}
		}
	}
}

// CheckScenarios compares every mirror of the scenarios with its golden file.
func (e Endpoint) CheckScenarios(t *testing.T) {
	t.Helper()
	for _, m := range fixtures.Final() {
		if err := controlplane.CheckMirror(t.Context(), Deployed.Admin, e.Namespace, m); err != nil {
			t.Error(err)
		}
		checkStatus(t, m, e.status(t, m))
	}
}

func checkStatus(t *testing.T, m fixtures.Mirror, got string) {
	t.Helper()
	want, err := os.ReadFile(golden(m))
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s %s differs from %s:\n%s", m.Kind, m.ID, golden(m), diff.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")))
	}
}

// WriteGolden writes the golden files from the mirrors.
func (e Endpoint) WriteGolden(t *testing.T) {
	t.Helper()
	for _, m := range fixtures.Final() {
		if err := os.MkdirAll(filepath.Dir(golden(m)), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden(m), []byte(e.status(t, m)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// Scenarios are moved in time so that they end yesterday: the operator ignores the time of an event from the future.
var toRecentDays, toScenarioDays = func() (there, back *strings.Replacer) {
	scenarioDays := []string{"2026-11-20T", "2026-11-21T", "2026-11-22T"}
	var forth, reverse []string
	for i, day := range scenarioDays {
		recently := time.Now().UTC().AddDate(0, 0, i-len(scenarioDays)).Format("2006-01-02T")
		forth, reverse = append(forth, day, recently), append(reverse, recently, day)
	}
	return strings.NewReplacer(forth...), strings.NewReplacer(reverse...)
}()

// RecentPayload returns a sample with the days of its scenario moved to the recent past.
func RecentPayload(file string) []byte {
	return []byte(toRecentDays.Replace(string(fixtures.Payload(file))))
}

// status returns a mirror's status with the days of its scenario, without what depends on the clock: times of transitions and timers.
func (e Endpoint) status(t *testing.T, m fixtures.Mirror) string {
	t.Helper()
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(fastpixv1.GroupVersion.WithKind(m.Kind))
	if err := Deployed.Admin.Get(t.Context(), client.ObjectKey{Namespace: e.Namespace, Name: m.ID}, u); err != nil {
		t.Fatal(err)
	}
	status, _, err := unstructured.NestedMap(u.Object, "status")
	if err != nil {
		t.Fatal(err)
	}
	delete(status, "timerTime")
	conditions, _, err := unstructured.NestedSlice(status, "conditions")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range conditions {
		delete(c.(map[string]any), "lastTransitionTime")
	}
	status["conditions"] = conditions
	b, err := yaml.Marshal(status)
	if err != nil {
		t.Fatal(err)
	}
	return toScenarioDays.Replace(string(b))
}
