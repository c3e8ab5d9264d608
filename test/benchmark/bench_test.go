// These tests protect what the figures rest on: bodies that are FastPix's in everything but ids and times, the same burst for
// the same seed, and counts that leave nothing out.
package main

import (
	"testing"
)

func TestFigureStandsAgainstItsBar(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		value, floor, bar float64
		below, want       bool
	}{
		"a rate that reaches its bar":            {4000, 1000, 4, false, true},
		"a rate that does not":                   {3999, 1000, 4, false, false},
		"a latency below its bar":                {4, 10, 0.5, true, true},
		"a latency at its bar":                   {5, 10, 0.5, true, false},
		"nothing measured is not below anything": {0, 10, 0.5, true, false},
	} {
		if f := newFigure("", "", c.value, c.floor, c.bar, c.below); f.Met != c.want {
			t.Errorf("%s: met is %v", name, f.Met)
		}
	}
}
