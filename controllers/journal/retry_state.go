package journal

import (
	"hash/maphash"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// retryState is what stays in memory of a batch that was read and is still in the journal. It is a batch of failed records that waits for its
// next retry, or a batch that could not be deleted.
type retryState struct {
	scheduled bool // the next retry is scheduled, so the batch is neither queued nor being read
	tries     int  // how often the batch failed or could not be deleted
	due       time.Time
	// records and bytes are the size of the batch. The counts of the batch omit endpoints that do not exist.
	records int
	bytes   int64
	// objects holds the hashes of the objects that the open changes touch, sorted. newerVersionIn holds the namespaces in which a record of a
	// newer version may touch any object. An object that an open change may touch is not purged.
	objects        []uint64
	newerVersionIn []string
	// open holds the changes that are still to be folded, and whether they are exempt, for a batch that could not be deleted; nil means all
	// changes. The other changes were folded or moved, and must not be folded again.
	open map[ChangeIndex]bool
	// oldest is Batch.oldest of a batch that could not be deleted. The next process reads such a batch as if no change had failed.
	oldest map[string]time.Time
}

var hashSeed = maphash.MakeSeed()

func hashOf(key record.Key) uint64 { return maphash.Comparable(hashSeed, key) }

// retryStateOf returns what stays in memory of a batch that leaves the ledger.
func retryStateOf(b *Batch) *retryState {
	state := &retryState{records: len(b.Records), bytes: b.bytes}
	for _, f := range b.failures {
		if f.Object != (record.Key{}) {
			state.objects = append(state.objects, hashOf(f.Object))
		}
		if f.Reason == ReasonNewerVersion {
			state.newerVersionIn = append(state.newerVersionIn, f.Endpoint.Namespace)
		}
	}
	state.pack()
	return state
}

// pack sorts the slices for lookups, and removes duplicates.
func (s *retryState) pack() {
	slices.Sort(s.objects)
	s.objects = slices.Clip(slices.Compact(s.objects))
	slices.Sort(s.newerVersionIn)
	s.newerVersionIn = slices.Clip(slices.Compact(s.newerVersionIn))
}

func (s *retryState) mayChange(key record.Key, name uint64) bool {
	_, ok := slices.BinarySearch(s.objects, name)
	return ok || slices.Contains(s.newerVersionIn, key.Namespace)
}

// failedBatches is what the backlog knows of batches that were read and still exist. The backlog's lock guards it.
type failedBatches struct {
	retryStates map[types.UID]*retryState
	expected    map[string]bool                  // names of batches that this process is writing
	claimed     map[types.UID]bool               // batches that are being joined
	replacedBy  map[types.UID]types.UID          // replaced batch to the joined batch that replaces it
	replaces    map[types.UID]map[types.UID]bool // joined batch to the batches that it replaces
}

func newFailedBatches() failedBatches {
	return failedBatches{
		retryStates: map[types.UID]*retryState{}, expected: map[string]bool{}, claimed: map[types.UID]bool{},
		replacedBy: map[types.UID]types.UID{}, replaces: map[types.UID]map[types.UID]bool{},
	}
}

// blocked reports whether a batch must not be read: a joined batch replaces it, or it replaces batches that still exist.
func (f *failedBatches) blocked(uid types.UID) bool {
	_, replaced := f.replacedBy[uid]
	return replaced || len(f.replaces[uid]) > 0
}

// hasUnreadJoins reports whether a joined batch is blocked and was never read. Then it is unknown which objects it touches.
func (f *failedBatches) hasUnreadJoins() bool {
	for uid := range f.replaces {
		if f.retryStates[uid] == nil {
			return true
		}
	}
	return false
}

func (f *failedBatches) forget(uid types.UID) {
	delete(f.retryStates, uid)
	delete(f.claimed, uid)
	for replaced := range f.replaces[uid] {
		delete(f.replacedBy, replaced)
	}
	delete(f.replaces, uid)
	if joined, ok := f.replacedBy[uid]; ok {
		delete(f.replacedBy, uid)
		delete(f.replaces[joined], uid)
		if len(f.replaces[joined]) == 0 {
			delete(f.replaces, joined)
		}
	}
}

// recordReplaced records which known batches a joined batch replaces.
func (b *Backlog) recordReplaced(info BatchInfo) {
	for _, uid := range info.replaces {
		replaced, ok := b.known[uid]
		if !ok || !replaced.retry || uid == info.UID {
			continue
		}
		delete(b.unread, uid)
		b.failed.replacedBy[uid] = info.UID
		if b.failed.replaces[info.UID] == nil {
			b.failed.replaces[info.UID] = map[types.UID]bool{}
		}
		b.failed.replaces[info.UID][uid] = true
	}
	info.replaces = nil
	b.known[info.UID] = info
}

// MaxUIDBytes bounds a UID. No genuine UID is longer.
const MaxUIDBytes = 64

// parseJoinedFrom parses the value of fastpixv1.JoinedFromAnnotation, within the bounds of a genuine joined batch.
func parseJoinedFrom(annotation string) []types.UID {
	if annotation == "" {
		return nil
	}
	var uids []types.UID
	for uid := range strings.SplitSeq(annotation, ",") {
		if len(uids) == maxJoined || len(uid) > MaxUIDBytes {
			break
		}
		uids = append(uids, types.UID(strings.Clone(uid))) // else the rest of the annotation would stay in memory
	}
	return uids
}

// Replaced returns the batches that a joined batch replaces.
func (b *Backlog) Replaced() []BatchInfo {
	b.mu.Lock()
	defer b.mu.Unlock()
	var infos []BatchInfo
	for uid := range b.failed.replacedBy {
		infos = append(infos, b.known[uid])
	}
	return infos
}

// expectWrite declares that this process is about to write a batch of failed records with that name.
func (b *Backlog) expectWrite(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failed.expected[name] = true
}

// finishWrite ends a write that expectWrite declared, and schedules the batch's retry. Without a retry state, the batch was not written.
func (b *Backlog) finishWrite(name string, info BatchInfo, state *retryState) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if state == nil {
		delete(b.failed.expected, name)
		for _, info := range b.known { // the batch exists if only the answer was lost, and the watch has reported it
			if info.Name == name && b.failed.retryStates[info.UID] == nil {
				b.queue(info)
			}
		}
		return
	}
	b.register(info)
	delete(b.failed.expected, name)
	if b.failed.retryStates[info.UID] == nil {
		state.scheduled = !b.unread[info.UID]
		b.failed.retryStates[info.UID] = state
	}
}

// scheduleRetry marks a batch as waiting for its next retry.
func (b *Backlog) scheduleRetry(uid types.UID, state *retryState) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.known[uid]; ok {
		state.scheduled = true
		b.failed.retryStates[uid] = state
	}
}

// retryOnRequest queues a known batch whose next retry is scheduled, if a user has requested a retry since. A batch that is queued, being read or in
// the ledger is retried anyway. The retry that was scheduled takes place, too.
func (b *Backlog) retryOnRequest(info BatchInfo) {
	known, ok := b.known[info.UID]
	if !ok || info.retryRequest == 0 || info.retryRequest == known.retryRequest {
		return
	}
	known.retryRequest = info.retryRequest
	b.known[info.UID] = known
	if state := b.failed.retryStates[info.UID]; state != nil && state.scheduled && !b.failed.claimed[info.UID] {
		b.queue(known)
	}
}

// retryStateOf returns the retry state of a batch; nil if the batch was not read before.
func (b *Backlog) retryStateOf(uid types.UID) *retryState {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failed.retryStates[uid]
}

// isScheduled reports whether a batch waits for its next retry.
func (b *Backlog) isScheduled(uid types.UID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	state := b.failed.retryStates[uid]
	return state != nil && state.scheduled
}

// tries returns how often a batch has failed.
func (b *Backlog) tries(uid types.UID) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if state := b.failed.retryStates[uid]; state != nil {
		return state.tries
	}
	return 0
}

// mayChange reports whether a failed change that is not in memory may touch an object.
func (b *Backlog) mayChange(key record.Key) bool {
	name := hashOf(key)
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, state := range b.failed.retryStates {
		if state.mayChange(key, name) {
			return true
		}
	}
	return false
}

// hasRecordsThrough reports whether a batch that could not be deleted holds a record of a namespace whose event is not newer than through.
func (b *Backlog) hasRecordsThrough(namespace string, through time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, state := range b.failed.retryStates {
		if at, ok := state.oldest[namespace]; ok && !at.After(through) {
			return true
		}
	}
	return false
}

// openChanges returns for a change of a batch whether it is still to be folded, and whether it is exempt (see ChangeRef.Exempt). For a record
// that cannot be read, r is nil and the change is wholeRecord.
type openChanges func(at ChangeIndex, r *record.Record) (open, exempt bool)

// openChangesOf returns the open changes of a batch that was just read.
func openChangesOf(info BatchInfo, object *fastpixv1.EventBatch, state *retryState) openChanges {
	return func(at ChangeIndex, rec *record.Record) (open, exempt bool) {
		if state != nil && state.open != nil {
			exempt, open = state.open[at]
			return open, exempt
		}
		switch {
		case !info.retry, info.failedChanges == fastpixv1.FailedChangesUpdate, rec == nil:
			return true, false
		case info.failedChanges == fastpixv1.FailedChangesCreate, len(rec.Changes) == 1:
			return true, true
		}
		// Older controllers kept whole records. A change that the status does not name may have been folded before.
		return true, slices.ContainsFunc(object.Status.Failed, func(f fastpixv1.FailedEvent) bool {
			return int(f.Index) == at.Index && f.Object == rec.Key(at.Change).String()
		})
	}
}
