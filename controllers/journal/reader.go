package journal

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
	"github.com/fastpix-operator/fastpix-operator/controllers/queue"
	"github.com/fastpix-operator/fastpix-operator/internal/apiserver"
	"github.com/fastpix-operator/fastpix-operator/internal/clock"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// maxWindowBytes bounds what records take in memory: eight thousand of those that tell of a whole media, more of others. It is what one
// leader folds in some seconds, enough to coalesce a burst of events about one object, and small beside a full journal of 256,000 events.
const maxWindowBytes = 12 << 20

// maxReadPause bounds the pause after a batch could not be read, so that all goes on soon after an outage: there are few readers.
const maxReadPause = 2 * time.Second

// Reader moves batches from the backlog into the ledger, as far as the window has room.
type Reader struct {
	Client    client.Reader // live: a batch that is gone must not be folded again out of anybody's memory
	Namespace string
	Backlog   *Backlog
	Ledger    *Ledger
	Enqueue   func(record.Key)
	Discard   func(types.UID)
	Observe   func(*record.Record) // called for each record that is read
	Now       func() time.Time
}

// Start reads until the context ends. It is safe to run several at once.
func (r *Reader) Start(ctx context.Context) error {
	backoff := wait.Backoff{Duration: queue.MinBackoff, Factor: 2, Jitter: 0.2, Steps: 64, Cap: maxReadPause}
	delay := backoff
	for ctx.Err() == nil {
		info, ok := r.Next(ctx)
		if !ok {
			continue
		}
		err := r.Read(ctx, info)
		if err == nil {
			delay = backoff
			continue
		}
		if ctx.Err() == nil {
			ctrl.LoggerFrom(ctx).Error(err, "Reading a batch failed, will retry", "eventBatch", info.Name)
		}
		clock.Sleep(ctx, delay.Step())
	}
	return nil
}

// Next waits until the window has room and a batch is to be read; it returns false now and then, and when the context ends.
func (r *Reader) Next(ctx context.Context) (BatchInfo, bool) {
	if r.Ledger.LoadedBytes() >= maxWindowBytes {
		waitForSignal(ctx, r.Ledger.changed)
		return BatchInfo{}, false
	}
	if info, ok := r.Backlog.Next(); ok {
		return info, true
	}
	waitForSignal(ctx, r.Backlog.arrived)
	return BatchInfo{}, false
}

// Read gets one batch and takes its records into the ledger, or queues it again.
func (r *Reader) Read(ctx context.Context, info BatchInfo) (err error) {
	defer func() {
		if err != nil {
			r.Backlog.Requeue(info.UID)
		}
		r.Backlog.Done()
	}()
	if _, ok := r.Ledger.get(info.UID); ok {
		return nil
	}
	var object fastpixv1.EventBatch
	err = r.Client.Get(ctx, types.NamespacedName{Namespace: r.Namespace, Name: info.Name}, &object)
	switch {
	case apiserver.IsNotFound(err), err == nil && object.UID != info.UID:
		r.Backlog.Remove(info.UID)
		return nil
	case err != nil:
		return err
	}
	b := &Batch{Name: object.Name, UID: object.UID, Retry: info.retry, onlyFailed: info.failedChanges != "", Records: object.Spec.Events}
	entries, counts := r.decode(b, openChangesOf(info, &object, r.Backlog.retryStateOf(info.UID)), r.horizon(info))
	r.Backlog.setCounts(info.UID, counts)
	for _, key := range r.Ledger.Add(b, entries) {
		r.Enqueue(key)
	}
	if len(entries) == 0 {
		r.Discard(b.UID) // nothing in it can be folded
	}
	return nil
}

// horizon returns the latest receipt that is believed of a batch: not later than the API server created it, nor than now, by more than two
// clocks may differ. A later record waits among the failed ones until its time has come. So the mirror still depends on the records alone,
// whatever batch holds one, and a record of the year 9999 waits until then.
func (r *Reader) horizon(info BatchInfo) time.Time {
	at := r.Now()
	if info.created.After(at) {
		at = info.created
	}
	return at.Add(record.MaxFuture)
}

// decode returns the entries of a batch that are still to be folded, and how many records of each endpoint it holds. A record that cannot be
// read, or that a newer operator wrote, fails at once, and so does one that was received after the horizon.
func (r *Reader) decode(b *Batch, open openChanges, horizon time.Time) (entries []Entry, counts map[types.NamespacedName]int64) {
	counts = map[types.NamespacedName]int64{}
	for i, raw := range b.Records {
		rec, err := record.Decode(raw)
		if err != nil {
			b.changes++
			if isOpen, _ := open(ChangeIndex{i, wholeRecord}, nil); isOpen {
				b.addFailure(ChangeIndex{i, wholeRecord}, unreadableFailure(raw, err))
			}
			counts[r.Backlog.Endpoints.known(endpointOf(raw))]++
			continue
		}
		counts[types.NamespacedName{Namespace: rec.Namespace, Name: rec.Endpoint}]++
		b.changes += len(rec.Changes)
		if rec.Received.After(horizon) {
			failFutureReceipt(b, i, rec, open)
			continue
		}
		r.Observe(rec)
		for c := range rec.Changes {
			s := ChangeIndex{i, c}
			isOpen, exempt := open(s, rec)
			if !isOpen {
				continue
			}
			if !exempt || !b.Retry { // the next process knows of no exemption in a batch that could not end
				b.updateOldest(rec)
			}
			entries = append(entries, Entry{ChangeRef{b, s, exempt}, rec})
		}
	}
	return entries, counts
}

// failFutureReceipt fails the open changes of a record whose receipt is still to come. They hold up no purge: their time is after it.
func failFutureReceipt(b *Batch, index int, rec *record.Record, open openChanges) {
	for c := range rec.Changes {
		s := ChangeIndex{index, c}
		if isOpen, exempt := open(s, rec); isOpen {
			b.addFailure(s, Failure{
				Reason: ReasonReceivedLater, EventID: rec.ID, Creates: exempt,
				Endpoint: types.NamespacedName{Namespace: rec.Namespace, Name: rec.Endpoint},
				Message: fmt.Sprintf("it says that it was received at %s, which is still to come; it is mirrored then. Look at the receivers' clocks",
					rec.Received.UTC().Format(time.RFC3339)),
			})
		}
	}
}

// unreadableFailure says why a record cannot be read.
func unreadableFailure(raw string, err error) Failure {
	f := Failure{Reason: ReasonUnreadable, Message: err.Error() + "; this needs a look at the operator, the record is kept"}
	if errors.Is(err, record.ErrNewerVersion) {
		f.Reason, f.Message = ReasonNewerVersion, err.Error()+"; upgrade the controllers"
	}
	f.Endpoint = endpointOf(raw)
	return f
}

// endpointOf returns the endpoint that the text of an unreadable record names.
func endpointOf(raw string) types.NamespacedName {
	namespace, name := record.EndpointOf(raw)
	return types.NamespacedName{Namespace: namespace, Name: name}
}

// waitForSignal waits for a signal, at most a second: a signal that another reader took must not be waited for.
func waitForSignal(ctx context.Context, signal <-chan struct{}) {
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-signal:
	case <-timer.C:
	}
}
