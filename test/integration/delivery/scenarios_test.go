package delivery

import (
	"bytes"
	"flag"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

var update = flag.Bool("update", false, "write the statuses after all scenarios to test/framework/fixtures/golden")

// TestScenariosInOrder protects what every single event leads to, and, with -update, records the final statuses.
func TestScenariosInOrder(t *testing.T) {
	e := framework.NewEndpoint(t)
	for _, step := range fixtures.Steps() {
		e.MustDeliver(t, framework.RecentPayload(step.File))
		for _, want := range step.Then {
			if err := controlplane.WaitMirror(t.Context(), framework.Deployed.Admin, e.Namespace, want); err != nil {
				t.Fatalf("after %s: %v", step.File, err)
			}
		}
	}
	framework.WaitJournalEmpty(t)
	if *update {
		e.WriteGolden(t)
	}
	e.CheckGolden(t)
}

// TestScenariosInAnyOrder protects the mirrors as a function of the set of events: the statuses are the same, byte for byte, when events come in
// any order, at once, and several times.
func TestScenariosInAnyOrder(t *testing.T) {
	var files []string
	for _, step := range fixtures.Steps() {
		files = append(files, step.File)
	}
	reversed := make([]string, len(files))
	for i, f := range files {
		reversed[len(files)-1-i] = f
	}
	shuffle := func(s []string) []string {
		s = append([]string(nil), s...)
		rand.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
		return s
	}
	thrice := append(append(shuffle(files), files...), shuffle(files)...)
	tests := map[string]struct {
		files   []string
		senders int
	}{
		"backwards, one by one":          {reversed, 1},
		"shuffled, by eight senders":     {shuffle(files), 8},
		"three times, shuffled, at once": {shuffle(thrice), 32},
		"in order, twice":                {append(append([]string(nil), files...), files...), 1},
		"in order, then backwards":       {append(append([]string(nil), files...), reversed...), 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e := framework.NewEndpoint(t)
			var bodies [][]byte
			for _, file := range tt.files {
				bodies = append(bodies, framework.RecentPayload(file))
			}
			if err := e.DeliverAll(t.Context(), bodies, tt.senders); err != nil {
				t.Fatal(err)
			}
			framework.WaitJournalEmpty(t)
			e.CheckGolden(t)
			if t.Failed() {
				t.Logf("delivered in the order\n%s", strings.Join(tt.files, "\n"))
			}
		})
	}
}

// TestScenariosFromTheFuture protects what is left of order when this machine's clock is years behind the platform's: no
// event's time is believed, and yet every event leads to the same state.
func TestScenariosFromTheFuture(t *testing.T) {
	e := framework.NewEndpoint(t)
	for _, step := range fixtures.Steps() {
		e.MustDeliver(t, bytes.ReplaceAll(fixtures.Payload(step.File), []byte("2026-11-"), []byte("2126-11-")))
		for _, want := range step.Then {
			if err := controlplane.WaitMirror(t.Context(), framework.Deployed.Admin, e.Namespace, want); err != nil {
				t.Fatalf("after %s: %v", step.File, err)
			}
		}
	}
}
