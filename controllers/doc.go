// Package controllers is the folding half of the operator: it reads the journal of EventBatches that receivers wrote and
// folds the records into MediaAssets and LiveStreams.
//
//	batches (metadata watch) -> backlog -> window of records -> queue of objects -> project (pure) -> one status write -> discard
//
// The order of writes is the proof that nothing is lost: an object's status is written first, the batch is deleted when every
// object that its records touch has been written. Killed in between, the records are folded again and change nothing.
//
// Only one process folds at a time (leader election); every write of status carries the resourceVersion it was computed from,
// so that a second one could do no harm. The package never reads a Secret and never imports the receiver.
package controllers
