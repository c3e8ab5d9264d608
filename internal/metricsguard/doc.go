// Package metricsguard decides who may read the metrics of a process: clients with a bearer token that the API server authenticates and
// authorizes for GET /metrics.
//
// Unauthenticated clients can reach the port, so what they can cause is bounded. The API server is asked about an unknown token only
// within two rates, one for each client address and one for all of them. A token that was allowed before never waits for them, and is
// reviewed at most once a minute. All that is remembered is bounded, and holds digests instead of tokens.
//
// The package may import client-go and controller-runtime, but no other package of this module. Start reading at guard.go.
package metricsguard
