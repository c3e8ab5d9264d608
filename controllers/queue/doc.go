// Package queue holds the work queues of the controllers: one that serves the namespaces in turn, and a source that lets code outside a
// controller add to its queue. It may import client-go's work queue and internal/record, and no other package of the controllers. Begin
// with NewFair.
package queue
