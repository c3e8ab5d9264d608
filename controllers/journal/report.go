package journal

import (
	"cmp"
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

// ReportInterval is how often one thing is said, with a count of how often it happened.
const ReportInterval = time.Minute

// FailureReport says in the log, and by a Kubernetes Event on the endpoint, what could not be mirrored: once at first, and then once in each
// interval, with a count. A namespace that refuses its objects does so for every one of them.
type FailureReport struct {
	recorder events.EventRecorder
	endpoint func(context.Context, types.NamespacedName) (*fastpixv1.WebhookEndpoint, error)
	now      func() time.Time

	mu      sync.Mutex
	entries map[string]*reportEntry
}

// reportEntry is one thing that is said again and again.
type reportEntry struct {
	loggedAt time.Time
	count    int             // what happened since
	log      func(count int) // the latest of it
}

// NewFailureReport returns a report. endpoint finds a WebhookEndpoint; it returns nil if there is none.
func NewFailureReport(
	recorder events.EventRecorder, endpoint func(context.Context, types.NamespacedName) (*fastpixv1.WebhookEndpoint, error), now func() time.Time,
) *FailureReport {
	return &FailureReport{recorder: recorder, endpoint: endpoint, now: now, entries: map[string]*reportEntry{}}
}

// Add says something, or counts it for later if it was said just now.
func (r *FailureReport) report(what string, count int, say func(count int)) {
	r.mu.Lock()
	line := r.entries[what]
	if line == nil {
		line = &reportEntry{}
		r.entries[what] = line
	}
	line.count += count
	line.log = say
	due := r.due(line)
	r.mu.Unlock()
	if due > 0 {
		say(due)
	}
}

// due returns the count that is to be said now, if any.
func (r *FailureReport) due(line *reportEntry) int {
	if line.count == 0 || r.now().Sub(line.loggedAt) < ReportInterval {
		return 0
	}
	count := line.count
	line.count, line.loggedAt = 0, r.now()
	return count
}

// Flush says what was counted, and forgets what has not happened for an interval.
func (r *FailureReport) Flush() {
	type saying struct {
		count int
		say   func(int)
	}
	var all []saying
	r.mu.Lock()
	for what, line := range r.entries {
		switch count := r.due(line); {
		case count > 0:
			all = append(all, saying{count, line.log})
		case r.now().Sub(line.loggedAt) >= ReportInterval:
			delete(r.entries, what)
		}
	}
	r.mu.Unlock()
	for _, s := range all {
		s.say(s.count)
	}
}

// Failed reports records of an endpoint that failed and are kept.
func (r *FailureReport) failed(ctx context.Context, endpoint types.NamespacedName, failures map[ChangeIndex]Failure) {
	if len(failures) == 0 {
		return
	}
	byPlace := func(x, y ChangeIndex) int {
		return cmp.Or(cmp.Compare(x.Index, y.Index), cmp.Compare(x.Change, y.Change))
	}
	last := failures[slices.MaxFunc(slices.Collect(maps.Keys(failures)), byPlace)]
	object := ""
	if last.Object != (record.Key{}) {
		object = last.Object.String()
	}
	r.report("failed "+endpoint.String()+" "+last.Reason, len(failures), func(count int) {
		ctrl.Log.WithName("failed").Info("Records could not be mirrored; they are kept and retried after 30 seconds, then up to an hour apart",
			"WebhookEndpoint", endpoint.String(), "records", count, "reason", last.Reason, "object", object, "message", truncate(last.Message, 512))
		r.recordEvent(context.WithoutCancel(ctx), endpoint, count, last, object)
	})
}

// recordEvent makes a Kubernetes Event on the endpoint.
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

// WriteRefused reports that mirrors of a tenant could not be written, which is tried again until their records count as failed.
func (r *FailureReport) WriteRefused(key record.Key, err error) {
	r.report("refused "+string(key.Kind)+" "+key.Namespace, 1, func(count int) {
		ctrl.Log.WithName("fold").Info("Mirrors could not be written and are tried again", "kind", key.Kind, "namespace", key.Namespace,
			"attempts", count, "latest", key.Name, "error", truncate(err.Error(), 512))
	})
}

// BatchStuck reports that a batch could not end.
func (r *FailureReport) BatchStuck(_ context.Context, err error, b *Batch) {
	r.report("trouble", 1, func(count int) {
		ctrl.Log.WithName("discard").Error(err, "Batches could not end, will retry", "attempts", count, "latest", b.Name)
	})
}
