package journal

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// ReportInterval is the pause between two reports of the same kind. Each report has the count since the last one.
const ReportInterval = time.Minute

// FailureReport reports records that could not be mirrored, in the log and as a Kubernetes Event on the endpoint. It reports the first failure
// at once, and further ones once per interval, with a count: a namespace that refuses one object usually refuses all of them.
type FailureReport struct {
	recorder events.EventRecorder
	endpoint func(context.Context, types.NamespacedName) (*fastpixv1.WebhookEndpoint, error)
	now      func() time.Time

	mu      sync.Mutex
	entries map[string]*reportEntry
}

// reportEntry is one kind of failure.
type reportEntry struct {
	loggedAt time.Time
	count    int             // failures since then
	log      func(count int) // logs the latest failure
}

// NewFailureReport returns a report. endpoint finds a WebhookEndpoint; it returns nil if the endpoint does not exist.
func NewFailureReport(
	recorder events.EventRecorder, endpoint func(context.Context, types.NamespacedName) (*fastpixv1.WebhookEndpoint, error), now func() time.Time,
) *FailureReport {
	return &FailureReport{recorder: recorder, endpoint: endpoint, now: now, entries: map[string]*reportEntry{}}
}

// report logs a failure, or counts it if one of its kind was logged within the interval.
func (r *FailureReport) report(kind string, count int, log func(count int)) {
	r.mu.Lock()
	entry := r.entries[kind]
	if entry == nil {
		entry = &reportEntry{}
		r.entries[kind] = entry
	}
	entry.count += count
	entry.log = log
	due := r.due(entry)
	r.mu.Unlock()
	if due > 0 {
		log(due)
	}
}

// due returns the count to log now; 0 if the interval has not passed or nothing failed.
func (r *FailureReport) due(entry *reportEntry) int {
	if entry.count == 0 || r.now().Sub(entry.loggedAt) < ReportInterval {
		return 0
	}
	count := entry.count
	entry.count, entry.loggedAt = 0, r.now()
	return count
}

// Flush logs the counted failures, and removes kinds of failures that have not happened for an interval.
func (r *FailureReport) Flush() {
	type dueEntry struct {
		count int
		log   func(int)
	}
	var all []dueEntry
	r.mu.Lock()
	for kind, entry := range r.entries {
		switch count := r.due(entry); {
		case count > 0:
			all = append(all, dueEntry{count, entry.log})
		case r.now().Sub(entry.loggedAt) >= ReportInterval:
			delete(r.entries, kind)
		}
	}
	r.mu.Unlock()
	for _, e := range all {
		e.log(e.count)
	}
}

// failed reports records of an endpoint that failed and are kept in the journal.
func (r *FailureReport) failed(ctx context.Context, endpoint types.NamespacedName, failures map[ChangeIndex]Failure) {
	if len(failures) == 0 {
		return
	}
	last := failures[slices.MaxFunc(slices.Collect(maps.Keys(failures)), ChangeIndex.compare)]
	object := ""
	if last.Object != (record.Key{}) {
		object = last.Object.String()
	}
	r.report("failed "+endpoint.String()+" "+last.Reason, len(failures), func(count int) {
		ctrl.Log.WithName("failed").Info("Records could not be mirrored and are retried, first after 30 seconds, later at most an hour apart; see the message for the cause",
			"WebhookEndpoint", endpoint.String(), "records", count, "reason", last.Reason, "object", object, "message", truncate(last.Message, 512))
		r.recordEvent(context.WithoutCancel(ctx), endpoint, count, last, object)
	})
}

// recordEvent records a Kubernetes Event on the endpoint.
func (r *FailureReport) recordEvent(ctx context.Context, key types.NamespacedName, count int, last Failure, object string) {
	endpoint, err := r.endpoint(ctx, key)
	if err != nil || endpoint == nil {
		return
	}
	about := "the latest"
	if object != "" {
		about += ", for " + object
	}
	r.recorder.Eventf(endpoint, nil, corev1.EventTypeWarning, last.Reason, "Mirror",
		"%d events could not be mirrored and are retried; %s: %s", count, about, truncate(last.Message, 512))
}

// WriteRefused reports that a mirror could not be written. The write is retried until the records count as failed.
func (r *FailureReport) WriteRefused(key record.Key, err error) {
	r.report("refused "+string(key.Kind)+" "+key.Namespace, 1, func(count int) {
		ctrl.Log.WithName("fold").Info("Mirrors could not be written, will retry", "kind", key.Kind, "namespace", key.Namespace,
			"attempts", count, "latest", key.Name, "error", truncate(err.Error(), 512))
	})
}

// batchStuck reports that a batch could not be deleted, or its failed records could not be written.
func (r *FailureReport) batchStuck(_ context.Context, err error, b *Batch) {
	r.report("stuck", 1, func(count int) {
		ctrl.Log.WithName("discard").Error(err, "Batches of the journal could not be deleted or moved, will retry", "attempts", count, "latest", b.Name)
	})
}
