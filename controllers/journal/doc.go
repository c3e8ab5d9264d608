// Package journal reads the EventBatches that receivers wrote, holds the records that are not folded yet, and deletes the batches.
//
//	Watcher -> Backlog (metadata of every batch) -> Reader -> Ledger (records in memory) -> mirror.Reconciler -> Discarder
//
// The Backlog knows every batch and decides which batch is read next. The Ledger holds the records of the batches that were read, by the
// object that they change, within a bound in bytes. The Discarder deletes a batch when all its changes are folded. Before that, it moves the
// changes that failed into batches of failed records. The Joiner keeps the number of those batches small.
//
// It may import controllers/queue, internal packages and Kubernetes clients. It knows nothing of mirrors. Start reading at Reader.
package journal
