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

// unfinished is what stays in memory of a batch that was read and is still in the journal: one of failed records until its next retry, or one
// that could not end.
type unfinished struct {
	resting bool // it is neither queued nor read: its next retry is scheduled
	tries   int  // how often it failed, or could not end
	due     time.Time
	bytes   int64
	// names are hashes of the objects that its open changes touch, sorted; newer are namespaces in which a record of a newer version may
	// touch any object. Nothing is purged that an open change may touch.
	names []uint64
	newer []string
	// open are the changes that are still to be folded, and whether they are exempt, of a batch that could not end; nil stands for all. The
	// others were folded or moved, and must not be folded again.
	open map[ChangeIndex]bool
	// Oldest is what batch.oldest was, of a batch that could not end: the next process reads it as if nothing had failed.
	oldest map[string]time.Time
}

var nameSeed = maphash.MakeSeed()

func nameOf(key record.Key) uint64 { return maphash.Comparable(nameSeed, key) }

// unfinishedOf returns what to remember of a batch that gives up its memory.
func unfinishedOf(b *Batch) *unfinished {
	r := &unfinished{bytes: b.bytes}
	for _, f := range b.failures {
		if f.Object != (record.Key{}) {
			r.names = append(r.names, nameOf(f.Object))
		}
		if f.Reason == ReasonNewerVersion {
			r.newer = append(r.newer, f.Endpoint.Namespace)
		}
	}
	r.pack()
	return r
}

// pack sorts what is looked up, and leaves out duplicates.
func (r *unfinished) pack() {
	slices.Sort(r.names)
	r.names = slices.Clip(slices.Compact(r.names))
	slices.Sort(r.newer)
	r.newer = slices.Clip(slices.Compact(r.newer))
}

func (r *unfinished) mayName(key record.Key, name uint64) bool {
	_, ok := slices.BinarySearch(r.names, name)
	return ok || slices.Contains(r.newer, key.Namespace)
}

// failedBatches is what the backlog knows of batches that were read and are still there. The backlog's lock guards it.
type failedBatches struct {
	unfinished map[types.UID]*unfinished
	expected   map[string]bool                  // names of batches that this process is writing
	claimed    map[types.UID]bool               // batches that are being joined
	by         map[types.UID]types.UID          // batches whose place a joined one took, and which
	replaces   map[types.UID]map[types.UID]bool // the same the other way round
}

func newFailedBatches() failedBatches {
	return failedBatches{
		unfinished: map[types.UID]*unfinished{}, expected: map[string]bool{}, claimed: map[types.UID]bool{},
		by: map[types.UID]types.UID{}, replaces: map[types.UID]map[types.UID]bool{},
	}
}

// supersedes reports whether a batch has taken the place of another that is still there, or the other way round: neither is to be read.
func (f *failedBatches) supersedes(uid types.UID) bool {
	_, superseded := f.by[uid]
	return superseded || len(f.replaces[uid]) > 0
}

// unreadJoins reports whether a batch waits for those it replaces, and nobody knows what it names.
func (f *failedBatches) unreadJoins() bool {
	for uid := range f.replaces {
		if f.unfinished[uid] == nil {
			return true
		}
	}
	return false
}

func (f *failedBatches) forget(uid types.UID) {
	delete(f.unfinished, uid)
	delete(f.claimed, uid)
	for replaced := range f.replaces[uid] {
		delete(f.by, replaced)
	}
	delete(f.replaces, uid)
	if joined, ok := f.by[uid]; ok {
		delete(f.by, uid)
		delete(f.replaces[joined], uid)
		if len(f.replaces[joined]) == 0 {
			delete(f.replaces, joined)
		}
	}
}

// supersede notes which known batches a joined one takes the place of.
func (b *Backlog) supersede(info BatchInfo) {
	for _, uid := range info.replaces {
		replaced, ok := b.known[uid]
		if !ok || !replaced.retry || uid == info.UID {
			continue
		}
		delete(b.unread, uid)
		b.failed.by[uid] = info.UID
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

// replacedBy reads the value of fastpixv1.JoinedFromAnnotation, and no more of it than a joined batch says.
func replacedBy(annotation string) []types.UID {
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

// Superseded returns the batches whose place others took.
func (b *Backlog) Superseded() []BatchInfo {
	b.mu.Lock()
	defer b.mu.Unlock()
	var infos []BatchInfo
	for uid := range b.failed.by {
		infos = append(infos, b.known[uid])
	}
	return infos
}

// expect announces that this process is about to write a batch of failed records of that name.
func (b *Backlog) expect(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failed.expected[name] = true
}

// wrote ends what expect began: the batch is known and rests. Without anything to remember it was not written.
func (b *Backlog) wrote(name string, info BatchInfo, r *unfinished) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r == nil {
		delete(b.failed.expected, name)
		for _, info := range b.known { // the answer may have been lost, and the watch told of it
			if info.Name == name && b.failed.unfinished[info.UID] == nil {
				b.queue(info)
			}
		}
		return
	}
	b.register(info)
	delete(b.failed.expected, name)
	if b.failed.unfinished[info.UID] == nil {
		r.resting = !b.unread[info.UID]
		b.failed.unfinished[info.UID] = r
	}
}

// rest has a batch wait for its next retry.
func (b *Backlog) rest(uid types.UID, r *unfinished) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.known[uid]; ok {
		r.resting = true
		b.failed.unfinished[uid] = r
	}
}

// unfinishedOf returns what is remembered of a batch; nil if nobody has read it.
func (b *Backlog) unfinishedOf(uid types.UID) *unfinished {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failed.unfinished[uid]
}

// rests reports whether a batch waits for its next retry.
func (b *Backlog) rests(uid types.UID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.failed.unfinished[uid]
	return r != nil && r.resting
}

// tries returns how often a batch failed.
func (b *Backlog) tries(uid types.UID) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r := b.failed.unfinished[uid]; r != nil {
		return r.tries
	}
	return 0
}

// MayName reports whether a change that failed, and is not in memory, may touch an object.
func (b *Backlog) mayName(key record.Key) bool {
	name := nameOf(key)
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.failed.unfinished {
		if r.mayName(key, name) {
			return true
		}
	}
	return false
}

// Waits reports whether a batch that could not end holds a record of a namespace whose event is not newer than that.
func (b *Backlog) waits(namespace string, through time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.failed.unfinished {
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
func openChangesOf(info BatchInfo, object *fastpixv1.EventBatch, r *unfinished) openChanges {
	return func(s ChangeIndex, rec *record.Record) (open, exempt bool) {
		if r != nil && r.open != nil {
			exempt, open = r.open[s]
			return open, exempt
		}
		switch {
		case !info.retry, info.mark == fastpixv1.FailedChangesUpdate, rec == nil:
			return true, false
		case info.mark == fastpixv1.FailedChangesCreate, len(rec.Changes) == 1:
			return true, true
		}
		// Older controllers kept records whole: what the status does not name was perhaps folded long ago.
		return true, slices.ContainsFunc(object.Status.Failed, func(f fastpixv1.FailedEvent) bool {
			return int(f.Index) == s.Index && f.Object == rec.Key(s.Change).String()
		})
	}
}
