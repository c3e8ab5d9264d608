package journal

import (
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/queue"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// BatchInfo is what the metadata of a batch says.
type BatchInfo struct {
	Name          string
	UID           types.UID
	created       time.Time
	retry         bool
	failedChanges string // of fastpixv1.FailedChangesAnnotation
	counts        []endpointCount
	implausible   bool // no receiver writes such counts; it has none here
	// replaces are the batches that a joined one takes the place of.
	replaces []types.UID
}

// InfoOf returns what is kept of a batch's metadata. A genuine batch bounds what it says; what breaks a bound is not believed, and the batch
// is read as one that does not say whose records it holds.
func (b *Backlog) InfoOf(meta *metav1.PartialObjectMetadata) BatchInfo {
	counts, err := record.ParseCounts(meta.Annotations[fastpixv1.EventCountsAnnotation])
	info := BatchInfo{
		Name:        meta.Name,
		UID:         meta.UID,
		created:     meta.CreationTimestamp.Time,
		retry:       meta.Labels[fastpixv1.FailedLabel] == "true",
		counts:      b.Endpoints.counts(counts),
		implausible: err != nil,
	}
	if info.retry {
		info.failedChanges = failedChangesOf(meta.Annotations[fastpixv1.FailedChangesAnnotation])
		info.replaces = parseJoinedFrom(meta.Annotations[fastpixv1.JoinedFromAnnotation])
	}
	return info
}

// failedChangesOf returns a mark in the words of this binary: the text of an annotation is not kept.
func failedChangesOf(annotation string) string {
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

// NamespaceReader returns those whose records the batch holds, at most maxQueues; the empty one if it does not say.
func (i BatchInfo) namespaces() map[string]bool {
	namespaces := map[string]bool{}
	for _, c := range i.counts {
		if namespaces[c.endpoint.Namespace] = true; len(namespaces) == maxQueues {
			break
		}
	}
	if len(namespaces) == 0 {
		namespaces[""] = true
	}
	return namespaces
}

// maxQueues is in how many lines a batch waits at most. One of more namespaces waits in some of theirs.
const maxQueues = 16

// minStaleUIDs is how many batches that are gone, or were read already, the line of a namespace may at least hold.
const minStaleUIDs = 64

// Backlog knows every batch in the journal by its metadata, and which of them are to be read next. A Watcher feeds it.
type Backlog struct {
	Endpoints *EndpointIndex

	mu      sync.Mutex
	known   map[types.UID]BatchInfo
	unread  map[types.UID]bool               // known ones that are to be read
	queues  queue.RoundRobin[namespaceQueue] // the same, in the line of each namespace whose records they hold
	reading int                              // how many are being read
	arrived chan struct{}
	Synced  bool // whether every batch is known that was there at the start
	failed  failedBatches
}

// namespaceQueue is what is to be read of one namespace.
type namespaceQueue struct {
	uids       []types.UID // oldest first; may hold batches that are gone, or were read in another namespace's turn
	newestNext bool        // whose turn it is
}

// pop returns the next batch of the line that is unread: the oldest and the newest in turn, so that neither a backlog holds up what
// happens now, nor what happens now starves a backlog.
func (l *namespaceQueue) pop(unread map[types.UID]bool) (uid types.UID, ok bool) {
	for len(l.uids) > 0 {
		if last := len(l.uids) - 1; l.newestNext {
			uid, l.uids = l.uids[last], l.uids[:last]
		} else {
			uid, l.uids = l.uids[0], l.uids[1:]
		}
		if unread[uid] {
			l.newestNext = !l.newestNext
			return uid, true
		}
	}
	return "", false
}

func NewBacklog() *Backlog {
	return &Backlog{
		Endpoints: newEndpointIndex(), known: map[types.UID]BatchInfo{}, unread: map[types.UID]bool{}, arrived: make(chan struct{}, 1),
		failed: newFailedBatches(),
	}
}

// Add makes a batch known and queues it for reading.
func (b *Backlog) Add(info BatchInfo) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.register(info)
}

// Replace makes these the batches that are known. Another batch may have taken the name of one while nobody watched: the UID tells.
func (b *Backlog) Replace(infos []BatchInfo) {
	b.mu.Lock()
	defer b.mu.Unlock()
	are := make(map[types.UID]bool, len(infos))
	for _, info := range infos {
		are[info.UID] = true
	}
	b.register(infos...)
	for uid := range b.known {
		if !are[uid] {
			b.forget(uid)
		}
	}
	b.Synced = true
}

// register makes batches known, and queues those that nobody has read.
func (b *Backlog) register(infos ...BatchInfo) {
	infos = slices.DeleteFunc(slices.Clone(infos), func(info BatchInfo) bool {
		_, ok := b.known[info.UID]
		return ok
	})
	for _, info := range infos {
		b.known[info.UID] = info
		if info.implausible {
			implausibleBatches.Inc()
		}
	}
	for _, info := range infos {
		b.recordReplaced(info)
	}
	for _, info := range infos {
		if !b.failed.expected[info.Name] { // else whoever writes it says when it is to be read
			b.queue(info)
		}
	}
}

// Requeue queues a known batch for another reading, and reports whether it is known.
func (b *Backlog) Requeue(uid types.UID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	info, ok := b.known[uid]
	if ok && !b.failed.claimed[uid] {
		b.queue(info)
	}
	return ok
}

// queue has a batch read, unless a joined one took its place, or it took the place of others that are still there.
func (b *Backlog) queue(info BatchInfo) {
	if b.failed.blocked(info.UID) {
		return
	}
	b.unread[info.UID] = true
	if r := b.failed.retryStates[info.UID]; r != nil {
		r.scheduled = false
	}
	for namespace := range info.namespaces() {
		l := b.queues.Of(namespace)
		if len(l.uids) > 2*len(b.unread)+minStaleUIDs { // a standby reads nothing, and must not remember every batch that ever was
			l.uids = slices.DeleteFunc(l.uids, func(uid types.UID) bool { return !b.unread[uid] })
		}
		l.uids = append(l.uids, info.UID)
	}
	select {
	case b.arrived <- struct{}{}:
	default:
	}
}

// Remove makes a batch unknown.
func (b *Backlog) Remove(uid types.UID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.forget(uid)
}

func (b *Backlog) forget(uid types.UID) {
	delete(b.known, uid)
	delete(b.unread, uid)
	joined, superseded := b.failed.replacedBy[uid]
	b.failed.forget(uid)
	if info, ok := b.known[joined]; superseded && ok && b.failed.retryStates[joined] == nil {
		b.queue(info) // it was joined by another process, and nobody has read it
	}
}

// Next returns the batch to read next. The namespaces take turns, so that one tenant's burst does not make another tenant's event wait for
// all of it. Whoever gets one calls done once its records are in the ledger, or it is queued again.
func (b *Backlog) Next() (BatchInfo, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var uid types.UID
	found := false
	take := func(l *namespaceQueue) bool {
		uid, found = l.pop(b.unread)
		return len(l.uids) > 0
	}
	for !found {
		if !b.queues.Serve(take) {
			return BatchInfo{}, false
		}
	}
	delete(b.unread, uid)
	b.reading++
	return b.known[uid], true
}

// setCounts replaces what the metadata of a batch says about its records by what they are.
func (b *Backlog) setCounts(uid types.UID, byEndpoint map[types.NamespacedName]int64) {
	counts := b.Endpoints.counts(byEndpoint)
	b.mu.Lock()
	defer b.mu.Unlock()
	if info, ok := b.known[uid]; ok {
		info.counts = counts
		b.known[uid] = info
	}
}

// Done ends what next began.
func (b *Backlog) Done() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reading--
}

// Empty reports whether the records of every batch are in the ledger.
func (b *Backlog) Empty() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Synced && len(b.unread) == 0 && b.reading == 0 && !b.failed.hasUnreadJoins()
}

// Totals counts the records in the journal.
type Totals struct {
	Pending map[types.NamespacedName]int64
	Failed  map[types.NamespacedName]int64
	Oldest  time.Time // when the oldest batch that did not fail was written; zero when there is none
	// Purged is how new what was purged in each namespace is; the publisher sets it.
	Purged map[string]metav1.MicroTime
}

// Totals counts them; false as long as not every batch is known that was there at the start.
func (b *Backlog) Totals() (Totals, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := Totals{Pending: map[types.NamespacedName]int64{}, Failed: map[types.NamespacedName]int64{}}
	for _, info := range b.known {
		if _, superseded := b.failed.replacedBy[info.UID]; superseded {
			continue
		}
		into := t.Pending
		if info.retry {
			into = t.Failed
		} else if t.Oldest.IsZero() || info.created.Before(t.Oldest) {
			t.Oldest = info.created
		}
		for _, c := range info.counts {
			into[*c.endpoint] += c.records
		}
	}
	return t, b.Synced
}
