package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// kind is one way to break something.
type kind struct {
	name string
	// cards is how often it is in the deck.
	cards int
	// first and count say which processes or tenants may be hit.
	first, count int
	// least and most say how long it lasts, or how long the thing is away.
	least, most time.Duration
	do          func(context.Context, *round, fault) error
}

// fault is one thing to break at one time.
type fault struct {
	*kind
	at     time.Duration
	target int
	length time.Duration
	seed   uint64
}

// errNoEffect says that a fault was injected without an effect.
var errNoEffect = errors.New("without effect")

func (f fault) String() string {
	return fmt.Sprintf("%s, number %d, for %v", f.name, f.target, f.length)
}

// plan deals the faults of a round, one after the other by the mean gap: first one of each kind, then decks of all cards.
func plan(random *rand.Rand, kinds []kind, duration, gap time.Duration) []fault {
	var faults []fault
	deck := shuffled(random, kinds, func(*kind) int { return 1 })
	for at := gap / 8; at < duration; at += gap/8 + time.Duration(random.Int64N(int64(gap*7/4))) {
		if len(deck) == 0 {
			deck = shuffled(random, kinds, func(k *kind) int { return k.cards })
		}
		k := deck[0]
		deck = deck[1:]
		length := k.least + time.Duration(random.Int64N(int64(k.most-k.least)+1))
		faults = append(faults, fault{
			kind: k, at: at, target: k.first + random.IntN(max(1, k.count)), length: length.Round(10 * time.Millisecond), seed: random.Uint64(),
		})
	}
	return faults
}

// outage is an absence of the API server, in the middle of a round, for longer than the receivers' keys last.
func outage(random *rand.Rand, duration time.Duration) fault {
	k := &kind{name: "kube-apiserver away for longer than keys last", least: 75 * time.Second, do: longOutage}
	return fault{kind: k, at: duration / 2, length: k.least, seed: random.Uint64()}
}

func shuffled(random *rand.Rand, kinds []kind, cards func(*kind) int) []*kind {
	var deck []*kind
	for i := range kinds {
		for range cards(&kinds[i]) {
			deck = append(deck, &kinds[i])
		}
	}
	random.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
	return deck
}
