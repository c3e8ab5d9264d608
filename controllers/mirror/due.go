package mirror

import (
	"context"
	"errors"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/apiserver"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

const (
	// PurgeRetry is the pause before another attempt to purge a tombstone that an older record delays.
	PurgeRetry = 10 * time.Second
	// NoEndpointRetry is the pause before another attempt to purge a tombstone in a namespace without an endpoint that could record the purge.
	NoEndpointRetry = 10 * time.Minute
)

// ErrNoEndpoint means that a namespace has no endpoint that could record a purge.
var ErrNoEndpoint = errors.New("the namespace has no WebhookEndpoint that could record what is purged")

// Request makes the next reconciliation of an object happen whatever its timer says. It is for objects whose spec has changed.
func (r *Reconciler) Request(key record.Key) { r.requested.Store(key, nil) }

// reconcileDue reconciles an object without pending records: its timer may be due, or its spec has changed.
func (r *Reconciler) reconcileDue(ctx context.Context, key record.Key) (reconcile.Result, error) {
	_, requested := r.requested.LoadAndDelete(key)
	at, timed := r.Timer(key)
	if !requested && (!timed || at.After(r.Now())) {
		return r.requeue(key), nil
	}
	if _, delayed := r.delayedPurges.Load(key); delayed && !requested && r.Records.MayChange(key) {
		return reconcile.Result{RequeueAfter: r.purgeDelay(key)}, nil // without a read: thousands of purges may wait
	}
	r.delayedPurges.Delete(key)
	m, err := r.Store.readLive(ctx, key)
	if m == nil && err == nil {
		return reconcile.Result{}, nil
	}
	result := reconcile.Result{}
	if err == nil && (len(m.Conditions()) > 0 || IsMisnamed(m)) { // else no event was mirrored yet, and the status stays empty
		result, err = r.applyClock(ctx, key, m)
	}
	if err != nil && requested {
		r.Request(key)
	}
	return result, err
}

// applyClock writes what the time changes in the status of a mirror that was read just now. If nothing changes, it purges the mirror when its
// retention has passed.
func (r *Reconciler) applyClock(ctx context.Context, key record.Key, m Object) (reconcile.Result, error) {
	after := m.copy()
	if err := r.settle(ctx, after); err != nil {
		return reconcile.Result{}, err
	}
	if !sameStatus(after, m) {
		return reconcile.Result{}, apiserver.IgnoreStale(r.write(ctx, key, m, after))
	}
	timer, at := after.Timer()
	if timer != fastpixv1.TimerRetention || at == nil || at.After(r.Now()) || m.APIObject().GetDeletionTimestamp() != nil {
		return reconcile.Result{}, nil
	}
	if r.Records.MayChange(key) {
		r.delayedPurges.Store(key, nil)
		return reconcile.Result{RequeueAfter: r.purgeDelay(key)}, nil
	}
	return r.purge(ctx, key, m)
}

// purge deletes a mirror whose retention has passed.
func (r *Reconciler) purge(ctx context.Context, key record.Key, m Object) (reconcile.Result, error) {
	endpoint, err := r.Endpoints.Of(ctx, m.APIObject().GetNamespace(), m.EndpointName())
	if err != nil {
		return reconcile.Result{}, err
	}
	r.Store.Cache.Drop(key)
	done, err := r.Purger.Purge(ctx, m, retentionOf(endpoint))
	switch {
	case errors.Is(err, ErrNoEndpoint):
		return reconcile.Result{RequeueAfter: NoEndpointRetry}, nil
	case err == nil && !done:
		return reconcile.Result{RequeueAfter: PurgeRetry}, nil
	}
	return reconcile.Result{}, err
}

// purgeDelay returns how long a purge waits for records that may change the object. Records that are about to be folded take less time than
// failed records.
func (r *Reconciler) purgeDelay(key record.Key) time.Duration {
	if r.Records.Arriving(key) {
		return time.Second
	}
	return PurgeRetry
}
