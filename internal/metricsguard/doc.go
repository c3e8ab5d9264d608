// Package metricsguard decides who may read the metrics of a process: clients with a bearer token that the API server authenticates and
// authorizes for GET /metrics.
//
// Unauthenticated clients can reach the port, so the load that they cause is bounded. The API server reviews an unknown token only within the rates
// of limit.go: of a known user, of a client address, and of all addresses. A token that was allowed before is not subject to these limits, and is
// reviewed at most once a minute. All caches are bounded, and hold keyed digests instead of tokens.
//
// The package may import client-go and controller-runtime, but no other package of this module. Start reading at guard.go.
package metricsguard
