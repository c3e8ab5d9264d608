// Package projection folds records of events into the statuses of MediaAssets and LiveStreams, and derives from a status and
// the time what they tell together: conditions and timers.
//
// The status is a function of the set of records: their order, number and batches do not matter, and folding one again changes
// nothing (design, section 5). All the memory that takes is in the status itself: a field holds the value of the greatest
// event that carried it, provenance says which event that was, and lists keep what was removed and when.
//
// It is pure: no client, no clock, no logger, no goroutine. It may import the standard library, api/... and apimachinery's
// metadata types.
package projection
