package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-logr/logr"
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

const (
	// maxWindowBytes bounds the memory of the records in the ledger: about eight thousand records of whole media, or more smaller ones. One
	// leader folds them within some seconds. The window is large enough to coalesce a burst of events about one object, and small beside a
	// full journal of 256,000 events.
	maxWindowBytes = 12 << 20
	// maxReadPause bounds the pause after a failed read of a batch, so that the few readers resume soon after an outage.
	maxReadPause = 2 * time.Second
)

// Reader moves batches from the backlog into the ledger, within the bound of the window.
type Reader struct {
	Client    client.Reader // reads live: a deleted batch must not be folded again from a cache
	Namespace string
	Backlog   *Backlog
	Ledger    *Ledger
	Enqueue   func(record.Key)
	Discard   func(types.UID)
	Observe   func(*record.Record) // called for each record that is read
	Now       func() time.Time
	Trace     logr.Logger // follows single events
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

// Next waits until the window has space and a batch is to be read. It may return false at any time, and does when the context ends.
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

// Read reads one batch into the ledger, or queues the batch again.
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
		r.Discard(b.UID) // no change can be folded
	}
	return nil
}

// horizon returns the latest credible time of receipt in a batch. It is the later one of the batch's creation and now, plus the tolerated
// difference between two clocks. A record with a later receipt fails, and is folded after that time. So the mirror depends only on the records,
// whichever batch holds them, and a record of the year 9999 waits until then.
func (r *Reader) horizon(info BatchInfo) time.Time {
	at := r.Now()
	if info.created.After(at) {
		at = info.created
	}
	return at.Add(record.MaxFuture)
}

// decode returns the entries of a batch that are still to be folded, and how many records of each endpoint the batch holds. A record fails at
// once if it cannot be read, if a newer operator wrote it, or if it was received after the horizon.
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
		r.traceRead(b, rec)
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
			if !exempt || !b.Retry { // the next process does not know the exemptions of a batch that could not be deleted
				b.updateOldest(rec)
			}
			entries = append(entries, Entry{ChangeRef{Batch: b, ChangeIndex: s, Exempt: exempt}, rec})
		}
	}
	return entries, counts
}

// traceRead traces that an event was read from the journal.
func (r *Reader) traceRead(b *Batch, rec *record.Record) {
	if r.Trace.Enabled() {
		r.Trace.Info("Read an event", "eventID", rec.ID, "eventType", rec.Type, "WebhookEndpoint", rec.Namespace+"/"+rec.Endpoint, "eventBatch", b.Name)
	}
}

// failFutureReceipt fails the open changes of a record that was received after the horizon. Such changes delay no purge, because they are newer.
func failFutureReceipt(b *Batch, index int, rec *record.Record, open openChanges) {
	for c := range rec.Changes {
		s := ChangeIndex{index, c}
		if isOpen, exempt := open(s, rec); isOpen {
			b.addFailure(s, Failure{
				Reason: ReasonReceivedLater, EventID: rec.ID, Creates: exempt,
				Endpoint: types.NamespacedName{Namespace: rec.Namespace, Name: rec.Endpoint},
				Message: fmt.Sprintf("the event has a time of receipt in the future, %s; it is mirrored after that time. Check the clocks of the receivers",
					rec.Received.UTC().Format(time.RFC3339)),
			})
		}
	}
}

// unreadableFailure returns the failure of a record that cannot be read.
func unreadableFailure(raw string, err error) Failure {
	f := Failure{Reason: ReasonUnreadable, Message: err.Error() + "; the record is kept. Check the logs of the operator, and report a bug"}
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

// waitForSignal waits for a signal, at most a second, because another reader may receive the signal.
func waitForSignal(ctx context.Context, signal <-chan struct{}) {
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-signal:
	case <-timer.C:
	}
}
