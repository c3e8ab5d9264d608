package mirror

import (
	"context"
	"errors"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/fastpix-operator/fastpix-operator/controllers/journal"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// BackoffReconciler has a folder try again what the API server refuses. It backs off as the work queue does, and logs by count: the controller
// would log each attempt for each object.
type BackoffReconciler struct {
	Reconciler *Reconciler
	Report     *journal.FailureReport
	Backoff    workqueue.TypedRateLimiter[record.Key]
}

// Reconcile brings one object up to date.
func (p *BackoffReconciler) Reconcile(ctx context.Context, key record.Key) (reconcile.Result, error) {
	result, err := p.Reconciler.Reconcile(ctx, key)
	if err == nil || !errors.As(err, new(writeError)) {
		p.Backoff.Forget(key)
		return result, err
	}
	p.Report.WriteRefused(key, err)
	return reconcile.Result{RequeueAfter: p.Backoff.When(key)}, nil
}
