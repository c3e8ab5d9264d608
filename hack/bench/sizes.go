package main

import "time"

const (
	// connections is how many deliveries are under way at once unless a figure says otherwise, and how many writers the
	// floor has.
	connections = 64
	// manyConnections is for the figure that shows what group commit does for a crowd.
	manyConnections = 512
	// shuffleWindow is how far events are out of order: each window of so many deliveries is shuffled.
	shuffleWindow = 1000
	// duplicateEvery says that one in so many events is delivered twice.
	duplicateEvery = 10
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
	// Floor is how many objects the floor writes, and FloorTime for how long each row of it.
	Floor     int           `json:"floorObjects"`
	FloorTime time.Duration `json:"floorTimeNanoseconds"`
	// Repetitions of which the median counts.
	Repetitions int `json:"repetitions"`
	// FewAssets, Assets, Tombstones among them, and Journal are for the rows about memory and start.
	FewAssets  int `json:"fewAssets"`
	Assets     int `json:"assets"`
	Tombstones int `json:"tombstones"`
	Journal    int `json:"journalEvents"`
}

func sizesOf(full bool) sizes {
	s := sizes{
		Events: 2000, Single: 500, Floor: 512, FloorTime: 1500 * time.Millisecond, Repetitions: 1,
		FewAssets: 1000, Assets: 100_000, Tombstones: 5000, Journal: 256_000,
	}
	if full {
		s.Events, s.Single, s.Floor, s.FloorTime, s.Repetitions = 20_000, 4000, 2048, 8*time.Second, 3
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
		s.Assets, s.Tombstones = assets, assets/20
		s.FewAssets = min(s.FewAssets, assets)
	}
	if journal > 0 {
		s.Journal = journal
	}
	return s
}
