package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
	decoder "github.com/fastpix-operator/fastpix-operator/webhookserver/event"
)

// oracle knows what was acknowledged, and of which records each mirror must therefore be made.
type oracle struct {
	mu      sync.Mutex
	bodies  map[[sha256.Size]byte]bool
	acked   map[string]time.Time // when each event was acknowledged first
	acks    int
	records map[record.Key][]*record.Record
	err     error
}

func newOracle() *oracle {
	return &oracle{bodies: map[[sha256.Size]byte]bool{}, acked: map[string]time.Time{}, records: map[record.Key][]*record.Record{}}
}

// acknowledged notes that an event was answered 2xx: from now on it must not be lost.
func (o *oracle) acknowledged(e *event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	o.acks++
	sum := sha256.Sum256(e.body)
	if o.bodies[sum] {
		return
	}
	o.bodies[sum] = true
	r, err := recordOf(e)
	if err != nil {
		o.err = errors.Join(o.err, fmt.Errorf("event %s: %w", e.id, err))
		return
	}
	if id := eventKey(r); o.acked[id].IsZero() {
		o.acked[id] = now
	}
	for i := range r.Changes {
		o.records[r.Key(i)] = append(o.records[r.Key(i)], r)
	}
}

// mirrors returns the acknowledged records of each mirror, and what was wrong with an event. Nothing may be sent meanwhile.
func (o *oracle) mirrors() (map[record.Key][]*record.Record, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.records, o.err
}

// counts returns how many events were acknowledged, and how many deliveries of them.
func (o *oracle) counts() (events, deliveries int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.acked), o.acks
}

// missingFrom returns the acknowledged events that the journal lacks.
func (o *oracle) missingFrom(j *journal) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return j.missing(o.acked)
}

// recordOf returns the record that a receiver journals of an event. Only the receipt, the endpoint's UID and the key's fingerprint
// differ, of which no status depends: no event of a life is a few minutes ahead, so every receiver makes the same verdict
// about its time.
func recordOf(e *event) (*record.Record, error) {
	decoded, err := decoder.Decode(e.body)
	if err != nil {
		return nil, err
	}
	if !decoded.Known {
		return nil, fmt.Errorf("type %s is not known", decoded.Type.Name)
	}
	name := types.NamespacedName{Namespace: e.tenant.namespace, Name: endpointName}
	text, err := decoder.Fit(decoded.Record(time.Now(), name, "", ""))
	if err != nil {
		return nil, err
	}
	return record.Decode(text)
}
