// These tests protect what lost webhooks are measured by: the workspace shows what happened, whether or not a webhook says so.
package workload

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/fastpix-operator/fastpix-operator/test/framework/fastpixfake"
)

// play returns what a generator delivers for a tenant with a workspace and one without.
func play(t *testing.T) (plain, synced *Tenant, delivered []*Event) {
	t.Helper()
	scenarios, err := LoadScenarios()
	if err != nil {
		t.Fatal(err)
	}
	const id = "0b0d4c3f-5d34-4f3e-8c55-7a3f6f1c2a10"
	plain = &Tenant{Namespace: "plain"}
	synced = &Tenant{Namespace: "synced", Workspace: &Workspace{Workspace: fastpixfake.New().AddWorkspace(id, fastpixfake.Access{})}}
	g := NewGenerator(rand.New(rand.NewPCG(7, 0)), []*Tenant{plain, synced}, scenarios, 40)
	for range 4000 {
		delivered = append(delivered, g.Next()...)
	}
	return plain, synced, append(delivered, g.Rest()...)
}

func TestSomeWebhooksOfAWorkspaceAreLost(t *testing.T) {
	t.Parallel()
	_, synced, delivered := play(t)
	lost := synced.Workspace.Lost()
	if len(lost) < 100 || len(lost) > 300 {
		t.Errorf("%d webhooks of about 2000 are lost", len(lost))
	}
	for _, e := range lost {
		if e.Tenant != synced {
			t.Errorf("an event of %s is lost", e.Tenant.Namespace)
		}
		if slices.ContainsFunc(delivered, func(d *Event) bool { return d.ID == e.ID }) {
			t.Errorf("event %s is lost and delivered", e.ID)
		}
	}
}

func TestWorkspaceShowsWhatHappened(t *testing.T) {
	t.Parallel()
	plain, synced, delivered := play(t)
	media, streams := synced.Workspace.Rows()
	if len(media) < 20 || len(streams) < 5 {
		t.Errorf("the workspace has %d media and %d streams", len(media), len(streams))
	}
	for _, row := range slices.Concat(media, streams) {
		if bytes.Contains(row, []byte(`"`+absurdYear+"-")) {
			t.Errorf("a clock that is absurd in a webhook is so in the workspace: %s", row)
		}
	}
	for _, row := range media {
		if !bytes.Contains(row, []byte(`"workspaceId":"`+synced.Workspace.ID)) {
			t.Errorf("a media is of another workspace: %s", row)
		}
	}
	absurd := map[*Tenant]int{}
	for _, e := range delivered {
		if bytes.Contains(e.Body, []byte(`"createdAt":"`+absurdYear)) {
			absurd[e.Tenant]++
		}
	}
	if absurd[plain] == 0 || absurd[synced] == 0 {
		t.Errorf("absurd clocks by tenant: %v", absurd)
	}
}

// FastPix sends what happened before, too, only later: an event that overtakes others finds them in the workspace.
func TestEventThatOvertakesOthersHappensAfterThem(t *testing.T) {
	t.Parallel()
	scenarios, err := LoadScenarios()
	if err != nil {
		t.Fatal(err)
	}
	tenant := &Tenant{Workspace: &Workspace{Workspace: fastpixfake.New().AddWorkspace("w", fastpixfake.Access{})}}
	l := NewHistory(rand.New(rand.NewPCG(1, 2)), tenant, scenarios[0])
	first := l.Events[0]
	for seed := range uint64(100) {
		l.Next(rand.New(rand.NewPCG(seed, 0)))
		if l.Events[0] == first {
			break
		}
	}
	if !slices.Contains(l.Events, first) {
		t.Fatal("no event overtook the first one")
	}
	if !first.happened {
		t.Error("the first event is still to be sent, a later one was sent, and the first has not happened")
	}
	if l.Events[len(l.Events)-1].happened {
		t.Error("the last event has happened before its time")
	}
}
