package sync

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

// TestFirstRepairIsAnIncrease protects alerts and graphs of repairs: Prometheus sees an increase only of a series that existed before. Therefore
// the series of all kinds, changes and causes exist from the start.
func TestFirstRepairIsAnIncrease(t *testing.T) {
	t.Parallel()
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	series := map[string]int{}
	for _, f := range families {
		series[f.GetName()] = len(f.GetMetric())
	}
	if got := series["fastpix_sync_repairs_total"]; got != 2*3*2 {
		t.Errorf("there are %d series of repairs, want one for each of two kinds, three changes and two causes", got)
	}
	if got := series["fastpix_sync_runs_total"]; got < 2 {
		t.Errorf("there are %d series of runs, want at least those of Synced and of Error", got)
	}
}

// TestSuspendedEndpointsHaveNoAge protects the alert about old runs: no run of a suspended endpoint is due, and after the suspension the next run gets
// its time.
func TestSuspendedEndpointsHaveNoAge(t *testing.T) { //nolint:paralleltest // it reads what all endpoints of the process share
	completed.clear()
	t.Cleanup(completed.clear)
	now := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	r := &Reconciler{env: &environment{now: func() time.Time { return now }}, states: map[types.NamespacedName]*state{}}
	e := &fastpixv1.WebhookEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: "video", Name: "fastpix", UID: "1"}}
	e.Spec.Sync = &fastpixv1.SyncSpec{}
	e.Status.Sync = &fastpixv1.SyncStatus{LastCompletedTime: &metav1.MicroTime{Time: now.Add(-5 * time.Hour)}}
	for _, step := range []struct {
		suspend bool
		after   time.Duration
		want    float64
	}{{false, 0, 18000}, {true, time.Hour, 0}, {true, time.Hour, 0}, {false, time.Hour, 0}, {false, time.Minute, 60}} {
		now = now.Add(step.after)
		e.Spec.Suspend = step.suspend
		r.decide(e)
		if got := completed.oldestAge(now); got != step.want {
			t.Errorf("suspended %v: the age is %v s, want %v s", step.suspend, got, step.want)
		}
	}
}
