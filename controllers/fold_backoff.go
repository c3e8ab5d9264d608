package controllers

import (
	"context"
	"errors"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// backoffFolder has a folder try again what the API server refuses. It backs off as the work queue does, and logs by count: the controller
// would log each attempt for each object.
type backoffFolder struct {
	folder  *folder
	report  *failureReport
	backoff workqueue.TypedRateLimiter[record.Key]
}

// Reconcile brings one object up to date.
func (p *backoffFolder) Reconcile(ctx context.Context, key record.Key) (reconcile.Result, error) {
	result, err := p.folder.Reconcile(ctx, key)
	if err == nil || !errors.As(err, new(writeError)) {
		p.backoff.Forget(key)
		return result, err
	}
	p.report.refused(key, err)
	return reconcile.Result{RequeueAfter: p.backoff.When(key)}, nil
}
