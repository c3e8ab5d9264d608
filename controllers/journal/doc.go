// Package journal reads the EventBatches that receivers wrote, keeps what is not folded yet, and ends the batches.
//
//	Watcher -> Backlog (metadata of every batch) -> Reader -> Ledger (records in memory) -> mirror.Reconciler -> Discarder
//
// The Backlog knows every batch and decides which one is read next. The Ledger holds the records of the batches that were read, for each
// object that they change, within a bound in bytes. The Discarder deletes a batch when all its changes are folded, after it has moved the
// changes that failed into batches of failed records; the Joiner keeps those few.
//
// It may import controllers/queue, internal packages and Kubernetes clients; it knows nothing of mirrors. Begin with Reader.
package journal
