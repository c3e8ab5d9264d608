package controllers

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// records is what the reconciler of mirrors and the purge see of the journal: the changes that wait for an object, whether they are in
// memory or not.
type records struct {
	ledger  *ledger
	backlog *backlog
	// discard enqueues a batch that has no open change left.
	discard func(types.UID)
}

// peek returns the first changes that wait for an object and are in memory. They stay until resolve.
func (r *records) peek(key record.Key) ([]entry, error) { return r.ledger.peek(key) }

// waiting returns how many changes in memory wait for an object.
func (r *records) waiting(key record.Key) int { return r.ledger.waiting(key) }

// resolve removes the first n changes of an object, folded or failed. failed holds the reason of those that failed, by position.
func (r *records) resolve(key record.Key, n int, failed map[int]failure) {
	for _, b := range r.ledger.resolve(key, n, failed) {
		r.discard(b.uid)
	}
}

// mayName reports whether a record that is not yet folded changes an object, or may change it because the record has not been read. Nothing
// is purged before that is known.
func (r *records) mayName(key record.Key) bool {
	return !r.backlog.empty() || r.ledger.waiting(key) > 0 || r.ledger.failing(key) || r.backlog.mayName(key)
}

// arriving reports whether records that may change an object are about to be folded. If it is false and mayName is true, a failed record
// changes the object.
func (r *records) arriving(key record.Key) bool {
	return !r.backlog.empty() || r.ledger.waiting(key) > 0
}

// waits reports whether a record of a namespace waits to be folded whose event is not newer than that.
func (r *records) waits(namespace string, through time.Time) bool {
	return r.ledger.waits(namespace, through) || r.backlog.waits(namespace, through)
}
