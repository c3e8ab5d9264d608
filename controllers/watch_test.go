package controllers

import (
	"context"
	"testing"
	"testing/synctest"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/apiserver"
)

// TestStoppedWatchLeaksNoGoroutine protects long-running controllers from a leak that an hour of chaos tests found: one goroutine for
// each watch that broke while an event was being delivered. synctest fails if a goroutine stays.
func TestStoppedWatchLeaksNoGoroutine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := watch.NewRaceFreeFake()
		lw := apiserver.Drained(&toolscache.ListWatch{
			WatchFuncWithContext: func(context.Context, metav1.ListOptions) (watch.Interface, error) {
				return watch.Filter(source, func(e watch.Event) (watch.Event, bool) { return e, true }), nil
			},
		})
		w, err := lw.WatchFuncWithContext(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			source.Add(&fastpixv1.MediaAsset{})
		}
		<-w.ResultChan()
		synctest.Wait() // the next one is on its way
		w.Stop()
		w.Stop()
	})
	if CacheOptions().NewInformer == nil {
		t.Error("the controllers' cache does not drain its watches")
	}
}
