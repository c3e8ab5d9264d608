package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
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
	// sweepPause is the first pause before another sweep after a sweep that delayed a purge.
	sweepPause = time.Minute
	// sweepRetry is the first pause before another sweep after a sweep that failed. An API server that has just started fails many requests.
	sweepRetry = 2 * time.Second
	// advisableAssets is how many assets one endpoint may mirror before its status advises against more.
	advisableAssets = 50_000
)

// Sweeper checks all mirrors once an hour, page by page, for what no timer covers: the retention of ready and failed media, specs that changed
// while no watch was running, and the number of assets of each endpoint.
type Sweeper struct {
	Live      client.Reader
	Client    client.Client
	Endpoints endpoint.Lookup
	Purger    mirror.Purger
	// Enqueue enqueues an object for the mirrors' reconciler, so that only one worker at a time decides about the object.
	Enqueue   func(record.Key)
	MayChange func(record.Key) bool
	Now       func() time.Time
	// SpecsWatched are closed when the watches of specs find every later change. A sweep after that misses no change.
	SpecsWatched []<-chan struct{}
	// Delayed is how many mirrors the last sweep could not purge, because a record may change them.
	Delayed int
}

// Start sweeps as soon as specs are watched, and then every hour.
func (s *Sweeper) Start(ctx context.Context) error {
	for _, watched := range s.SpecsWatched {
		select {
		case <-watched:
		case <-ctx.Done():
		}
	}
	retry, pause := sweepRetry, sweepPause // both grow: a busy journal may delay purges for long, and each sweep lists all mirrors
	for ctx.Err() == nil {
		switch err := s.Sweep(ctx); {
		case err != nil:
			if ctx.Err() == nil {
				ctrl.LoggerFrom(ctx).Error(err, "Looking for mirrors whose retention has passed failed, will retry")
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

// Sweep checks every mirror once. An error about one mirror does not stop the sweep.
func (s *Sweeper) Sweep(ctx context.Context) error {
	s.Delayed = 0
	assets := map[types.NamespacedName]int{}
	var errs []error
	check := func(object runtime.Object) error {
		m := mirror.Of(object.(client.Object))
		if _, ok := m.(*mirror.MediaAsset); ok {
			assets[types.NamespacedName{Namespace: m.APIObject().GetNamespace(), Name: m.EndpointName()}]++
		}
		if err := s.check(ctx, m); err != nil {
			errs = append(errs, err)
		}
		return nil
	}
	for _, newPage := range []func() client.ObjectList{
		func() client.ObjectList { return &fastpixv1.MediaAssetList{} },
		func() client.ObjectList { return &fastpixv1.LiveStreamList{} },
	} {
		if err := apiserver.ForEach(ctx, s.Live, newPage, check); err != nil {
			return err
		}
	}
	return errors.Join(append(errs, s.updateAssetWarnings(ctx, assets))...)
}

// check purges a ready or failed mirror whose retention has passed, and enqueues a mirror whose status does not match its spec or whose timer is
// due.
func (s *Sweeper) check(ctx context.Context, m mirror.Object) error {
	object, key := m.APIObject(), mirror.KeyOf(m)
	if object.GetDeletionTimestamp() != nil || len(m.Conditions()) == 0 && !mirror.IsMisnamed(m) {
		return nil // the mirror is being deleted, or no event was mirrored yet
	}
	retention, passed, err := s.retentionPassed(ctx, m)
	if err != nil {
		return err
	}
	if passed {
		done := false
		if !s.MayChange(key) {
			done, err = s.Purger.Purge(ctx, m, retention)
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

// retentionPassed returns the endpoint's retention of ready or failed media, and whether it has passed for a mirror since the mirror became ready
// or failed.
func (s *Sweeper) retentionPassed(ctx context.Context, m mirror.Object) (retention time.Duration, passed bool, err error) {
	endpoint, err := s.Endpoints.Of(ctx, m.APIObject().GetNamespace(), m.EndpointName())
	if err != nil || endpoint == nil {
		return 0, false, err
	}
	policy, condition := endpoint.Spec.Retention.Ready, fastpixv1.ConditionReady
	switch m.State() {
	case record.StateReady:
	case record.StateFailed: // Ready was false before, too; Stalled has changed
		policy, condition = endpoint.Spec.Retention.Failed, fastpixv1.ConditionStalled
	default:
		return 0, false, nil
	}
	since := apimeta.FindStatusCondition(m.Conditions(), condition)
	if policy == nil || since == nil {
		return 0, false, nil
	}
	return policy.Duration, s.Now().Sub(since.LastTransitionTime.Time) > policy.Duration, nil
}

// updateAssetWarnings sets or clears the warning that an endpoint mirrors too many assets.
func (s *Sweeper) updateAssetWarnings(ctx context.Context, counts map[types.NamespacedName]int) error {
	// The cache bounds what users can write into endpoints. A live list would decode all of it at once.
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

// setAssetWarning sets or clears the warning of an endpoint that mirrors n assets, and reports whether the status changed.
func setAssetWarning(e *fastpixv1.WebhookEndpoint, n int) bool {
	if n > advisableAssets {
		return apimeta.SetStatusCondition(&e.Status.Conditions, assetWarning(n, e.Generation))
	}
	return apimeta.RemoveStatusCondition(&e.Status.Conditions, fastpixv1.ConditionTooManyAssets)
}

func assetWarning(n int, generation int64) metav1.Condition {
	return metav1.Condition{
		Type: fastpixv1.ConditionTooManyAssets, Status: metav1.ConditionTrue, Reason: "TooManyAssets", ObservedGeneration: generation,
		Message: fmt.Sprintf("This endpoint mirrors %d assets, more than the recommended %d. Set spec.retention, or spread workspaces over clusters.", n, advisableAssets),
	}
}
