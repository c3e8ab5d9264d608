// Package mirror keeps each MediaAsset and LiveStream equal to what its records say. The Reconciler gathers the records that wait for one
// object and the object's last state, lets controllers/projection compute the new status, and writes the status once.
//
// It may import controllers/journal (the waiting records), controllers/endpoint (policies), controllers/projection (the pure fold),
// controllers/queue and internal packages. Start reading at Reconciler.Reconcile. File due.go handles timers and changed specs.
package mirror
