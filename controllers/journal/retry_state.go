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

// retryStates is what stays in memory of a batch that was read and is still in the journal: one of failed records until its next retry, or one
// that could not end.
type retryState struct {
	scheduled bool // it is neither queued nor read: its next retry is scheduled
	tries     int  // how often it failed, or could not end
	due       time.Time
	// records and bytes are the size of the batch. The counts of the batch leave out endpoints that do not exist.
	records int
	bytes   int64
	// objects are hashes of the objects that its open changes touch, sorted; newer are namespaces in which a record of a newer version may
	// touch any object. Nothing is purged that an open change may touch.
	objects        []uint64
	newerVersionIn []string
	// open are the changes that are still to be folded, and whether they are exempt, of a batch that could not end; nil stands for all. The
	// others were folded or moved, and must not be folded again.
	open map[ChangeIndex]bool
	// Oldest is what batch.oldest was, of a batch that could not end: the next process reads it as if nothing had failed.
	oldest map[string]time.Time
}

var hashSeed = maphash.MakeSeed()

func hashOf(key record.Key) uint64 { return maphash.Comparable(hashSeed, key) }

// retryStateOf returns what to remember of a batch that gives up its memory.
func retryStateOf(b *Batch) *retryState {
	r := &retryState{records: len(b.Records), bytes: b.bytes}
	for _, f := range b.failures {
		if f.Object != (record.Key{}) {
			r.objects = append(r.objects, hashOf(f.Object))
		}
		if f.Reason == ReasonNewerVersion {
			r.newerVersionIn = append(r.newerVersionIn, f.Endpoint.Namespace)
		}
	}
	r.pack()
	return r
}

// pack sorts what is looked up, and leaves out duplicates.
func (r *retryState) pack() {
	slices.Sort(r.objects)
	r.objects = slices.Clip(slices.Compact(r.objects))
	slices.Sort(r.newerVersionIn)
	r.newerVersionIn = slices.Clip(slices.Compact(r.newerVersionIn))
}

func (r *retryState) mayChange(key record.Key, name uint64) bool {
	_, ok := slices.BinarySearch(r.objects, name)
	return ok || slices.Contains(r.newerVersionIn, key.Namespace)
}

// failedBatches is what the backlog knows of batches that were read and are still there. The backlog's lock guards it.
type failedBatches struct {
	retryStates map[types.UID]*retryState
	expected    map[string]bool                  // names of batches that this process is writing
	claimed     map[types.UID]bool               // batches that are being joined
	replacedBy  map[types.UID]types.UID          // batches whose place a joined one took, and which
	replaces    map[types.UID]map[types.UID]bool // the same the other way round
}

func newFailedBatches() failedBatches {
	return failedBatches{
		retryStates: map[types.UID]*retryState{}, expected: map[string]bool{}, claimed: map[types.UID]bool{},
		replacedBy: map[types.UID]types.UID{}, replaces: map[types.UID]map[types.UID]bool{},
	}
}

// blocked reports whether a batch has taken the place of another that is still there, or the other way round: neither is to be read.
func (f *failedBatches) blocked(uid types.UID) bool {
	_, superseded := f.replacedBy[uid]
	return superseded || len(f.replaces[uid]) > 0
}

// hasUnreadJoins reports whether a batch waits for those it replaces, and nobody knows what it names.
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

// recordReplaced notes which known batches a joined one takes the place of.
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

// MaxUIDBytes is longer than any UID.
const MaxUIDBytes = 64

// parseJoinedFrom reads the value of fastpixv1.JoinedFromAnnotation, and no more of it than a joined batch says.
func parseJoinedFrom(annotation string) []types.UID {
	if annotation == "" {
		return nil
	}
	var uids []types.UID
	for uid := range strings.SplitSeq(annotation, ",") {
		if len(uids) == maxJoined || len(uid) > MaxUIDBytes {
			break
		}
		uids = append(uids, types.UID(strings.Clone(uid))) // the rest of the annotation must not be kept
	}
	return uids
}

// Replaced returns the batches whose place others took.
func (b *Backlog) Replaced() []BatchInfo {
	b.mu.Lock()
	defer b.mu.Unlock()
	var infos []BatchInfo
	for uid := range b.failed.replacedBy {
		infos = append(infos, b.known[uid])
	}
	return infos
}

// expectWrite announces that this process is about to write a batch of failed records of that name.
func (b *Backlog) expectWrite(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failed.expected[name] = true
}

// finishWrite ends what expect began: the batch is known and rests. Without anything to remember it was not written.
func (b *Backlog) finishWrite(name string, info BatchInfo, r *retryState) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r == nil {
		delete(b.failed.expected, name)
		for _, info := range b.known { // the answer may have been lost, and the watch told of it
			if info.Name == name && b.failed.retryStates[info.UID] == nil {
				b.queue(info)
			}
		}
		return
	}
	b.register(info)
	delete(b.failed.expected, name)
	if b.failed.retryStates[info.UID] == nil {
		r.scheduled = !b.unread[info.UID]
		b.failed.retryStates[info.UID] = r
	}
}

// scheduleRetry has a batch wait for its next retry.
func (b *Backlog) scheduleRetry(uid types.UID, r *retryState) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.known[uid]; ok {
		r.scheduled = true
		b.failed.retryStates[uid] = r
	}
}

// retryStateOf returns what is remembered of a batch; nil if nobody has read it.
func (b *Backlog) retryStateOf(uid types.UID) *retryState {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failed.retryStates[uid]
}

// isScheduled reports whether a batch waits for its next retry.
func (b *Backlog) isScheduled(uid types.UID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.failed.retryStates[uid]
	return r != nil && r.scheduled
}

// tries returns how often a batch failed.
func (b *Backlog) tries(uid types.UID) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r := b.failed.retryStates[uid]; r != nil {
		return r.tries
	}
	return 0
}

// MayChange reports whether a change that failed, and is not in memory, may touch an object.
func (b *Backlog) mayChange(key record.Key) bool {
	name := hashOf(key)
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.failed.retryStates {
		if r.mayChange(key, name) {
			return true
		}
	}
	return false
}

// HasRecordsThrough reports whether a batch that could not end holds a record of a namespace whose event is not newer than that.
func (b *Backlog) hasRecordsThrough(namespace string, through time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.failed.retryStates {
		if at, ok := r.oldest[namespace]; ok && !at.After(through) {
			return true
		}
	}
	return false
}

// openChanges says of each change of a batch, or of a whole record that cannot be read, whether it is still to be folded, and whether it is
// exempt from what was purged.
type openChanges func(s ChangeIndex, r *record.Record) (open, exempt bool)

// openChangesOf returns the opening of a batch that was just read.
func openChangesOf(info BatchInfo, object *fastpixv1.EventBatch, r *retryState) openChanges {
	return func(s ChangeIndex, rec *record.Record) (open, exempt bool) {
		if r != nil && r.open != nil {
			exempt, open = r.open[s]
			return open, exempt
		}
		switch {
		case !info.retry, info.failedChanges == fastpixv1.FailedChangesUpdate, rec == nil:
			return true, false
		case info.failedChanges == fastpixv1.FailedChangesCreate, len(rec.Changes) == 1:
			return true, true
		}
		// Older controllers kept records whole: what the status does not name was perhaps folded long ago.
		return true, slices.ContainsFunc(object.Status.Failed, func(f fastpixv1.FailedEvent) bool {
			return int(f.Index) == s.Index && f.Object == rec.Key(s.Change).String()
		})
	}
}
