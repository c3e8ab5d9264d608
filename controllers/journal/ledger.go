package journal

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// Batch is one EventBatch whose records are in memory.
type Batch struct {
	Name       string
	UID        types.UID
	Retry      bool // it holds records that failed before
	onlyFailed bool // and nothing that was folded
	Records    []string
	bytes      int64
	oldest     map[string]time.Time // by namespace, the time of the oldest event that a purge could turn into a replay

	changes  int // in all, with records that cannot be read
	open     int // entries that are neither folded nor failed
	failures map[ChangeIndex]Failure
}

// ChangeIndex is the place of one change in a batch.
type ChangeIndex struct {
	Index  int // position in batch.records
	Change int // position in the record's changes, or wholeRecord
}

// wholeRecord stands for the changes of a record that cannot be read.
const wholeRecord = -1

// Failure says why one change could not be folded.
type Failure struct {
	Reason  string
	Message string
	Object  record.Key // of the mirror; empty if the record cannot be read
	EventID string
	// Endpoint whose failed record it is; empty if a record that cannot be read does not say.
	Endpoint types.NamespacedName
	// Creates says that the change may create its mirror, see fastpixv1.FailedChangesAnnotation.
	Creates bool
}

// MayChange reports whether folding the change later may touch an object: its own, or any in the namespace if a newer operator wrote it.
func (f Failure) mayChange(key record.Key) bool {
	return f.Object == key || f.Reason == ReasonNewerVersion && f.Endpoint.Namespace == key.Namespace
}

// ChangeRef says where one record's effect on one object is written.
type ChangeRef struct {
	Batch *Batch
	ChangeIndex
	// Exempt says that the change failed before, and was no replay then: what has been purged since does not make it one.
	Exempt bool
}

// Entry is one record's effect on one object.
type Entry struct {
	ChangeRef
	Record *record.Record
}

const (
	// entryBytes is about what a record takes in memory beside its text: its place, and a share of what is kept of its object and batch.
	entryBytes = 256
	// MaxVisitEntries bounds what one visit to an object folds: decoded, a record is twice as large as its text.
	MaxVisitEntries = 1024
)

// Ledger knows which records wait for which object, and how many entries of each batch are still open. It is all the memory
// the fold has: after a restart it is filled again from the journal. Records are kept as text, which takes a third of the memory and
// nothing of the collector's time, and decoded when their object is visited.
//
// For every object, entries are taken and resolved by one worker at a time (the queue sees to that); adding is concurrent.
type Ledger struct {
	mu      sync.Mutex
	pending map[record.Key][]ChangeRef
	batches map[types.UID]*Batch
	bytes   int64
	changed chan struct{} // has an element after bytes fell
}

func NewLedger() *Ledger {
	return &Ledger{
		pending: map[record.Key][]ChangeRef{},
		batches: map[types.UID]*Batch{},
		changed: make(chan struct{}, 1),
	}
}

// Add takes a batch in and returns the objects that its entries touch. A batch that is already there is left alone.
func (l *Ledger) Add(b *Batch, entries []Entry) []record.Key {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.batches[b.UID]; ok {
		return nil
	}
	for _, raw := range b.Records {
		b.bytes += int64(len(raw) + entryBytes)
	}
	b.open = len(entries)
	l.batches[b.UID] = b
	l.bytes += b.bytes
	var keys []record.Key
	for _, e := range entries {
		key := e.Record.Key(e.Change)
		if len(l.pending[key]) == 0 {
			keys = append(keys, key)
		}
		l.pending[key] = append(l.pending[key], e.ChangeRef)
	}
	return keys
}

// delayedPurges returns how many entries wait for an object.
func (l *Ledger) Waiting(key record.Key) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.pending[key])
}

// Peek returns the first entries that wait for an object, as many as one visit folds. They stay until resolve. All were decoded before, so
// that an error is one of the operator.
func (l *Ledger) Peek(key record.Key) ([]Entry, error) {
	l.mu.Lock()
	places := l.pending[key]
	l.mu.Unlock()
	places = places[:min(len(places), MaxVisitEntries)]
	entries := make([]Entry, 0, len(places))
	for _, p := range places {
		r, err := record.Decode(p.Batch.Records[p.Index])
		if err != nil {
			return nil, err
		}
		entries = append(entries, Entry{p, r})
	}
	return entries, nil
}

// Resolve removes the first n entries of an object, folded or failed, and returns the batches that have no open entry left.
// failed holds the reason of those that failed, by position.
func (l *Ledger) Resolve(key record.Key, n int, failed map[int]Failure) []*Batch {
	l.mu.Lock()
	defer l.mu.Unlock()
	var finished []*Batch
	p := l.pending[key]
	for i, e := range p[:n] {
		if f, ok := failed[i]; ok {
			e.Batch.addFailure(e.ChangeIndex, f)
		}
		e.Batch.open--
		if e.Batch.open == 0 {
			finished = append(finished, e.Batch)
		}
	}
	if len(p) == n {
		delete(l.pending, key)
	} else {
		l.pending[key] = append([]ChangeRef(nil), p[n:]...)
	}
	return finished
}

// failedMayChange reports whether a batch that is about to end holds a change that failed and may name an object.
func (l *Ledger) failedMayChange(key record.Key) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range l.batches {
		for _, f := range b.failures {
			if f.mayChange(key) {
				return true
			}
		}
	}
	return false
}

// HasRecordsThrough reports whether a batch in memory holds a record of a namespace whose event is not newer than that.
func (l *Ledger) hasRecordsThrough(namespace string, through time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range l.batches {
		if at, ok := b.oldest[namespace]; ok && !at.After(through) {
			return true
		}
	}
	return false
}

// updateOldest notes that the batch holds a record which a purge could turn into a replay.
func (b *Batch) updateOldest(r *record.Record) {
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

// RecordsOf returns the records of entries.
func RecordsOf(entries []Entry) []*record.Record {
	records := make([]*record.Record, 0, len(entries))
	for _, e := range entries {
		records = append(records, e.Record)
	}
	return records
}

func (b *Batch) addFailure(at ChangeIndex, f Failure) {
	if b.failures == nil {
		b.failures = map[ChangeIndex]Failure{}
	}
	b.failures[at] = f
}

// removeFailures takes failures out of a batch that are in the journal elsewhere.
func (l *Ledger) removeFailures(b *Batch, at []ChangeIndex) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range at {
		delete(b.failures, s)
	}
}

// Forget drops a finished batch.
func (l *Ledger) forget(uid types.UID) {
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

// Get returns a batch that is in memory.
func (l *Ledger) get(uid types.UID) (*Batch, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.batches[uid]
	return b, ok
}

// ended reports whether no entry of a batch is open.
func (l *Ledger) ended(b *Batch) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return b.open == 0
}

// LoadedBytes returns how many bytes the records take in memory.
func (l *Ledger) LoadedBytes() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bytes
}
