package oracle

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	decoder "github.com/fastpix-operator/fastpix-operator/internal/event"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
	"github.com/fastpix-operator/fastpix-operator/test/chaos/workload"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

// Oracle knows what was acknowledged, and of which records each mirror must therefore be made.
type Oracle struct {
	mu      sync.Mutex
	bodies  map[[sha256.Size]byte]bool
	acked   map[string]time.Time // when each event was acknowledged first
	acks    int
	records map[record.Key][]*record.Record
	err     error
}

// New returns an oracle for which nothing was acknowledged yet.
func New() *Oracle {
	return &Oracle{bodies: map[[sha256.Size]byte]bool{}, acked: map[string]time.Time{}, records: map[record.Key][]*record.Record{}}
}

// Record notes that an event was answered 2xx: from now on it must not be lost.
func (o *Oracle) Record(e *workload.Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	o.acks++
	sum := sha256.Sum256(e.Body)
	if o.bodies[sum] {
		return
	}
	o.bodies[sum] = true
	r, err := recordOf(e)
	if err != nil {
		o.err = errors.Join(o.err, fmt.Errorf("event %s: %w", e.ID, err))
		return
	}
	if id := eventKey(r); o.acked[id].IsZero() {
		o.acked[id] = now
	}
	for i := range r.Changes {
		o.records[r.Key(i)] = append(o.records[r.Key(i)], r)
	}
}

// Mirrors returns the acknowledged records of each mirror, and what was wrong with an event. Nothing may be sent meanwhile.
func (o *Oracle) Mirrors() (map[record.Key][]*record.Record, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.records), o.err
}

// KeysOf returns the objects that an event is about.
func KeysOf(e *workload.Event) ([]record.Key, error) {
	r, err := recordOf(e)
	if err != nil {
		return nil, err
	}
	keys := make([]record.Key, len(r.Changes))
	for i := range r.Changes {
		keys[i] = r.Key(i)
	}
	return keys, nil
}

// Counts returns how many events were acknowledged, and how many deliveries of them.
func (o *Oracle) Counts() (events, deliveries int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.acked), o.acks
}

// MissingFrom returns the acknowledged events that the journal lacks.
func (o *Oracle) MissingFrom(j *Journal) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return j.missing(o.acked)
}

// recordOf returns the record that a receiver journals of an event. Only the receipt, the endpoint's UID and the key's fingerprint
// differ, of which no status depends: no event of a history is a few minutes ahead, so every receiver makes the same verdict
// about its time.
func recordOf(e *workload.Event) (*record.Record, error) {
	decoded, err := decoder.Decode(e.Body)
	if err != nil {
		return nil, err
	}
	if !decoded.Known {
		return nil, fmt.Errorf("type %s is not known", decoded.Type.Name)
	}
	name := types.NamespacedName{Namespace: e.Tenant.Namespace, Name: tenant.EndpointName}
	text, err := decoder.Fit(decoded.Record(time.Now(), name, "", ""))
	if err != nil {
		return nil, err
	}
	return record.Decode(text)
}
