package apiserver

import (
	"context"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
)

// NewDrainedInformer returns an informer whose watches leak no goroutine. Watches of metadata use watch.Filter, which blocks on an event that is no
// longer read: each watch that broke at such a moment leaked its goroutine (36 in an hour of make chaos).
func NewDrainedInformer(
	lw toolscache.ListerWatcher, object runtime.Object, resync time.Duration, indexers toolscache.Indexers,
) toolscache.SharedIndexInformer {
	if l, ok := lw.(*toolscache.ListWatch); ok {
		lw = Drained(l)
	}
	return NewInformer(lw, object, resync, indexers)
}

// Drained returns the ListWatch with watches that are read to their end after they are stopped.
func Drained(l *toolscache.ListWatch) *toolscache.ListWatch {
	with := *l
	with.WatchFuncWithContext = func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
		w, err := l.WatchFuncWithContext(ctx, options)
		if err != nil {
			return nil, err
		}
		return &DrainedWatch{Interface: w}, nil
	}
	return &with
}

// DrainedWatch is a watch that is read to its end after it is stopped.
type DrainedWatch struct {
	watch.Interface
	once sync.Once
}

// Stop ends the watch. The caller must not read from it afterwards.
func (w *DrainedWatch) Stop() {
	w.Interface.Stop()
	w.once.Do(func() {
		go func() {
			for range w.ResultChan() {
			}
		}()
	})
}
