// Package connlimit bounds the memory that unauthenticated clients can make a process hold, on all of its ports together.
//
// A Limiter wraps the listener of each port. It charges every connection for what the connection costs in memory, at prices that
// were measured: a fixed sum when it is accepted, each byte that is read from it, and each line, because net/http turns a line of a few
// bytes into an entry of a map. When the sum exceeds the budget, one connection after the other is evicted, first the one with the largest
// product of its charge and the time that its client let the process wait. A genuine client is small and sends at once, so that a flood
// evicts itself. The handler reports an authenticated request by Authenticated. Connections that had one wait for their next request in a
// pool with a budget of its own.
//
// Read limiter.go first. The package knows nothing of what is served, and imports no other package of this module.
package connlimit
