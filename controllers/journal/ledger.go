package journal

import (
	"cmp"
	"slices"
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
	onlyFailed bool // every change in it failed, and none was folded
	Records    []string
	bytes      int64
	oldest     map[string]time.Time // by namespace, the time of the oldest event that a purge could turn into a replay

	changes  int // number of all changes; a record that cannot be read counts as one
	open     int // number of entries that are neither folded nor failed
	failures map[ChangeIndex]Failure
}

// ChangeIndex is the position of one change in a batch.
type ChangeIndex struct {
	Index  int // position in Batch.Records
	Change int // position in the record's changes, or wholeRecord
}

// compare orders changes by their position.
func (i ChangeIndex) compare(j ChangeIndex) int {
	return cmp.Or(cmp.Compare(i.Index, j.Index), cmp.Compare(i.Change, j.Change))
}

// wholeRecord stands for the changes of a record that cannot be read.
const wholeRecord = -1

// Failure says why one change could not be folded.
type Failure struct {
	Reason  string
	Message string
	Object  record.Key // key of the mirror; empty if the record cannot be read
	EventID string
	// Endpoint is the endpoint of the record; empty if the record cannot be read and does not say.
	Endpoint types.NamespacedName
	// Creates says that the change may create its mirror. See fastpixv1.FailedChangesAnnotation.
	Creates bool
}

// mayChange reports whether a retry of the change may touch an object: the change's own object, or any object of the namespace if a newer
// operator wrote the record.
func (f Failure) mayChange(key record.Key) bool {
	return f.Object == key || f.Reason == ReasonNewerVersion && f.Endpoint.Namespace == key.Namespace
}

// ChangeRef refers to one change in a batch.
type ChangeRef struct {
	Batch *Batch
	ChangeIndex
	// Exempt says that the change failed before and was not a replay then. A purge since that time does not make it a replay.
	Exempt bool
	// observation says that the record is an observation of sync.
	observation bool
}

// Entry is one change with its decoded record.
type Entry struct {
	ChangeRef
	Record *record.Record
}

const (
	// entryBytes is about what a record takes in memory beside its text: its reference, and a share of the data of its object and its batch.
	entryBytes = 256
	// MaxVisitEntries bounds the entries that one reconciliation of an object folds. A decoded record takes twice the memory of its text.
	MaxVisitEntries = 1024
)

// Ledger holds the records that wait for each object, and how many entries of each batch are still open. After a restart, it is filled again
// from the journal. It holds records as text, which takes a third of the memory and no time of the garbage collector, and decodes them when
// their object is reconciled.
//
// The work queue ensures that one worker at a time peeks and resolves the entries of an object. Adding entries is concurrent.
type Ledger struct {
	mu      sync.Mutex
	pending map[record.Key][]ChangeRef
	batches map[types.UID]*Batch
	bytes   int64
	changed chan struct{} // has an element after bytes decreased
}

// NewLedger returns an empty ledger.
func NewLedger() *Ledger {
	return &Ledger{
		pending: map[record.Key][]ChangeRef{},
		batches: map[types.UID]*Batch{},
		changed: make(chan struct{}, 1),
	}
}

// Add adds a batch and its entries, and returns the objects that had no waiting entry before. It ignores a batch that is in the ledger.
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
		e.observation = record.IsObservation(e.Record.Type)
		l.pending[key] = append(l.pending[key], e.ChangeRef)
	}
	return keys
}

// Waiting returns how many entries wait for an object.
func (l *Ledger) Waiting(key record.Key) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.pending[key])
}

// HasOnlyObservations reports whether entries wait for an object, and all of them are observations of sync.
func (l *Ledger) HasOnlyObservations(key record.Key) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	refs := l.pending[key]
	return len(refs) > 0 && !slices.ContainsFunc(refs, func(r ChangeRef) bool { return !r.observation })
}

// Peek returns the first entries that wait for an object, at most MaxVisitEntries. They stay in the ledger until Resolve. Every record was
// decoded before, so an error is a bug of the operator.
func (l *Ledger) Peek(key record.Key) ([]Entry, error) {
	l.mu.Lock()
	refs := l.pending[key]
	l.mu.Unlock()
	refs = refs[:min(len(refs), MaxVisitEntries)]
	entries := make([]Entry, 0, len(refs))
	for _, ref := range refs {
		r, err := record.Decode(ref.Batch.Records[ref.Index])
		if err != nil {
			return nil, err
		}
		entries = append(entries, Entry{ref, r})
	}
	return entries, nil
}

// Resolve removes the first n entries of an object, and returns the batches that have no open entry left. failed holds the entries that failed,
// by position; the others were folded or discarded.
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

// failedMayChange reports whether a batch in the ledger holds a failed change that may touch an object.
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

// hasRecordsThrough reports whether a batch in the ledger holds a record of a namespace whose event is not newer than through.
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

// updateOldest records that the batch holds a record that a purge could turn into a replay.
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

// removeFailures removes failures from a batch after they were moved to another batch.
func (l *Ledger) removeFailures(b *Batch, at []ChangeIndex) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range at {
		delete(b.failures, s)
	}
}

// forget removes a batch.
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

// get returns a batch that is in the ledger.
func (l *Ledger) get(uid types.UID) (*Batch, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.batches[uid]
	return b, ok
}

// ended reports whether a batch has no open entry.
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
