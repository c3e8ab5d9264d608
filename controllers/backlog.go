package controllers

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

// batchInfo is what the metadata of a batch says.
type batchInfo struct {
	name    string
	uid     types.UID
	created time.Time
	retry   bool
	counts  map[types.NamespacedName]int64 // records by endpoint
}

func infoOf(meta *metav1.PartialObjectMetadata) batchInfo {
	return batchInfo{
		name:    meta.Name,
		uid:     meta.UID,
		created: meta.CreationTimestamp.Time,
		retry:   meta.Labels[fastpixv1.FailedLabel] == "true",
		counts:  parseCounts(meta.Annotations[fastpixv1.EventCountsAnnotation]),
	}
}

// parseCounts reads "namespace/name=count,..."; what does not parse is left out, since counts only steer.
func parseCounts(s string) map[types.NamespacedName]int64 {
	counts := map[types.NamespacedName]int64{}
	for part := range strings.SplitSeq(s, ",") {
		endpoint, number, _ := strings.Cut(part, "=")
		namespace, name, ok := strings.Cut(endpoint, "/")
		n, err := strconv.ParseInt(number, 10, 64)
		if ok && err == nil && n > 0 {
			counts[types.NamespacedName{Namespace: namespace, Name: name}] += n
		}
	}
	return counts
}

// formatCounts is the inverse of parseCounts.
func formatCounts(counts map[types.NamespacedName]int64) string {
	parts := make([]string, 0, len(counts))
	for endpoint, n := range counts {
		parts = append(parts, endpoint.String()+"="+strconv.FormatInt(n, 10))
	}
	slices.Sort(parts)
	return strings.Join(parts, ",")
}

// minUnread is how many batches that are gone may at least be remembered as unread.
const minUnread = 1024

// backlog knows every batch in the journal by its metadata, and which of them are to be read next. An informer feeds it.
type backlog struct {
	mu      sync.Mutex
	known   map[types.UID]batchInfo
	unread  []types.UID // oldest first; may hold batches that are gone
	reading int         // how many are being read
	newest  bool        // whose turn it is
	arrived chan struct{}
	synced  func() bool // whether every batch is known that was there at the start
}

func newBacklog() *backlog {
	return &backlog{known: map[types.UID]batchInfo{}, arrived: make(chan struct{}, 1), synced: func() bool { return false }}
}

// add makes a batch known and queues it for reading.
func (b *backlog) add(info batchInfo) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.known[info.uid]; ok {
		return
	}
	b.known[info.uid] = info
	b.queue(info.uid)
}

// again queues a known batch for another reading, and reports whether it is known.
func (b *backlog) again(uid types.UID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, ok := b.known[uid]
	if ok {
		b.queue(uid)
	}
	return ok
}

func (b *backlog) queue(uid types.UID) {
	if len(b.unread) > 2*len(b.known)+minUnread { // a standby reads nothing, and must not remember every batch that ever was
		b.unread = slices.DeleteFunc(b.unread, func(uid types.UID) bool { _, ok := b.known[uid]; return !ok })
	}
	b.unread = append(b.unread, uid)
	select {
	case b.arrived <- struct{}{}:
	default:
	}
}

// remove makes a batch unknown.
func (b *backlog) remove(uid types.UID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.known, uid)
}

// next returns the batch to read next: the oldest and the newest in turn, so that neither a backlog holds up what happens now, nor
// what happens now starves a backlog. Whoever gets one calls done once its records are in the ledger, or it is queued again.
func (b *backlog) next() (batchInfo, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.unread) > 0 {
		var uid types.UID
		if last := len(b.unread) - 1; b.newest {
			uid, b.unread = b.unread[last], b.unread[:last]
		} else {
			uid, b.unread = b.unread[0], b.unread[1:]
		}
		if info, ok := b.known[uid]; ok {
			b.newest = !b.newest
			b.reading++
			return info, true
		}
	}
	return batchInfo{}, false
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
	return b.synced() && len(b.unread) == 0 && b.reading == 0
}

// totals counts the records in the journal.
type totals struct {
	pending map[types.NamespacedName]int64
	failed  map[types.NamespacedName]int64
	oldest  time.Time // when the oldest batch that did not fail was written; zero when there is none
}

func (b *backlog) totals() totals {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := totals{pending: map[types.NamespacedName]int64{}, failed: map[types.NamespacedName]int64{}}
	for _, info := range b.known {
		into := t.pending
		if info.retry {
			into = t.failed
		} else if t.oldest.IsZero() || info.created.Before(t.oldest) {
			t.oldest = info.created
		}
		for endpoint, n := range info.counts {
			into[endpoint] += n
		}
	}
	return t
}
