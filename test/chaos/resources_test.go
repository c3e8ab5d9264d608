// This test protects that what cannot be read is not taken for nothing, which would never be a leak.
package main

import "testing"

func TestMetricThatIsMissingIsAnError(t *testing.T) {
	t.Parallel()
	const metrics = "go_goroutines_more 1\ngo_goroutines 7\nlabelled{name=\"\"} 1\nodd many\n"
	for name, want := range map[string]float64{"go_goroutines": 7, `labelled{name=""}`: 1} {
		if got, err := metric([]byte(metrics), name); err != nil || got != want {
			t.Errorf("%s is %v, error %v", name, got, err)
		}
	}
	for _, name := range []string{"go", "labelled", "odd"} {
		if got, err := metric([]byte(metrics), name); err == nil {
			t.Errorf("%s is %v without an error", name, got)
		}
	}
}
