package main

import (
	"math/rand/v2"

	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

const (
	percentDuplicates = 30
	// outOfOrder is how many events of one life may overtake each other.
	outOfOrder = 5
	// maxLater is after how many further events a duplicate comes at the latest.
	maxLater = 300
)

// generator tells lives, many at once, and in no good order. What it tells depends on its seed; only times are taken from the clock.
type generator struct {
	random  *rand.Rand
	tenants []*tenant
	stories []story
	weights int
	lives   []*life
	told    int
	later   map[int][]*event // duplicates, by when they are due
}

func newGenerator(random *rand.Rand, tenants []*tenant, stories []story, lives int) *generator {
	g := &generator{random: random, tenants: tenants, stories: stories, later: map[int][]*event{}, lives: make([]*life, lives)}
	for _, s := range stories {
		g.weights += s.weight
	}
	for i := range g.lives {
		g.lives[i] = g.newLife()
	}
	return g
}

func (g *generator) newLife() *life {
	t := g.tenants[g.random.IntN(len(g.tenants))]
	n := g.random.IntN(g.weights)
	for _, s := range g.stories {
		if n -= s.weight; n < 0 {
			return newLife(g.random, t, s)
		}
	}
	panic("weights do not add up")
}

// next returns the events to deliver now: one or a few at once.
func (g *generator) next() []*event {
	i := g.random.IntN(len(g.lives))
	for len(g.lives[i].events) == 0 {
		g.lives[i] = g.newLife()
	}
	l := g.lives[i]
	e := l.next(g.random)
	g.told++
	if g.random.IntN(100) < percentDuplicates {
		at := g.told + g.random.IntN(maxLater)*g.random.IntN(2) // half of them at once
		g.later[at] = append(g.later[at], e.again(g.random))
	}
	due := g.later[g.told]
	delete(g.later, g.told)
	return append(due, e)
}

// rest returns the duplicates that are not yet due.
func (g *generator) rest() []*event {
	var all []*event
	for at := g.told + 1; at <= g.told+maxLater; at++ {
		all = append(all, g.later[at]...)
	}
	return all
}

// canary is one event about a media of its own.
func canary(random *rand.Rand, t *tenant) (*event, string) {
	l := &life{tenant: t, nonce: random.Uint64()}
	body := mustDecode(l.rename(fixtures.Payload("video.media.created.seed.json")))
	return newEvent(t, body), l.idFor(fixtures.Seed)
}
