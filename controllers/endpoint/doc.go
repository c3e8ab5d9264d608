// Package endpoint finds WebhookEndpoints for the other parts of the controllers, and publishes in their status how many of their events wait
// or failed, and when the last one came. Receivers hold back deliveries by these counts.
//
// It may import controllers/journal (the counts), internal packages and Kubernetes clients. Begin with Publisher.
package endpoint
