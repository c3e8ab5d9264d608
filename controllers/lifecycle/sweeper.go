package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/endpoint"
	"github.com/fastpix-operator/fastpix-operator/controllers/mirror"
	"github.com/fastpix-operator/fastpix-operator/internal/apiserver"
	"github.com/fastpix-operator/fastpix-operator/internal/clock"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

const (
	sweepInterval = time.Hour
	// sweepPause comes before another sweep when one had to leave something for later.
	sweepPause = time.Minute
	// sweepRetry comes before another sweep when one failed: an API server that has just started fails many.
	sweepRetry = 2 * time.Second
	sweepPage  = 20 // mirrors: as a rule 0.1 MiB, but a sender can make each as large as 1 MiB
	// advisableAssets is how many assets one endpoint mirrors before its status advises against more.
	advisableAssets = 50_000
)

// Sweeper walks all mirrors once an hour, page by page, for what has no timer: retention of media that are ready or failed, specs
// that changed while nobody watched, and how many assets each endpoint has.
type Sweeper struct {
	Live         client.Reader
	Client       client.Client
	Endpoints    endpoint.Lookup
	Purger       mirror.Purger
	Enqueue      func(record.Key) // has an object visited by its own worker, so that nobody else decides about it meanwhile
	MayChange    func(record.Key) bool
	Now          func() time.Time
	SpecsWatched []<-chan struct{} // closed when the watches of specs find every later change: what a sweep did not see yet, they see
	Delayed      int               // mirrors that the last sweep could not purge yet, because a record may name them
}

// Start sweeps as soon as specs are watched, and then every hour.
func (s *Sweeper) Start(ctx context.Context) error {
	for _, watched := range s.SpecsWatched {
		select {
		case <-watched:
		case <-ctx.Done():
		}
	}
	retry, pause := sweepRetry, sweepPause // a busy journal may put off for long, and each sweep lists every mirror: both grow
	for ctx.Err() == nil {
		switch err := s.Sweep(ctx); {
		case err != nil:
			if ctx.Err() == nil {
				ctrl.LoggerFrom(ctx).Error(err, "Sweep failed, will retry")
			}
			clock.Sleep(ctx, retry)
			retry = min(2*retry, sweepInterval)
		case s.Delayed > 0:
			clock.Sleep(ctx, pause)
			pause = min(2*pause, sweepInterval)
		default:
			retry, pause = sweepRetry, sweepPause
			clock.Sleep(ctx, sweepInterval)
		}
	}
	return nil
}

// Sweep visits every mirror once. One that cannot be visited holds up no other.
func (s *Sweeper) Sweep(ctx context.Context) error {
	counts := map[types.NamespacedName]int{}
	s.Delayed = 0
	var errs []error
	for token := ""; ; {
		var page fastpixv1.MediaAssetList
		if err := s.Live.List(ctx, &page, client.Limit(sweepPage), client.Continue(token)); err != nil {
			return err
		}
		for i := range page.Items {
			m := &mirror.MediaAsset{MediaAsset: page.Items[i]}
			counts[types.NamespacedName{Namespace: m.Namespace, Name: m.EndpointName()}]++
			errs = append(errs, s.check(ctx, record.MediaAsset, m))
		}
		if token = page.Continue; token == "" {
			break
		}
	}
	for token := ""; ; {
		var page fastpixv1.LiveStreamList
		if err := s.Live.List(ctx, &page, client.Limit(sweepPage), client.Continue(token)); err != nil {
			return err
		}
		for i := range page.Items {
			errs = append(errs, s.check(ctx, record.LiveStream, &mirror.LiveStream{LiveStream: page.Items[i]}))
		}
		if token = page.Continue; token == "" {
			break
		}
	}
	return errors.Join(append(errs, s.updateAssetWarnings(ctx, counts))...)
}

// check purges a ready or failed mirror whose retention has passed, and has a status catch up with its spec and with the clock.
func (s *Sweeper) check(ctx context.Context, kind record.Kind, m mirror.Object) error {
	object := m.APIObject()
	key := record.Key{Kind: kind, Namespace: object.GetNamespace(), Name: object.GetName()}
	if object.GetDeletionTimestamp() != nil || len(m.Conditions()) == 0 && !mirror.IsMisnamed(m) {
		return nil // on its way out, or nothing was mirrored yet
	}
	limit, over, err := s.retentionPassed(ctx, m)
	if err != nil {
		return err
	}
	if over {
		done := false
		if !s.MayChange(key) {
			done, err = s.Purger.Purge(ctx, m, limit)
		}
		if err == nil && !done {
			s.Delayed++
		}
		return err
	}
	ready := apimeta.FindStatusCondition(m.Conditions(), fastpixv1.ConditionReady)
	_, due := m.Timer()
	if ready != nil && ready.ObservedGeneration == object.GetGeneration() && (due == nil || due.After(s.Now())) {
		return nil
	}
	s.Enqueue(key)
	return nil
}

// retentionPassed reports whether the endpoint's retention of ready or failed media, which it returns, has passed for a mirror, counted from when it
// became so.
func (s *Sweeper) retentionPassed(ctx context.Context, m mirror.Object) (limit time.Duration, over bool, err error) {
	endpoint, err := s.Endpoints.Of(ctx, m.APIObject().GetNamespace(), m.EndpointName())
	if err != nil || endpoint == nil {
		return 0, false, err
	}
	// A failed media was not Ready before either: what it became is Stalled.
	retention, became := endpoint.Spec.Retention.Ready, fastpixv1.ConditionReady
	switch m.State() {
	case record.StateReady:
	case record.StateFailed:
		retention, became = endpoint.Spec.Retention.Failed, fastpixv1.ConditionStalled
	default:
		return 0, false, nil
	}
	since := apimeta.FindStatusCondition(m.Conditions(), became)
	if retention == nil || since == nil {
		return 0, false, nil
	}
	return retention.Duration, s.Now().Sub(since.LastTransitionTime.Time) > retention.Duration, nil
}

// updateAssetWarnings sets or clears the warning that an endpoint mirrors too many assets.
func (s *Sweeper) updateAssetWarnings(ctx context.Context, counts map[types.NamespacedName]int) error {
	// A live list would decode whatever users wrote into all endpoints at once.
	var known fastpixv1.WebhookEndpointList
	if err := s.Endpoints.Cached.List(ctx, &known); err != nil {
		return err
	}
	var errs []error
	for i := range known.Items {
		key := client.ObjectKeyFromObject(&known.Items[i])
		if !setAssetWarning(&known.Items[i], counts[key]) {
			continue
		}
		var e fastpixv1.WebhookEndpoint
		err := s.Live.Get(ctx, key, &e)
		if err == nil && setAssetWarning(&e, counts[key]) {
			err = apiserver.IgnoreStale(s.Client.Status().Update(ctx, &e))
		}
		errs = append(errs, client.IgnoreNotFound(err))
	}
	return errors.Join(errs...)
}

// setAssetWarning sets or clears the warning of an endpoint that mirrors n assets, and reports whether that changed anything.
func setAssetWarning(e *fastpixv1.WebhookEndpoint, n int) bool {
	if n > advisableAssets {
		return apimeta.SetStatusCondition(&e.Status.Conditions, assetWarning(n, e.Generation))
	}
	return apimeta.RemoveStatusCondition(&e.Status.Conditions, fastpixv1.ConditionTooManyAssets)
}

func assetWarning(n int, generation int64) metav1.Condition {
	return metav1.Condition{
		Type: fastpixv1.ConditionTooManyAssets, Status: metav1.ConditionTrue, Reason: "TooManyAssets", ObservedGeneration: generation,
		Message: fmt.Sprintf("This endpoint mirrors %d assets, more than the %d that are advisable; set spec.retention, or spread workspaces over clusters.", n, advisableAssets),
	}
}
