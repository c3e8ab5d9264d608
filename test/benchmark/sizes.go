package main

import "time"

const (
	// connections is how many deliveries are under way at once unless a figure says otherwise, and how many writers the
	// floor has.
	connections = 64
	// manyConnections is for the figure that shows what group commit does for many connections.
	manyConnections = 512
	// maxDrift is how far the floor may move during a repetition.
	maxDrift = 0.20
)

// sizes say how much is measured.
type sizes struct {
	// Events of the bursts for acknowledgements, whole lifecycles and the hot asset.
	Events int `json:"events"`
	// Single is the number of assets that get one event each. Below the 4,096 that the controllers remember, so that all of
	// them are "recently written" in the burst after their first.
	Single int `json:"singleEventAssets"`
	// Short is the number of events of the short bursts. They show what a burst pays at its begin and at its end.
	Short int `json:"shortEvents"`
	// Floor is how many objects the floor writes, and FloorTime for how long each row of it.
	Floor     int           `json:"floorObjects"`
	FloorTime time.Duration `json:"floorTimeNanoseconds"`
	// Repetitions of which the median counts.
	Repetitions int `json:"repetitions"`
	// Assets and Journal are the largest numbers for the rows about growth; Endpoints are all of theirs.
	Assets    int   `json:"assets"`
	Journal   int   `json:"journalEvents"`
	Endpoints []int `json:"endpoints"`
	// SyncMedia is how many media sync backfills and compares. SyncFew and SyncMany are the numbers for the syncer's memory.
	SyncMedia int `json:"syncMedia"`
	SyncFew   int `json:"syncFewMedia"`
	SyncMany  int `json:"syncManyMedia"`
	// SyncPaced and SyncBurst are how many webhooks are sent during a backfill: one after the other, and all at once.
	SyncPaced int `json:"syncPacedWebhooks"`
	SyncBurst int `json:"syncBurstWebhooks"`
	// Weight is how many objects of each kind are weighed.
	Weight int `json:"weightObjects"`
}

// growth are the numbers of assets that are measured.
func (s sizes) growth() []int { return []int{s.Assets / 100, s.Assets / 10, s.Assets} }

func sizesOf(full bool) sizes {
	s := sizes{
		Events: 2000, Single: 500, Short: 300, Floor: 512, FloorTime: 1500 * time.Millisecond, Repetitions: 1,
		Assets: 100_000, Journal: 256_000, Endpoints: []int{1, 100, 1000}, Weight: 300,
		SyncMedia: 1000, SyncFew: 1000, SyncMany: 5000, SyncPaced: 60, SyncBurst: 200,
	}
	if full {
		s.Events, s.Single, s.Short, s.Floor, s.FloorTime, s.Repetitions = 20_000, 4000, 1500, 2048, 8*time.Second, 3
		s.Weight = 5000
		s.SyncMedia, s.SyncFew, s.SyncMany, s.SyncPaced, s.SyncBurst = 10_000, 1000, s.Assets, 600, 2000
	}
	return s
}

// override replaces the sizes that are not 0.
func (s sizes) override(events, repetitions, assets, journal int) sizes {
	if events > 0 {
		s.Events, s.Single = events, min(s.Single, events)
	}
	if repetitions > 0 {
		s.Repetitions = repetitions
	}
	if assets > 0 {
		s.Assets, s.SyncMany = assets, assets
	}
	if journal > 0 {
		s.Journal = journal
	}
	return s
}
