package sync

import (
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/metrics"
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
