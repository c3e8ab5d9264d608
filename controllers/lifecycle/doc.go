// Package lifecycle brings objects back to the reconciler when their time has come, and removes what is past its retention: timers, the
// watch of specs, the hourly sweep and the purge.
//
// It may import controllers/mirror, controllers/endpoint, controllers/projection, controllers/queue and internal packages. Begin with
// Purger.Purge, which also says what is remembered of a tombstone.
package lifecycle
