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

// PurgeRetry comes before another look at a tombstone that an older record holds up.
const PurgeRetry = 10 * time.Second

// NoEndpointRetry comes before another look at a tombstone in a namespace without an endpoint that could remember it.
const NoEndpointRetry = 10 * time.Minute

// ErrNoEndpoint means that no endpoint of a namespace is there to remember what is purged.
var ErrNoEndpoint = errors.New("the namespace has no endpoint to remember what is purged")

// Request asks for a visit to an object whose spec has changed, or whose time has come.
func (f *Reconciler) Request(key record.Key) { f.requested.Store(key, nil) }

// reconcileDue visits an object for which nothing is pending: its timer may be due, or its spec has changed.
func (f *Reconciler) reconcileDue(ctx context.Context, key record.Key) (reconcile.Result, error) {
	_, nudged := f.requested.LoadAndDelete(key)
	at, timed := f.Timer(key)
	if !nudged && (!timed || at.After(f.Now())) {
		return f.requeue(key), nil
	}
	if _, waits := f.delayedPurges.Load(key); waits && !nudged && f.Records.MayChange(key) {
		return reconcile.Result{RequeueAfter: f.pauseBeforePurge(key)}, nil // thousands may wait: looking at each would be a load
	}
	f.delayedPurges.Delete(key)
	m, err := f.Store.readLive(ctx, key)
	if m == nil && err == nil {
		return reconcile.Result{}, nil
	}
	result := reconcile.Result{}
	if err == nil && (len(m.Conditions()) > 0 || IsMisnamed(m)) { // else nothing was mirrored yet, and there is nothing to say
		result, err = f.applyClock(ctx, key, m)
	}
	if err != nil && nudged {
		f.Request(key)
	}
	return result, err
}

// applyClock acts on what the clock says of one mirror that was just read.
func (f *Reconciler) applyClock(ctx context.Context, key record.Key, m Object) (reconcile.Result, error) {
	after := m.copy()
	if err := f.settle(ctx, after); err != nil {
		return reconcile.Result{}, err
	}
	if !after.sameStatus(m) {
		return reconcile.Result{}, apiserver.IgnoreStale(f.write(ctx, key, m, after))
	}
	timer, at := after.Timer()
	if timer != fastpixv1.TimerRetention || at == nil || at.After(f.Now()) || m.APIObject().GetDeletionTimestamp() != nil {
		return reconcile.Result{}, nil
	}
	if f.Records.MayChange(key) {
		f.delayedPurges.Store(key, nil)
		return reconcile.Result{RequeueAfter: f.pauseBeforePurge(key)}, nil
	}
	endpoint, err := f.Endpoints.Of(ctx, m.APIObject().GetNamespace(), m.EndpointName())
	if err != nil {
		return reconcile.Result{}, err
	}
	f.Store.Cache.Drop(key)
	done, err := f.Purger.Purge(ctx, m, retentionOf(endpoint))
	switch {
	case errors.Is(err, ErrNoEndpoint):
		return reconcile.Result{RequeueAfter: NoEndpointRetry}, nil
	case err == nil && !done:
		return reconcile.Result{RequeueAfter: PurgeRetry}, nil
	}
	return reconcile.Result{}, err
}

// pauseBeforePurge is how long a purge waits for what may change the object: records that are about to be folded, or a failed one, which takes
// longer.
func (f *Reconciler) pauseBeforePurge(key record.Key) time.Duration {
	if f.Records.Arriving(key) {
		return time.Second
	}
	return PurgeRetry
}
