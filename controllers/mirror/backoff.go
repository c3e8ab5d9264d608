package mirror

import (
	"context"
	"errors"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/fastpix-operator/fastpix-operator/controllers/journal"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// BackoffReconciler retries writes that the API server refuses, with the backoff of the work queue. It replaces the retries of the
// controller, which would log every attempt for every object; this one logs a count.
type BackoffReconciler struct {
	Reconciler *Reconciler
	Report     *journal.FailureReport
	Backoff    workqueue.TypedRateLimiter[record.Key]
}

// Reconcile brings one object up to date, or schedules a retry.
func (b *BackoffReconciler) Reconcile(ctx context.Context, key record.Key) (reconcile.Result, error) {
	result, err := b.Reconciler.Reconcile(ctx, key)
	if err == nil || !errors.As(err, new(writeError)) {
		b.Backoff.Forget(key)
		return result, err
	}
	b.Report.WriteRefused(key, err)
	return reconcile.Result{RequeueAfter: b.Backoff.When(key)}, nil
}
