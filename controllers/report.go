package controllers

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

// reportInterval is how often one thing is said, with a count of how often it happened.
const reportInterval = time.Minute

// failureReport says in the log, and by a Kubernetes Event on the endpoint, what could not be mirrored: once at first, and then once in each
// interval, with a count. A namespace that refuses its objects does so for every one of them.
type failureReport struct {
	recorder events.EventRecorder
	endpoint func(context.Context, types.NamespacedName) (*fastpixv1.WebhookEndpoint, error)
	now      func() time.Time

	mu    sync.Mutex
	lines map[string]*reportLine
}

// reportLine is one thing that is said again and again.
type reportLine struct {
	said  time.Time
	count int             // what happened since
	say   func(count int) // the latest of it
}

// newFailureReport returns a report. endpoint finds a WebhookEndpoint; it returns nil if there is none.
func newFailureReport(
	recorder events.EventRecorder, endpoint func(context.Context, types.NamespacedName) (*fastpixv1.WebhookEndpoint, error), now func() time.Time,
) *failureReport {
	return &failureReport{recorder: recorder, endpoint: endpoint, now: now, lines: map[string]*reportLine{}}
}

// add says something, or counts it for later if it was said just now.
func (r *failureReport) add(what string, count int, say func(count int)) {
	r.mu.Lock()
	line := r.lines[what]
	if line == nil {
		line = &reportLine{}
		r.lines[what] = line
	}
	line.count += count
	line.say = say
	due := r.due(line)
	r.mu.Unlock()
	if due > 0 {
		say(due)
	}
}

// due returns the count that is to be said now, if any.
func (r *failureReport) due(line *reportLine) int {
	if line.count == 0 || r.now().Sub(line.said) < reportInterval {
		return 0
	}
	count := line.count
	line.count, line.said = 0, r.now()
	return count
}

// flush says what was counted, and forgets what has not happened for an interval.
func (r *failureReport) flush() {
	type saying struct {
		count int
		say   func(int)
	}
	var all []saying
	r.mu.Lock()
	for what, line := range r.lines {
		switch count := r.due(line); {
		case count > 0:
			all = append(all, saying{count, line.say})
		case r.now().Sub(line.said) >= reportInterval:
			delete(r.lines, what)
		}
	}
	r.mu.Unlock()
	for _, s := range all {
		s.say(s.count)
	}
}

// failed reports records of an endpoint that failed and are kept.
func (r *failureReport) failed(ctx context.Context, endpoint types.NamespacedName, failures map[spot]failure) {
	if len(failures) == 0 {
		return
	}
	byPlace := func(x, y spot) int { return cmp.Or(cmp.Compare(x.index, y.index), cmp.Compare(x.change, y.change)) }
	last := failures[slices.MaxFunc(slices.Collect(maps.Keys(failures)), byPlace)]
	object := ""
	if last.object != (record.Key{}) {
		object = last.object.String()
	}
	r.add("failed "+endpoint.String()+" "+last.reason, len(failures), func(count int) {
		ctrl.Log.WithName("failed").Info("Records could not be mirrored; they are kept and retried after 30 seconds, then up to an hour apart",
			"WebhookEndpoint", endpoint.String(), "records", count, "reason", last.reason, "object", object, "message", truncate(last.message, 512))
		r.recordEvent(context.WithoutCancel(ctx), endpoint, count, last, object)
	})
}

// recordEvent makes a Kubernetes Event on the endpoint.
func (r *failureReport) recordEvent(ctx context.Context, key types.NamespacedName, count int, last failure, object string) {
	endpoint, err := r.endpoint(ctx, key)
	if err != nil || endpoint == nil {
		return
	}
	about := "the latest"
	if object != "" {
		about += ", for " + object
	}
	r.recorder.Eventf(endpoint, nil, corev1.EventTypeWarning, last.reason, "Mirror",
		"%d events could not be mirrored and are retried; %s: %s", count, about, truncate(last.message, 512))
}

// refused reports that mirrors of a tenant could not be written, which is tried again until their records count as failed.
func (r *failureReport) refused(key record.Key, err error) {
	r.add("refused "+string(key.Kind)+" "+key.Namespace, 1, func(count int) {
		ctrl.Log.WithName("fold").Info("Mirrors could not be written and are tried again", "kind", key.Kind, "namespace", key.Namespace,
			"attempts", count, "latest", key.Name, "error", truncate(err.Error(), 512))
	})
}

// trouble reports that a batch could not end.
func (r *failureReport) trouble(_ context.Context, err error, b *batch) {
	r.add("trouble", 1, func(count int) {
		ctrl.Log.WithName("discard").Error(err, "Batches could not end, will retry", "attempts", count, "latest", b.name)
	})
}
