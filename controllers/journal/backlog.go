package journal

import (
	"hash/maphash"
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/queue"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// BatchInfo holds what the backlog keeps of the metadata of a batch.
type BatchInfo struct {
	Name          string
	UID           types.UID
	created       time.Time
	retry         bool
	failedChanges string // value of fastpixv1.FailedChangesAnnotation
	counts        []endpointCount
	implausible   bool        // no receiver writes such counts, and counts is empty
	replaces      []types.UID // the batches that a joined batch replaces
	retryRequest  uint64      // hash of fastpixv1.RetryRequestedAtAnnotation; 0 without it
}

// InfoOf returns what the backlog keeps of a batch's metadata. Counts that exceed the bounds of a genuine batch are ignored. Such a batch is
// read like one that does not say whose records it holds.
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
		if request := meta.Annotations[fastpixv1.RetryRequestedAtAnnotation]; request != "" {
			info.retryRequest = maphash.String(hashSeed, request)
		}
	}
	return info
}

// failedChangesOf returns the value of the annotation as a constant, so that the text of the annotation is not kept in memory.
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

// namespaces returns the namespaces whose records the batch holds, at most maxQueues. If the batch does not say, it is the empty namespace.
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

const (
	// maxQueues bounds the queues in which one batch waits. A batch of more namespaces waits in the queues of some of them.
	maxQueues = 16
	// minStaleUIDs is how many stale UIDs the queue of a namespace may hold before they are removed. A UID is stale when its batch was deleted
	// or read.
	minStaleUIDs = 64
)

// Backlog holds the metadata of every batch in the journal, and decides which batch is read next. A Watcher keeps it up to date.
type Backlog struct {
	Endpoints *EndpointIndex

	mu      sync.Mutex
	known   map[types.UID]BatchInfo
	unread  map[types.UID]bool               // batches that are to be read
	queues  queue.RoundRobin[namespaceQueue] // the same batches, in the queue of each namespace whose records they hold
	reading int                              // how many batches are being read
	arrived chan struct{}                    // has an element after a batch was queued
	synced  bool                             // whether the first list of all batches is complete
	failed  failedBatches
}

// newestEvery is how many reads of a namespace include one of its newest batch. All other reads are of its oldest batch. So an event waits at
// most newestEvery/(newestEvery-1) times as long as the events before it take to read, however many events follow it.
const newestEvery = 4

// namespaceQueue holds the batches of one namespace that are to be read.
type namespaceQueue struct {
	uids  []types.UID // oldest first; may hold stale UIDs
	reads int         // number of batches that were read, modulo newestEvery
}

// pop returns the next unread batch: the oldest, or for one read in newestEvery the newest. So a backlog does not delay all new events, and new
// events delay a backlog little.
func (q *namespaceQueue) pop(unread map[types.UID]bool) (uid types.UID, ok bool) {
	for len(q.uids) > 0 {
		if last := len(q.uids) - 1; q.reads == 1 {
			uid, q.uids = q.uids[last], q.uids[:last]
		} else {
			uid, q.uids = q.uids[0], q.uids[1:]
		}
		if unread[uid] {
			q.reads = (q.reads + 1) % newestEvery
			return uid, true
		}
	}
	return "", false
}

// NewBacklog returns a backlog that knows no batch.
func NewBacklog() *Backlog {
	return &Backlog{
		Endpoints: newEndpointIndex(), known: map[types.UID]BatchInfo{}, unread: map[types.UID]bool{}, arrived: make(chan struct{}, 1),
		failed: newFailedBatches(),
	}
}

// Add adds a batch and queues it for reading. If it is known and a user requests its retry, it is queued again.
func (b *Backlog) Add(info BatchInfo) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.retryOnRequest(info)
	b.register(info)
}

// Replace makes these batches the only ones in the backlog. It compares UIDs, because another batch may have the name of a deleted one.
func (b *Backlog) Replace(infos []BatchInfo) {
	b.mu.Lock()
	defer b.mu.Unlock()
	listed := make(map[types.UID]bool, len(infos))
	for _, info := range infos {
		listed[info.UID] = true
	}
	for _, info := range infos {
		b.retryOnRequest(info)
	}
	b.register(infos...)
	for uid := range b.known {
		if !listed[uid] {
			b.forget(uid)
		}
	}
	b.synced = true
}

// register adds batches, and queues those that are new.
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
		if !b.failed.expected[info.Name] { // else finishWrite decides when it is read
			b.queue(info)
		}
	}
}

// Requeue queues a batch to be read again, and reports whether the batch is known.
func (b *Backlog) Requeue(uid types.UID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	info, ok := b.known[uid]
	if ok && !b.failed.claimed[uid] {
		b.queue(info)
	}
	return ok
}

// queue queues a batch for reading, unless a joined batch replaces it or it replaces batches that still exist.
func (b *Backlog) queue(info BatchInfo) {
	if b.failed.blocked(info.UID) {
		return
	}
	b.unread[info.UID] = true
	if s := b.failed.retryStates[info.UID]; s != nil {
		s.scheduled = false
	}
	for namespace := range info.namespaces() {
		q := b.queues.Of(namespace)
		if len(q.uids) > 2*len(b.unread)+minStaleUIDs { // a standby reads nothing, so its queues would grow without bound
			q.uids = slices.DeleteFunc(q.uids, func(uid types.UID) bool { return !b.unread[uid] })
		}
		q.uids = append(q.uids, info.UID)
	}
	select {
	case b.arrived <- struct{}{}:
	default:
	}
}

// Remove removes a batch.
func (b *Backlog) Remove(uid types.UID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.forget(uid)
}

func (b *Backlog) forget(uid types.UID) {
	delete(b.known, uid)
	delete(b.unread, uid)
	joined, replaced := b.failed.replacedBy[uid]
	b.failed.forget(uid)
	if info, ok := b.known[joined]; replaced && ok && b.failed.retryStates[joined] == nil {
		b.queue(info) // another process joined it, and this process has not read it
	}
}

// Next returns the batch to read next. It serves the namespaces in turn, so that a burst of one tenant does not delay the events of another.
// The caller calls Done when the records are in the ledger or the batch is queued again.
func (b *Backlog) Next() (BatchInfo, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var uid types.UID
	found := false
	pop := func(q *namespaceQueue) (more bool) {
		uid, found = q.pop(b.unread)
		return len(q.uids) > 0
	}
	for !found {
		if !b.queues.Serve(pop) {
			return BatchInfo{}, false
		}
	}
	delete(b.unread, uid)
	b.reading++
	return b.known[uid], true
}

// setCounts replaces the counts of a batch's metadata by those of its records.
func (b *Backlog) setCounts(uid types.UID, byEndpoint map[types.NamespacedName]int64) {
	counts := b.Endpoints.counts(byEndpoint)
	b.mu.Lock()
	defer b.mu.Unlock()
	if info, ok := b.known[uid]; ok {
		info.counts = counts
		b.known[uid] = info
	}
}

// Done ends the read of a batch that Next returned.
func (b *Backlog) Done() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reading--
}

// Empty reports whether the records of every batch are in the ledger.
func (b *Backlog) Empty() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.synced && len(b.unread) == 0 && b.reading == 0 && !b.failed.hasUnreadJoins()
}

// Totals holds counts of the records in the journal.
type Totals struct {
	Pending map[types.NamespacedName]int64 // records that were not folded yet, by endpoint
	Failed  map[types.NamespacedName]int64 // records that failed, by endpoint
	Oldest  time.Time                      // when the oldest batch that has not failed was created; zero if no batch is pending
	// Purged is the newest event time of the purged mirrors of each namespace. The publisher sets it.
	Purged map[string]metav1.MicroTime
}

// Totals counts the records in the journal. It returns false until the first list of all batches is complete.
func (b *Backlog) Totals() (Totals, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := Totals{Pending: map[types.NamespacedName]int64{}, Failed: map[types.NamespacedName]int64{}}
	for _, info := range b.known {
		if _, replaced := b.failed.replacedBy[info.UID]; replaced {
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
	return t, b.synced
}
