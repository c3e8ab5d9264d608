// Package endpoint finds WebhookEndpoints for the other parts of the controllers. It publishes in the status of each endpoint how many of its
// events are pending or failed, and when its last event was received. Receivers limit deliveries by these counts.
//
// It may import controllers/journal (the counts), internal packages and Kubernetes clients. Start reading at Publisher.
package endpoint
