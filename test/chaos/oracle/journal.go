package oracle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/clock"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

const (
	// storedBatches is where the API server stores EventBatches in etcd.
	storedBatches = "/registry/video.fastpix.com/eventbatches/" + tenant.OperatorNamespace + "/"
	// FollowTimeout is how long a watch may lag behind what etcd has committed.
	FollowTimeout = 15 * time.Second
)

// Journal knows of every event that was ever committed in an EventBatch. It asks etcd, where commits happen: a watch there goes on
// without a gap whatever becomes of the API server, whose own cache is empty at each start.
type Journal struct {
	mu       sync.Mutex
	revision int64                                    // of the last write that is known
	received map[string]time.Time                     // of each event: when the first delivery of it was received that was committed
	last     string                                   // the text of the last record
	observed map[record.Key]map[string]*record.Record // observations of the management API, by their ids
	problems []error
}

// NewJournal returns a journal of which nothing is known yet.
func NewJournal() *Journal {
	return &Journal{received: map[string]time.Time{}, observed: map[record.Key]map[string]*record.Record{}}
}

// Follow notes every batch that is written until the context ends. A gap is a problem, and ends it.
func (j *Journal) Follow(ctx context.Context, plane *controlplane.ControlPlane) {
	for {
		err := plane.WatchStored(ctx, storedBatches, j.revision+1, j.add)
		if errors.Is(err, controlplane.ErrCompacted) {
			j.problem(fmt.Errorf("the journal was not followed without a gap: %w", err))
			return
		}
		if !clock.Sleep(ctx, 100*time.Millisecond) { // else etcd was killed
			return
		}
	}
}

// add takes over what one version of a batch holds.
func (j *Journal) add(stored []byte, revision int64) {
	var batch fastpixv1.EventBatch
	if err := json.Unmarshal(stored, &batch); err != nil {
		j.problem(fmt.Errorf("read a batch of revision %d: %w", revision, err))
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.revision = revision
	for _, text := range batch.Spec.Events {
		r, err := record.Decode(text)
		if err != nil {
			j.problems = append(j.problems, fmt.Errorf("read a record of batch %s: %w", batch.Name, err))
			continue
		}
		j.last = text
		if record.IsObservation(r.Type) {
			j.addObservation(r)
			continue
		}
		id := eventKey(r)
		if before, ok := j.received[id]; !ok || r.Received.Time.Before(before) {
			j.received[id] = r.Received.Time
		}
	}
}

// addObservation notes an observation. The caller holds the lock.
func (j *Journal) addObservation(r *record.Record) {
	for i := range r.Changes {
		key := r.Key(i)
		if j.observed[key] == nil {
			j.observed[key] = map[string]*record.Record{}
		}
		j.observed[key][r.ID] = r
	}
}

// HasObservation reports whether an observation about an object was committed.
func (j *Journal) HasObservation(key record.Key, id string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.observed[key][id] != nil
}

// Observations returns every observation that was committed about the objects of a namespace, by object.
func (j *Journal) Observations(namespace string) map[record.Key][]*record.Record {
	j.mu.Lock()
	defer j.mu.Unlock()
	found := map[record.Key][]*record.Record{}
	for key, records := range j.observed {
		if key.Namespace == namespace {
			found[key] = slices.Collect(maps.Values(records))
		}
	}
	return found
}

// LastRecord returns the text of the last record that was committed; empty if there is none.
func (j *Journal) LastRecord() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last
}

func (j *Journal) problem(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.problems = append(j.problems, err)
}

// Err returns why the journal may not be known in full.
func (j *Journal) Err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return errors.Join(j.problems...)
}

// eventKey identifies an event in all namespaces.
func eventKey(r *record.Record) string { return r.Namespace + "/" + r.ID }

// missing returns the events that were acknowledged although nothing of them was committed that had been received by then: a later
// delivery of an event does not make up for an earlier one that was acknowledged and lost.
func (j *Journal) missing(acknowledged map[string]time.Time) []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var lost []string
	for id, at := range acknowledged {
		if received, ok := j.received[id]; !ok || received.After(at) {
			lost = append(lost, id)
		}
	}
	slices.Sort(lost)
	return lost
}
