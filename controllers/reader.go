package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/apiserver"
	"github.com/fastpix-operator/fastpix-operator/internal/clock"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// maxWindowBytes bounds what records take in memory: eight thousand of those that tell of a whole media, more of others. It is what one
// leader folds in some seconds, enough to coalesce a burst of events about one object, and small beside a full journal of 256,000 events.
const maxWindowBytes = 12 << 20

// maxReadPause bounds the pause after a batch could not be read, so that all goes on soon after an outage: there are few readers.
const maxReadPause = 2 * time.Second

// reader moves batches from the backlog into the ledger, as far as the window has room.
type reader struct {
	client    client.Reader // live: a batch that is gone must not be folded again out of anybody's memory
	namespace string
	backlog   *backlog
	ledger    *ledger
	enqueue   func(record.Key)
	discard   func(types.UID)
	observe   func(*record.Record) // called for each record that is read
	now       func() time.Time
}

// Start reads until the context ends. It is safe to run several at once.
func (r *reader) Start(ctx context.Context) error {
	backoff := wait.Backoff{Duration: minBackoff, Factor: 2, Jitter: 0.2, Steps: 64, Cap: maxReadPause}
	delay := backoff
	for ctx.Err() == nil {
		info, ok := r.next(ctx)
		if !ok {
			continue
		}
		err := r.read(ctx, info)
		if err == nil {
			delay = backoff
			continue
		}
		if ctx.Err() == nil {
			ctrl.LoggerFrom(ctx).Error(err, "Reading a batch failed, will retry", "eventBatch", info.name)
		}
		clock.Sleep(ctx, delay.Step())
	}
	return nil
}

// next waits until the window has room and a batch is to be read; it returns false now and then, and when the context ends.
func (r *reader) next(ctx context.Context) (batchInfo, bool) {
	if r.ledger.loaded() >= maxWindowBytes {
		waitFor(ctx, r.ledger.changed)
		return batchInfo{}, false
	}
	if info, ok := r.backlog.next(); ok {
		return info, true
	}
	waitFor(ctx, r.backlog.arrived)
	return batchInfo{}, false
}

// read gets one batch and takes its records into the ledger, or queues it again.
func (r *reader) read(ctx context.Context, info batchInfo) (err error) {
	defer func() {
		if err != nil {
			r.backlog.again(info.uid)
		}
		r.backlog.done()
	}()
	if _, ok := r.ledger.get(info.uid); ok {
		return nil
	}
	var object fastpixv1.EventBatch
	err = r.client.Get(ctx, types.NamespacedName{Namespace: r.namespace, Name: info.name}, &object)
	switch {
	case apiserver.IsGone(err), err == nil && object.UID != info.uid:
		r.backlog.remove(info.uid)
		return nil
	case err != nil:
		return err
	}
	b := &batch{name: object.Name, uid: object.UID, retry: info.retry, marked: info.mark != "", records: object.Spec.Events}
	entries, counts := r.decode(b, openIn(info, &object, r.backlog.unfinishedOf(info.uid)), r.horizon(info))
	r.backlog.counted(info.uid, counts)
	for _, key := range r.ledger.add(b, entries) {
		r.enqueue(key)
	}
	if len(entries) == 0 {
		r.discard(b.uid) // nothing in it can be folded
	}
	return nil
}

// horizon returns the latest receipt that is believed of a batch: not later than the API server created it, nor than now, by more than two
// clocks may differ. A later record waits among the failed ones until its time has come. So the mirror still depends on the records alone,
// whatever batch holds one, and a record of the year 9999 waits until then.
func (r *reader) horizon(info batchInfo) time.Time {
	at := r.now()
	if info.created.After(at) {
		at = info.created
	}
	return at.Add(record.MaxFuture)
}

// decode returns the entries of a batch that are still to be folded, and how many records of each endpoint it holds. A record that cannot be
// read, or that a newer operator wrote, fails at once, and so does one that was received after the horizon.
func (r *reader) decode(b *batch, open opening, horizon time.Time) (entries []entry, counts map[types.NamespacedName]int64) {
	counts = map[types.NamespacedName]int64{}
	for i, raw := range b.records {
		rec, err := record.Decode(raw)
		if err != nil {
			b.changes++
			if isOpen, _ := open(spot{i, wholeRecord}, nil); isOpen {
				b.fail(spot{i, wholeRecord}, unreadable(raw, err))
			}
			namespace, name := record.EndpointOf(raw)
			counts[types.NamespacedName{Namespace: namespace, Name: name}]++
			continue
		}
		counts[types.NamespacedName{Namespace: rec.Namespace, Name: rec.Endpoint}]++
		b.changes += len(rec.Changes)
		if rec.Received.After(horizon) {
			failLater(b, i, rec, open)
			continue
		}
		r.observe(rec)
		for c := range rec.Changes {
			s := spot{i, c}
			isOpen, exempt := open(s, rec)
			if !isOpen {
				continue
			}
			if !exempt || !b.retry { // the next process knows of no exemption in a batch that could not end
				b.holds(rec)
			}
			entries = append(entries, entry{place{b, s, exempt}, rec})
		}
	}
	return entries, counts
}

// failLater fails the open changes of a record whose receipt is still to come. They hold up no purge: their time is after it.
func failLater(b *batch, index int, rec *record.Record, open opening) {
	for c := range rec.Changes {
		s := spot{index, c}
		if isOpen, exempt := open(s, rec); isOpen {
			b.fail(s, failure{
				reason: reasonReceivedLater, eventID: rec.ID, creates: exempt,
				endpoint: types.NamespacedName{Namespace: rec.Namespace, Name: rec.Endpoint},
				message: fmt.Sprintf("it says that it was received at %s, which is still to come; it is mirrored then. Look at the receivers' clocks",
					rec.Received.UTC().Format(time.RFC3339)),
			})
		}
	}
}

// unreadable says why a record cannot be read.
func unreadable(raw string, err error) failure {
	f := failure{reason: reasonUnreadable, message: err.Error() + "; this needs a look at the operator, the record is kept"}
	if errors.Is(err, record.ErrNewerVersion) {
		f.reason, f.message = reasonNewerVersion, err.Error()+"; upgrade the controllers"
	}
	f.endpoint.Namespace, f.endpoint.Name = record.EndpointOf(raw)
	return f
}

// waitFor waits for a signal, at most a second: a signal that another reader took must not be waited for.
func waitFor(ctx context.Context, signal <-chan struct{}) {
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-signal:
	case <-timer.C:
	}
}
