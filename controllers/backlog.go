package controllers

import (
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// batchInfo is what the metadata of a batch says.
type batchInfo struct {
	name    string
	uid     types.UID
	created time.Time
	retry   bool
	mark    string // of fastpixv1.FailedChangesAnnotation
	counts  []endpointCount
	forged  bool // no receiver writes such counts; it has none here
	// replaces are the batches that a joined one takes the place of.
	replaces []types.UID
}

// infoOf returns what is kept of a batch's metadata. A genuine batch bounds what it says; what breaks a bound is not believed, and the batch
// is read as one that does not say whose records it holds.
func (b *backlog) infoOf(meta *metav1.PartialObjectMetadata) batchInfo {
	counts, err := record.ParseCounts(meta.Annotations[fastpixv1.EventCountsAnnotation])
	info := batchInfo{
		name:    meta.Name,
		uid:     meta.UID,
		created: meta.CreationTimestamp.Time,
		retry:   meta.Labels[fastpixv1.FailedLabel] == "true",
		counts:  b.endpoints.counts(counts),
		forged:  err != nil,
	}
	if info.retry {
		info.mark = markOf(meta.Annotations[fastpixv1.FailedChangesAnnotation])
		info.replaces = replacedBy(meta.Annotations[fastpixv1.JoinedFromAnnotation])
	}
	return info
}

// markOf returns a mark in the words of this binary: the text of an annotation is not kept.
func markOf(annotation string) string {
	switch annotation {
	case "":
		return ""
	case fastpixv1.FailedChangesCreate:
		return fastpixv1.FailedChangesCreate
	case fastpixv1.FailedChangesUpdate:
		return fastpixv1.FailedChangesUpdate
	}
	return "unknown"
}

// namespaces returns those whose records the batch holds, at most maxLines; the empty one if it does not say.
func (i batchInfo) namespaces() map[string]bool {
	namespaces := map[string]bool{}
	for _, c := range i.counts {
		if namespaces[c.endpoint.Namespace] = true; len(namespaces) == maxLines {
			break
		}
	}
	if len(namespaces) == 0 {
		namespaces[""] = true
	}
	return namespaces
}

// maxLines is in how many lines a batch waits at most. One of more namespaces waits in some of theirs.
const maxLines = 16

// minStale is how many batches that are gone, or were read already, the line of a namespace may at least hold.
const minStale = 64

// backlog knows every batch in the journal by its metadata, and which of them are to be read next. A journalWatch feeds it.
type backlog struct {
	endpoints *endpointIndex

	mu      sync.Mutex
	known   map[types.UID]batchInfo
	unread  map[types.UID]bool // known ones that are to be read
	lines   rotation[line]     // the same, in the line of each namespace whose records they hold
	reading int                // how many are being read
	arrived chan struct{}
	synced  bool // whether every batch is known that was there at the start
	failed  failedBatches
}

// line is what is to be read of one namespace.
type line struct {
	uids   []types.UID // oldest first; may hold batches that are gone, or were read in another namespace's turn
	newest bool        // whose turn it is
}

// take returns the next batch of the line that is unread: the oldest and the newest in turn, so that neither a backlog holds up what
// happens now, nor what happens now starves a backlog.
func (l *line) take(unread map[types.UID]bool) (uid types.UID, ok bool) {
	for len(l.uids) > 0 {
		if last := len(l.uids) - 1; l.newest {
			uid, l.uids = l.uids[last], l.uids[:last]
		} else {
			uid, l.uids = l.uids[0], l.uids[1:]
		}
		if unread[uid] {
			l.newest = !l.newest
			return uid, true
		}
	}
	return "", false
}

func newBacklog() *backlog {
	return &backlog{
		endpoints: newEndpointIndex(), known: map[types.UID]batchInfo{}, unread: map[types.UID]bool{}, arrived: make(chan struct{}, 1),
		failed: newFailedBatches(),
	}
}

// add makes a batch known and queues it for reading.
func (b *backlog) add(info batchInfo) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.learn(info)
}

// replace makes these the batches that are known. Another batch may have taken the name of one while nobody watched: the UID tells.
func (b *backlog) replace(infos []batchInfo) {
	b.mu.Lock()
	defer b.mu.Unlock()
	are := make(map[types.UID]bool, len(infos))
	for _, info := range infos {
		are[info.uid] = true
	}
	b.learn(infos...)
	for uid := range b.known {
		if !are[uid] {
			b.forget(uid)
		}
	}
	b.synced = true
}

// learn makes batches known, and queues those that nobody has read.
func (b *backlog) learn(infos ...batchInfo) {
	infos = slices.DeleteFunc(slices.Clone(infos), func(info batchInfo) bool {
		_, ok := b.known[info.uid]
		return ok
	})
	for _, info := range infos {
		b.known[info.uid] = info
		if info.forged {
			incredibleBatches.Inc()
		}
	}
	for _, info := range infos {
		b.supersede(info)
	}
	for _, info := range infos {
		if !b.failed.expected[info.name] { // else whoever writes it says when it is to be read
			b.queue(info)
		}
	}
}

// again queues a known batch for another reading, and reports whether it is known.
func (b *backlog) again(uid types.UID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	info, ok := b.known[uid]
	if ok && !b.failed.claimed[uid] {
		b.queue(info)
	}
	return ok
}

// queue has a batch read, unless a joined one took its place, or it took the place of others that are still there.
func (b *backlog) queue(info batchInfo) {
	if b.failed.supersedes(info.uid) {
		return
	}
	b.unread[info.uid] = true
	if r := b.failed.unfinished[info.uid]; r != nil {
		r.resting = false
	}
	for namespace := range info.namespaces() {
		l := b.lines.of(namespace)
		if len(l.uids) > 2*len(b.unread)+minStale { // a standby reads nothing, and must not remember every batch that ever was
			l.uids = slices.DeleteFunc(l.uids, func(uid types.UID) bool { return !b.unread[uid] })
		}
		l.uids = append(l.uids, info.uid)
	}
	select {
	case b.arrived <- struct{}{}:
	default:
	}
}

// remove makes a batch unknown.
func (b *backlog) remove(uid types.UID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.forget(uid)
}

func (b *backlog) forget(uid types.UID) {
	delete(b.known, uid)
	delete(b.unread, uid)
	joined, superseded := b.failed.by[uid]
	b.failed.forget(uid)
	if info, ok := b.known[joined]; superseded && ok && b.failed.unfinished[joined] == nil {
		b.queue(info) // it was joined by another process, and nobody has read it
	}
}

// next returns the batch to read next. The namespaces take turns, so that one tenant's burst does not make another tenant's event wait for
// all of it. Whoever gets one calls done once its records are in the ledger, or it is queued again.
func (b *backlog) next() (batchInfo, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var uid types.UID
	found := false
	take := func(l *line) bool {
		uid, found = l.take(b.unread)
		return len(l.uids) > 0
	}
	for !found {
		if !b.lines.serve(take) {
			return batchInfo{}, false
		}
	}
	delete(b.unread, uid)
	b.reading++
	return b.known[uid], true
}

// counted replaces what the metadata of a batch says about its records by what they are.
func (b *backlog) counted(uid types.UID, byEndpoint map[types.NamespacedName]int64) {
	counts := b.endpoints.counts(byEndpoint)
	b.mu.Lock()
	defer b.mu.Unlock()
	if info, ok := b.known[uid]; ok {
		info.counts = counts
		b.known[uid] = info
	}
}

// done ends what next began.
func (b *backlog) done() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reading--
}

// empty reports whether the records of every batch are in the ledger.
func (b *backlog) empty() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.synced && len(b.unread) == 0 && b.reading == 0 && !b.failed.unreadJoins()
}

// totals counts the records in the journal.
type totals struct {
	pending map[types.NamespacedName]int64
	failed  map[types.NamespacedName]int64
	oldest  time.Time // when the oldest batch that did not fail was written; zero when there is none
	// purged is how new what was purged in each namespace is; the publisher sets it.
	purged map[string]metav1.MicroTime
}

// totals counts them; false as long as not every batch is known that was there at the start.
func (b *backlog) totals() (totals, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := totals{pending: map[types.NamespacedName]int64{}, failed: map[types.NamespacedName]int64{}}
	for _, info := range b.known {
		if _, superseded := b.failed.by[info.uid]; superseded {
			continue
		}
		into := t.pending
		if info.retry {
			into = t.failed
		} else if t.oldest.IsZero() || info.created.Before(t.oldest) {
			t.oldest = info.created
		}
		for _, c := range info.counts {
			into[*c.endpoint] += c.records
		}
	}
	return t, b.synced
}
