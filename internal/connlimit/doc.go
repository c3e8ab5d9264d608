// Package connlimit bounds the memory that unauthenticated clients can make a process hold, on all of its ports together.
//
// A Limiter wraps the listener of each port. It charges every connection for the memory that the connection takes, at measured prices: a fixed price
// for the connection, and prices for each byte and each line that is read, because net/http turns a line of a few bytes into an entry of a map. When
// the sum exceeds the budget, the limiter evicts connections. The first one is that with the largest product of its charge and the time that its
// client let the process wait. A genuine client sends little and sends it at once, so a flood evicts its own connections.
//
// The handler reports an authenticated request by Authenticated. After such a request, a connection waits for the next one in a pool with a separate
// budget.
//
// The package knows nothing of what is served, and imports no other package of this module. Start reading at limiter.go.
package connlimit
