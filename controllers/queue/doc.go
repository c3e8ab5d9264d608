// Package queue holds the work queues of the controllers: a queue that serves the namespaces in turn and within a namespace webhooks first, and a source that lets code outside a
// controller add to the controller's queue. It may import client-go's work queue and internal/record, and no other package of the controllers.
// Start reading at NewFair.
package queue
