package journal

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// Records is the view of the journal for the reconciler of mirrors and the purge: the changes that wait for an object, in memory or not.
type Records struct {
	Ledger  *Ledger
	Backlog *Backlog
	// Discard enqueues a batch that has no open change left.
	Discard func(types.UID)
}

// Peek returns the first changes that wait for an object and are in memory. They stay there until Resolve.
func (r *Records) Peek(key record.Key) ([]Entry, error) { return r.Ledger.Peek(key) }

// Waiting returns how many changes in memory wait for an object.
func (r *Records) Waiting(key record.Key) int { return r.Ledger.Waiting(key) }

// Resolve removes the first n changes of an object. failed holds the changes that failed, by position; the others were folded or discarded.
func (r *Records) Resolve(key record.Key, n int, failed map[int]Failure) {
	for _, b := range r.Ledger.Resolve(key, n, failed) {
		r.Discard(b.UID)
	}
}

// MayChange reports whether a record that is not folded yet changes an object, or may change it because the record has not been read. An object
// is purged only when this is false.
func (r *Records) MayChange(key record.Key) bool {
	return r.Arriving(key) || r.Ledger.failedMayChange(key) || r.Backlog.mayChange(key)
}

// Arriving reports whether records that may change an object are about to be folded. If it is false and MayChange is true, a failed record
// changes the object.
func (r *Records) Arriving(key record.Key) bool {
	return !r.Backlog.Empty() || r.Ledger.Waiting(key) > 0
}

// HasRecordsThrough reports whether a record of a namespace waits to be folded whose event is not newer than through.
func (r *Records) HasRecordsThrough(namespace string, through time.Time) bool {
	return r.Ledger.hasRecordsThrough(namespace, through) || r.Backlog.hasRecordsThrough(namespace, through)
}
