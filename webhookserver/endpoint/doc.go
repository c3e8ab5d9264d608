// Package endpoint holds the directory of WebhookEndpoints, with the keys and the backlog of each, and the controller that reads their
// Secrets and writes their status. It may import the API types, webhookserver/keys, webhookserver/signature, the packages of internal/ and
// controller-runtime; it never imports webhookserver or internal/journal. Start with Directory, then read Reconciler.Reconcile.
package endpoint
