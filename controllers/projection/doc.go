// Package projection folds records of events into the statuses of MediaAssets and LiveStreams. It also computes conditions and timers from a
// status and the time.
//
// The status is a function of the set of records: their order, number and batches do not matter, and folding a record again changes nothing.
// The status itself holds all the state that this requires: a field holds the value of the greatest event that carried it, provenance says
// which event that was, and lists keep what was removed and when.
//
// The package is pure: no client, no clock, no logger, no goroutine. It may import the standard library, api/... and apimachinery's metadata
// types. Start reading at MediaAsset. SettleMediaAsset computes the conditions.
package projection
