package mirror

import (
	"github.com/fastpix-operator/fastpix-operator/controllers/journal"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// What a trace says about an event after it was folded.
const (
	traceWritten   = "written"   // the status shows the event; detail is the resource version
	traceUnchanged = "unchanged" // the status showed it already, or the event says nothing new
	traceDiscarded = "discarded" // detail is the reason
	traceFailed    = "failed"    // detail is the reason; the event is kept and retried
)

// traceFold traces that events are folded into a mirror. A fold that meets a conflict is repeated.
func (r *Reconciler) traceFold(key record.Key, entries []journal.Entry, attempt int) {
	if !r.Trace.Enabled() {
		return
	}
	for _, e := range entries {
		r.Trace.Info("Folds an event", "eventID", e.Record.ID, "eventType", e.Record.Type, "WebhookEndpoint", e.Record.Namespace+"/"+e.Record.Endpoint,
			"object", key.String(), "eventBatch", e.Batch.Name, "attempt", attempt)
	}
}

// traceResult traces what became of events.
func (r *Reconciler) traceResult(key record.Key, entries []journal.Entry, result, detail string) {
	if !r.Trace.Enabled() {
		return
	}
	for _, e := range entries {
		r.Trace.Info("Folded an event", "eventID", e.Record.ID, "eventType", e.Record.Type, "WebhookEndpoint", e.Record.Namespace+"/"+e.Record.Endpoint,
			"object", key.String(), "eventBatch", e.Batch.Name, "result", result, "detail", detail)
	}
}

// traceFiltered traces the entries that are not in kept, which is a part of them in the same order.
func (r *Reconciler) traceFiltered(key record.Key, entries, kept []journal.Entry, reason string) {
	if !r.Trace.Enabled() {
		return
	}
	for i := range entries {
		if len(kept) > 0 && kept[0].ChangeRef == entries[i].ChangeRef {
			kept = kept[1:]
			continue
		}
		r.traceResult(key, entries[i:i+1], traceDiscarded, reason)
	}
}
