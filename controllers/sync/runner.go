package sync

import (
	"context"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/projection/merge"
)

// resultError is the result of a run that ended for a reason that the condition does not name.
const resultError = "Error"

// start starts a run of an endpoint in the background.
func (r *Reconciler) start(e *fastpixv1.WebhookEndpoint) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.stateOf(e)
	if r.base == nil || r.base.Err() != nil || s.cancel != nil {
		return
	}
	log := ctrl.Log.WithName("sync").WithValues("WebhookEndpoint", client.ObjectKeyFromObject(e).String())
	current := newRun(newSession(r.env, e), log, requestOf(e), s.completed.IsZero())
	current.slot = r.slots.slot(e.Namespace)
	ctx, cancel := context.WithCancel(ctrl.LoggerInto(r.base, log))
	s.cancel, s.current, s.config, s.recovered, s.interrupted, s.random = cancel, current, configOf(e), false, false, random()
	r.runs.Go(func() {
		defer cancel()
		r.execute(ctx, s, current)
	})
}

// execute runs a run, reports its end, and enqueues the endpoint.
func (r *Reconciler) execute(ctx context.Context, s *state, current *run) {
	err := current.slot.acquire(ctx)
	if err == nil {
		current.reportStarted(ctx)
		err = current.do(ctx)
		current.slot.release()
	}
	r.finish(ctx, s, current, err)
	r.mu.Lock()
	s.cancel, s.current = nil, nil
	r.mu.Unlock()
	select {
	case r.ended <- event.GenericEvent{Object: current.endpoint}:
	case <-r.base.Done():
	}
}

// finish records how a run has ended. A run that was canceled, because its endpoint has changed or the process ends, says nothing.
func (r *Reconciler) finish(ctx context.Context, s *state, current *run, err error) {
	if ctx.Err() != nil || errors.Is(err, errEndpointGone) {
		r.mu.Lock()
		defer r.mu.Unlock()
		s.interrupted = true
		return
	}
	p, isProblem := errors.AsType[*problem](err)
	result := resultError
	switch {
	case err == nil:
		result = current.report.condition().Reason
		runSeconds.Observe(r.env.now().Sub(current.started).Seconds())
		completed.set(s.uid, r.env.now())
		r.recordRepairs(current)
	case isProblem:
		result = p.reason
	default:
		current.log.Error(err, "A comparison with FastPix failed, will retry")
	}
	runs.WithLabelValues(result).Inc()
	current.logEnd(result)
	_ = current.persist(ctx, func() error {
		return ignoreGone(r.env.status.update(ctx, current.name, current.endpoint.UID, func(e *fastpixv1.WebhookEndpoint) { current.writeEnd(e, err, p) }))
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	s.handled, s.reason = current.request, result
	if err != nil {
		s.failures++
		s.failedAt = r.env.now()
		return
	}
	s.failures, s.completed = 0, r.env.now()
}

// writeEnd writes the end of a run to the status of its endpoint.
func (r *run) writeEnd(e *fastpixv1.WebhookEndpoint, err error, p *problem) {
	sync := syncStatus(e)
	if r.request != "" {
		sync.HandledRequest = r.request
	}
	switch {
	case err == nil:
		sync.LastCompletedTime = merge.MicroTime(r.now())
		if r.workspaceSeen {
			sync.WorkspaceID = r.workspace
		}
		sync.MediaAssets, sync.LiveStreams = r.report.media, r.report.streams
		sync.Created, sync.Repaired, sync.Deleted = r.report.created, r.report.repaired, r.report.deleted
		setSynced(e, r.report.condition(), r.endpoint.Generation)
	case p != nil:
		setSynced(e, metav1.Condition{Status: metav1.ConditionFalse, Reason: p.reason, Message: p.message}, r.endpoint.Generation)
	}
}

func (r *run) logEnd(result string) {
	r.log.Info("A comparison with FastPix has ended", "result", result, "seconds", int(r.now().Sub(r.started).Seconds()),
		"media", r.report.media, "liveStreams", r.report.streams, "created", r.report.created, "repaired", r.report.repaired, "deleted", r.report.deleted,
		"unreadableRows", r.report.unreadable)
}

// recordRepairs records a Kubernetes Event about what a run has changed. After the first run each change is a webhook that did not arrive.
func (r *Reconciler) recordRepairs(current *run) {
	report := &current.report
	if report.tooManyMissing > 0 {
		r.recorder.Eventf(current.endpoint, nil, corev1.EventTypeWarning, fastpixv1.ReasonTooManyMissing, "Sync",
			"FastPix does not have the objects of %d mirrors any more; none counts as deleted until a person confirms it", report.tooManyMissing)
	}
	n := report.created + report.repaired + report.deleted
	if n == 0 {
		return
	}
	what := fmt.Sprintf("%d mirrors created, %d repaired, %d deleted: %s", report.created, report.repaired, report.deleted, strings.Join(report.names, ", "))
	if n > maxNames {
		what += ", ..."
	}
	switch {
	case current.first:
		r.recorder.Eventf(current.endpoint, nil, corev1.EventTypeNormal, "Backfilled", "Sync", "The first comparison with FastPix is complete; %s", what)
		return
	case current.endpoint.Spec.PollsOnly():
		r.recorder.Eventf(current.endpoint, nil, corev1.EventTypeNormal, "Polled", "Sync", "The workspace has changed; %s", what)
		return
	}
	r.recorder.Eventf(current.endpoint, nil, corev1.EventTypeWarning, "WebhooksMissed", "Sync", "Webhooks did not arrive; %s", what)
}

// ignoreGone returns nil for an endpoint that does not exist any more.
func ignoreGone(err error) error {
	if errors.Is(err, errEndpointGone) {
		return nil
	}
	return err
}

// sameStatus reports whether two endpoints have equal statuses.
func sameStatus(a, b *fastpixv1.WebhookEndpoint) bool {
	return apiequality.Semantic.DeepEqual(a.Status, b.Status)
}
