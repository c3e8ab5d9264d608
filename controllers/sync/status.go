package sync

import (
	"context"
	"fmt"
	"time"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/projection/merge"
	"github.com/fastpix-operator/fastpix-operator/internal/fastpixapi"
	"github.com/fastpix-operator/fastpix-operator/internal/progress"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// statusWriter writes the syncer's part of an endpoint's status.
type statusWriter struct {
	live   client.Reader
	client client.Client
}

// update reads an endpoint, changes its status, and writes it if it has changed. It reads again after a conflict.
func (w *statusWriter) update(ctx context.Context, name types.NamespacedName, uid types.UID, change func(*fastpixv1.WebhookEndpoint)) error {
	for {
		var e fastpixv1.WebhookEndpoint
		switch err := w.live.Get(ctx, name, &e); {
		case client.IgnoreNotFound(err) != nil:
			return fmt.Errorf("read the endpoint: %w", err)
		case err != nil || e.UID != uid:
			return errEndpointGone
		}
		before := e.Status.DeepCopy()
		change(&e)
		setPollingStatus(&e)
		if apiequality.Semantic.DeepEqual(before, &e.Status) {
			return nil
		}
		err := w.client.Status().Update(ctx, &e)
		if !apierrors.IsConflict(err) {
			if err != nil {
				return fmt.Errorf("update the status of the endpoint: %w", client.IgnoreNotFound(err))
			}
			return nil
		}
	}
}

// updateStatus is statusWriter.update for the endpoint of a session. It logs an error: the next update says more.
func (s *session) updateStatus(ctx context.Context, change func(*fastpixv1.WebhookEndpoint)) {
	if err := s.status.update(ctx, s.name, s.endpoint.UID, change); err != nil && ctx.Err() == nil {
		ctrl.LoggerFrom(ctx).Error(err, "Cannot update the status of an endpoint, the next update tries again", "WebhookEndpoint", s.name.String())
	}
}

// reportStarted says that a run has started.
func (r *run) reportStarted(ctx context.Context) {
	r.updateStatus(ctx, func(e *fastpixv1.WebhookEndpoint) {
		syncStatus(e).LastStartedTime = merge.MicroTime(r.started)
		if apimeta.FindStatusCondition(e.Status.Conditions, fastpixv1.ConditionSynced) == nil {
			setSynced(e, r.syncing("The first comparison with FastPix has started."), r.endpoint.Generation)
		}
	})
}

// syncing returns the condition of a first run that is not complete.
func (r *run) syncing(message string) metav1.Condition {
	return metav1.Condition{Status: metav1.ConditionUnknown, Reason: fastpixv1.ReasonSyncing, Message: message}
}

// progressInterval is the least time between two messages of a run's progress.
const progressInterval = 5 * time.Second

// reportProgress says how far a first run is.
func (r *run) reportProgress(ctx context.Context, kind record.Kind, page *fastpixapi.Page) {
	if !r.first || r.now().Sub(r.progressed) < progressInterval {
		return
	}
	r.progressed = r.now()
	p := progress.Progress{Page: page.Number, Pages: max(page.Pages, page.Number), Of: progress.Media, Created: r.report.created}
	if kind == record.LiveStream {
		p.Of = progress.LiveStreams
	}
	message := p.String()
	r.updateStatus(ctx, func(e *fastpixv1.WebhookEndpoint) { setSynced(e, r.syncing(message), r.endpoint.Generation) })
}

// reportUnavailable says that the API gives no answer. It writes only when the reason changes.
func (s *session) reportUnavailable(ctx context.Context, err error) {
	p, ok := err.(*problem) //nolint:errorlint // apiProblem wraps nothing
	if !ok || s.unavailable == p.reason {
		return
	}
	s.unavailable = p.reason
	s.updateStatus(ctx, func(e *fastpixv1.WebhookEndpoint) {
		if before := apimeta.FindStatusCondition(e.Status.Conditions, fastpixv1.ConditionSynced); before != nil && s.reported == nil {
			s.reported = before.DeepCopy()
		}
		setSynced(e, metav1.Condition{Status: metav1.ConditionFalse, Reason: p.reason, Message: p.message}, s.endpoint.Generation)
	})
}

// reportAvailable takes back that the API gave no answer: the condition is again what it was. The end of the run says more.
func (s *session) reportAvailable(ctx context.Context) {
	if s.unavailable == "" {
		return
	}
	s.unavailable = ""
	if before := s.reported; before != nil {
		s.reported = nil
		s.updateStatus(ctx, func(e *fastpixv1.WebhookEndpoint) { setSynced(e, *before, before.ObservedGeneration) })
	}
}
