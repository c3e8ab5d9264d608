package meter

import (
	"testing"
	"time"
)

func TestPercentiles(t *testing.T) {
	t.Parallel()
	var values []time.Duration
	for i := range 100 {
		values = append(values, time.Duration(99-i))
	}
	if p := Percentile(values, 0.99); p != 99 {
		t.Errorf("p99 is %d", p)
	}
	if m := Median([]float64{3, 1, 2}); m != 2 {
		t.Errorf("median is %v", m)
	}
	if d := Drift(90, 110); d != 0.2 {
		t.Errorf("drift is %v", d)
	}
}
