package apiserver

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
)

const (
	// retryPause is the pause before another request to an API server that is unavailable or has just started.
	retryPause = time.Second
	// maxForbidden is how often Forbidden is retried. An API server that has just started forbids everything until it has read its roles.
	maxForbidden = 10
)

// NewInformer returns an informer that resumes within seconds after an outage. See RetrySoon.
func NewInformer(
	lw toolscache.ListerWatcher, object runtime.Object, resync time.Duration, indexers toolscache.Indexers,
) toolscache.SharedIndexInformer {
	if l, ok := lw.(*toolscache.ListWatch); ok {
		lw = RetrySoon(l)
	}
	return toolscache.NewSharedIndexInformer(lw, object, resync, indexers)
}

// RetrySoon returns the ListWatch with requests that are retried every second while connections are refused, and for ten seconds while requests are
// forbidden. Without it, a reflector doubles its pause after each failure, up to a minute, and observes no change meanwhile.
func RetrySoon(l *toolscache.ListWatch) *toolscache.ListWatch {
	with := *l
	with.ListWithContextFunc = func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		return retrySoon(ctx, func() (runtime.Object, error) { return l.ListWithContextFunc(ctx, options) })
	}
	with.WatchFuncWithContext = func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
		return retrySoon(ctx, func() (watch.Interface, error) { return l.WatchFuncWithContext(ctx, options) })
	}
	return &with
}

func retrySoon[T any](ctx context.Context, request func() (T, error)) (answer T, err error) {
	forbidden := 0
	_ = wait.PollUntilContextCancel(ctx, retryPause, true, func(context.Context) (bool, error) {
		answer, err = request()
		switch {
		case utilnet.IsConnectionRefused(err):
			forbidden = 0
			return false, nil
		case apierrors.IsForbidden(err):
			forbidden++
			return forbidden > maxForbidden, nil
		}
		return true, nil
	})
	return answer, err
}
