// Package controllers sets up the controllers, which fold the records of the journal into MediaAssets and LiveStreams.
//
//	EventBatch -> journal (watch, read, hold) -> mirror (gather, decide, act) -> status
//	                                                 |
//	                                             projection (pure)
//
// The order of the writes ensures that no event is lost: the controllers write the status of an object first. They delete a batch only when they
// have written every object that its records change. After a crash in between, they fold the records again, which changes nothing.
//
// Only one process folds at a time (leader election). Every write of a status carries the resourceVersion from which the status was computed, so
// that a second process could do no harm. The controllers never read a Secret and never import the receiver.
//
// Start reading at newComponents, which shows how the packages fit together. File setup.go adds the components to a manager.
package controllers
