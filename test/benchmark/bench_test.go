// These tests protect what the figures rest on: bodies that are FastPix's in everything but ids and times, the same burst for
// the same seed, and counts that leave nothing out.
package main

import (
	"testing"
	"time"

	"github.com/fastpix-operator/fastpix-operator/test/benchmark/meter"
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

func TestFigureThatMustBeZero(t *testing.T) {
	t.Parallel()
	if f := newZeroFigure("writes", 0); !f.Met || f.bar() != "0" {
		t.Errorf("0 is not what it must be: %+v, bar %s", f, f.bar())
	}
	if f := newZeroFigure("writes", 1); f.Met {
		t.Errorf("1 counts as 0: %+v", f)
	}
}

func TestLimitsAreSorted(t *testing.T) {
	t.Parallel()
	used := meter.Usage{CPU: map[string]float64{"etcd": 1, "kube-apiserver": 8, "bench": 0.5, "syncer": 0.3, "receiver": 0.2}}
	const want = " cores busy: kube-apiserver 80 %, etcd 10 %, bench 5 %, syncer 3 %"
	if got := limitOf(used, 10*time.Second); len(got) < len(want) || got[len(got)-len(want):] != want {
		t.Errorf("the limit is %q, want the end %q", got, want)
	}
	if got := listOf(map[string]int{"a get x 200": 1, "a list y 200": 4, "a get w 200": 1}); got != "4 list y 200, 1 get w 200, 1 get x 200" {
		t.Errorf("the requests are %q", got)
	}
}
