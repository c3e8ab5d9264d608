package controllers

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// batch is one EventBatch whose records are in memory.
type batch struct {
	name    string
	uid     types.UID
	retry   bool // it holds records that failed before
	marked  bool // and nothing that was folded
	records []string
	bytes   int64
	oldest  map[string]time.Time // by namespace, the time of the oldest event that a purge could turn into a replay

	changes  int // in all, with records that cannot be read
	open     int // entries that are neither folded nor failed
	failures map[spot]failure
}

// spot is the place of one change in a batch.
type spot struct {
	index  int // position in batch.records
	change int // position in the record's changes, or wholeRecord
}

// wholeRecord stands for the changes of a record that cannot be read.
const wholeRecord = -1

// failure says why one change could not be folded.
type failure struct {
	reason  string
	message string
	object  record.Key // of the mirror; empty if the record cannot be read
	eventID string
	// endpoint whose failed record it is; empty if a record that cannot be read does not say.
	endpoint types.NamespacedName
	// creates says that the change may create its mirror, see fastpixv1.FailedChangesAnnotation.
	creates bool
}

// mayName reports whether folding the change later may touch an object: its own, or any in the namespace if a newer operator wrote it.
func (f failure) mayName(key record.Key) bool {
	return f.object == key || f.reason == reasonNewerVersion && f.endpoint.Namespace == key.Namespace
}

// place says where one record's effect on one object is written.
type place struct {
	batch *batch
	spot
	// exempt says that the change failed before, and was no replay then: what has been purged since does not make it one.
	exempt bool
}

// entry is one record's effect on one object.
type entry struct {
	place
	record *record.Record
}

const (
	// placeBytes is about what a record takes in memory beside its text: its place, and a share of what is kept of its object and batch.
	placeBytes = 256
	// maxVisitEntries bounds what one visit to an object folds: decoded, a record is twice as large as its text.
	maxVisitEntries = 1024
)

// ledger knows which records wait for which object, and how many entries of each batch are still open. It is all the memory
// the fold has: after a restart it is filled again from the journal. Records are kept as text, which takes a third of the memory and
// nothing of the collector's time, and decoded when their object is visited.
//
// For every object, entries are taken and resolved by one worker at a time (the queue sees to that); adding is concurrent.
type ledger struct {
	mu      sync.Mutex
	pending map[record.Key][]place
	batches map[types.UID]*batch
	bytes   int64
	changed chan struct{} // has an element after bytes fell
}

func newLedger() *ledger {
	return &ledger{
		pending: map[record.Key][]place{},
		batches: map[types.UID]*batch{},
		changed: make(chan struct{}, 1),
	}
}

// add takes a batch in and returns the objects that its entries touch. A batch that is already there is left alone.
func (l *ledger) add(b *batch, entries []entry) []record.Key {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.batches[b.uid]; ok {
		return nil
	}
	for _, raw := range b.records {
		b.bytes += int64(len(raw) + placeBytes)
	}
	b.open = len(entries)
	l.batches[b.uid] = b
	l.bytes += b.bytes
	var keys []record.Key
	for _, e := range entries {
		key := e.record.Key(e.change)
		if len(l.pending[key]) == 0 {
			keys = append(keys, key)
		}
		l.pending[key] = append(l.pending[key], e.place)
	}
	return keys
}

// waiting returns how many entries wait for an object.
func (l *ledger) waiting(key record.Key) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.pending[key])
}

// peek returns the first entries that wait for an object, as many as one visit folds. They stay until resolve. All were decoded before, so
// that an error is one of the operator.
func (l *ledger) peek(key record.Key) ([]entry, error) {
	l.mu.Lock()
	places := l.pending[key]
	l.mu.Unlock()
	places = places[:min(len(places), maxVisitEntries)]
	entries := make([]entry, 0, len(places))
	for _, p := range places {
		r, err := record.Decode(p.batch.records[p.index])
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry{p, r})
	}
	return entries, nil
}

// resolve removes the first n entries of an object, folded or failed, and returns the batches that have no open entry left.
// failed holds the reason of those that failed, by position.
func (l *ledger) resolve(key record.Key, n int, failed map[int]failure) []*batch {
	l.mu.Lock()
	defer l.mu.Unlock()
	var finished []*batch
	p := l.pending[key]
	for i, e := range p[:n] {
		if f, ok := failed[i]; ok {
			e.batch.fail(e.spot, f)
		}
		e.batch.open--
		if e.batch.open == 0 {
			finished = append(finished, e.batch)
		}
	}
	if len(p) == n {
		delete(l.pending, key)
	} else {
		l.pending[key] = append([]place(nil), p[n:]...)
	}
	return finished
}

// failing reports whether a batch that is about to end holds a change that failed and may name an object.
func (l *ledger) failing(key record.Key) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range l.batches {
		for _, f := range b.failures {
			if f.mayName(key) {
				return true
			}
		}
	}
	return false
}

// waits reports whether a batch in memory holds a record of a namespace whose event is not newer than that.
func (l *ledger) waits(namespace string, through time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range l.batches {
		if at, ok := b.oldest[namespace]; ok && !at.After(through) {
			return true
		}
	}
	return false
}

// holds notes that the batch holds a record which a purge could turn into a replay.
func (b *batch) holds(r *record.Record) {
	if r.Untimed {
		return
	}
	if at, ok := b.oldest[r.Namespace]; ok && !r.Time.Time.Before(at) {
		return
	}
	if b.oldest == nil {
		b.oldest = map[string]time.Time{}
	}
	b.oldest[r.Namespace] = r.Time.Time
}

// recordsOf returns the records of entries.
func recordsOf(entries []entry) []*record.Record {
	records := make([]*record.Record, 0, len(entries))
	for _, e := range entries {
		records = append(records, e.record)
	}
	return records
}

func (b *batch) fail(at spot, f failure) {
	if b.failures == nil {
		b.failures = map[spot]failure{}
	}
	b.failures[at] = f
}

// settle takes failures out of a batch that are in the journal elsewhere.
func (l *ledger) settle(b *batch, at []spot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range at {
		delete(b.failures, s)
	}
}

// forget drops a finished batch.
func (l *ledger) forget(uid types.UID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b, ok := l.batches[uid]; ok {
		l.bytes -= b.bytes
		delete(l.batches, uid)
		select {
		case l.changed <- struct{}{}:
		default:
		}
	}
}

// get returns a batch that is in memory.
func (l *ledger) get(uid types.UID) (*batch, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.batches[uid]
	return b, ok
}

// ended reports whether no entry of a batch is open.
func (l *ledger) ended(b *batch) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return b.open == 0
}

// loaded returns how many bytes the records take in memory.
func (l *ledger) loaded() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bytes
}
