// Package mirror keeps each MediaAsset and LiveStream equal to what its records say: it gathers the records that wait for an object and the
// object's last state, lets controllers/projection decide, and writes the status once.
//
// It may import controllers/journal (what waits), controllers/endpoint (policies), controllers/projection (the pure fold), controllers/queue
// and internal packages. Begin with Reconciler.Reconcile; what a timer or a changed spec asks for is in due.go.
package mirror
