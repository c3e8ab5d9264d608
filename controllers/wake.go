package controllers

import (
	"context"
	"errors"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// purgePause comes before another look at a tombstone that an older record holds up.
const purgePause = 10 * time.Second

// memoryPause comes before another look at a tombstone in a namespace without an endpoint that could remember it.
const memoryPause = 10 * time.Minute

// errNoMemory means that no endpoint of a namespace is there to remember what is purged.
var errNoMemory = errors.New("the namespace has no endpoint to remember what is purged")

// nudge asks for a visit to an object whose spec has changed, or whose time has come.
func (f *folder) nudge(key record.Key) { f.nudged.Store(key, nil) }

// wake visits an object for which nothing is pending: its timer may be due, or its spec has changed.
func (f *folder) wake(ctx context.Context, key record.Key) (reconcile.Result, error) {
	_, nudged := f.nudged.LoadAndDelete(key)
	at, timed := f.timer(key)
	if !nudged && (!timed || at.After(f.now())) {
		return f.comeBack(key), nil
	}
	if _, waits := f.waiting.Load(key); waits && !nudged && f.records.mayName(key) {
		return reconcile.Result{RequeueAfter: f.pauseBeforePurge(key)}, nil // thousands may wait: looking at each would be a load
	}
	f.waiting.Delete(key)
	m, err := f.store.readLive(ctx, key)
	if m == nil && err == nil {
		return reconcile.Result{}, nil
	}
	result := reconcile.Result{}
	if err == nil && (len(m.conditions()) > 0 || isMisnamed(m)) { // else nothing was mirrored yet, and there is nothing to say
		result, err = f.tick(ctx, key, m)
	}
	if err != nil && nudged {
		f.nudge(key)
	}
	return result, err
}

// tick acts on what the clock says of one mirror that was just read.
func (f *folder) tick(ctx context.Context, key record.Key, m mirror) (reconcile.Result, error) {
	after := m.copy()
	if err := f.settle(ctx, after); err != nil {
		return reconcile.Result{}, err
	}
	if !after.sameStatus(m) {
		return reconcile.Result{}, ignoreStale(f.write(ctx, key, m, after))
	}
	timer, at := after.timer()
	if timer != fastpixv1.TimerRetention || at == nil || at.After(f.now()) || m.object().GetDeletionTimestamp() != nil {
		return reconcile.Result{}, nil
	}
	if f.records.mayName(key) {
		f.waiting.Store(key, nil)
		return reconcile.Result{RequeueAfter: f.pauseBeforePurge(key)}, nil
	}
	endpoint, err := f.endpoints.of(ctx, m.object().GetNamespace(), m.endpoint())
	if err != nil {
		return reconcile.Result{}, err
	}
	f.store.written.drop(key)
	done, err := f.purger.purge(ctx, m, retentionOf(endpoint))
	switch {
	case errors.Is(err, errNoMemory):
		return reconcile.Result{RequeueAfter: memoryPause}, nil
	case err == nil && !done:
		return reconcile.Result{RequeueAfter: purgePause}, nil
	}
	return reconcile.Result{}, err
}

// pauseBeforePurge is how long a purge waits for what may change the object: records that are about to be folded, or a failed one, which takes
// longer.
func (f *folder) pauseBeforePurge(key record.Key) time.Duration {
	if f.records.arriving(key) {
		return time.Second
	}
	return purgePause
}
