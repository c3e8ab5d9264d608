// Package controllers sets up the controllers, which fold the records of the journal into MediaAssets and LiveStreams.
//
//	EventBatch -> journal (watch, read, hold) -> mirror (gather, decide, act) -> status
//	                                                 |
//	                                             projection (pure)
//
// The order of writes is the proof that nothing is lost: the status of an object is written first, and a batch is deleted when every object
// that its records change has been written. After a crash in between, the records are folded again and change nothing.
//
// Only one process folds at a time (leader election). Every write of a status carries the resourceVersion from which it was computed, so a
// second process could do no harm. The controllers never read a Secret and never import the receiver.
//
// Begin with newParts, which shows how the packages fit together; setup.go gives them to a manager.
package controllers
