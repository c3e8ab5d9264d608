package workload

import (
	"math/rand/v2"

	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

const (
	// PercentDuplicates is how many of a hundred events are sent twice.
	PercentDuplicates = 30
	// percentLost is how many of a hundred events of a tenant with a workspace are never sent, as if FastPix had given up.
	percentLost = 10
	// outOfOrder is how many events of one history may overtake each other.
	outOfOrder = 5
	// maxLater is after how many further events a duplicate comes at the latest.
	maxLater = 300
)

// Generator makes the events of many histories at once, out of order. The events depend on its seed; only times are taken from the clock.
type Generator struct {
	random    *rand.Rand
	tenants   []*Tenant
	scenarios []Scenario
	weights   int
	histories []*History
	count     int
	later     map[int][]*Event // duplicates, by when they are due
}

// NewGenerator returns a generator of so many histories at once.
func NewGenerator(random *rand.Rand, tenants []*Tenant, scenarios []Scenario, histories int) *Generator {
	g := &Generator{random: random, tenants: tenants, scenarios: scenarios, later: map[int][]*Event{}, histories: make([]*History, histories)}
	for _, s := range scenarios {
		g.weights += s.weight
	}
	for i := range g.histories {
		g.histories[i] = g.newHistory()
	}
	return g
}

func (g *Generator) newHistory() *History {
	t := g.tenants[g.random.IntN(len(g.tenants))]
	n := g.random.IntN(g.weights)
	for _, s := range g.scenarios {
		if n -= s.weight; n < 0 {
			return NewHistory(g.random, t, s)
		}
	}
	panic("weights do not add up")
}

// Next returns the events to deliver now: one or a few at once, or none if a webhook is lost.
func (g *Generator) Next() []*Event {
	i := g.random.IntN(len(g.histories))
	for len(g.histories[i].Events) == 0 {
		g.histories[i] = g.newHistory()
	}
	l := g.histories[i]
	e := l.Next(g.random)
	g.count++
	lost := e.Tenant.Workspace != nil && g.random.IntN(100) < percentLost
	if !lost && g.random.IntN(100) < PercentDuplicates {
		at := g.count + g.random.IntN(maxLater)*g.random.IntN(2) // half of them at once
		g.later[at] = append(g.later[at], e.Again(g.random))
	}
	due := g.later[g.count]
	delete(g.later, g.count)
	if lost {
		e.Tenant.Workspace.Lose(e)
		return due
	}
	return append(due, e)
}

// Rest returns the duplicates that are not yet due.
func (g *Generator) Rest() []*Event {
	var all []*Event
	for at := g.count + 1; at <= g.count+maxLater; at++ {
		all = append(all, g.later[at]...)
	}
	return all
}

// Canary is one event about a media of its own.
func Canary(random *rand.Rand, t *Tenant) (*Event, string) {
	l := &History{Tenant: t, nonce: random.Uint64()}
	body := mustDecode(l.rename(fixtures.Payload("video.media.created.seed.json")))
	e := newEvent(t, body)
	l.happen([]*Event{e})
	return e, l.IDFor(fixtures.Seed)
}
