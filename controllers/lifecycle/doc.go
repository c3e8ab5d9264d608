// Package lifecycle reconciles mirrors at times that no event determines, and deletes mirrors whose retention has passed. It holds the timers,
// the watch of specs, the hourly sweep and the purge.
//
// It may import controllers/mirror, controllers/endpoint, controllers/projection, controllers/queue and internal packages. Start reading at
// Purger.Purge, which also says what is recorded of a tombstone.
package lifecycle
