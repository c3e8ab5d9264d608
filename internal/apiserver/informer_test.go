package apiserver

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
)

// TestRefusedConnectionsAreRetriedSoon protects the receiver and the controllers from working with stale caches for up to a minute after
// an outage.
func TestRefusedConnectionsAreRetriedSoon(t *testing.T) {
	t.Parallel()
	refused := fmt.Errorf("dial tcp: %w", syscall.ECONNREFUSED)
	expired := errors.New("too old resource version")
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "things"}, "x", errors.New("no role"))
	for name, tt := range map[string]struct {
		answer error
		want   time.Duration
	}{
		"an API server that is back after five minutes": {nil, 5 * time.Minute},
		"one that says something else":                  {expired, 5 * time.Minute},
		"one that forbids for good":                     {forbidden, 5*time.Minute + maxForbidden*retryPause},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				answer := func() error {
					if time.Since(start) < 5*time.Minute {
						return refused
					}
					return tt.answer
				}
				lw := RetrySoon(&toolscache.ListWatch{
					ListWithContextFunc:  func(context.Context, metav1.ListOptions) (runtime.Object, error) { return nil, answer() },
					WatchFuncWithContext: func(context.Context, metav1.ListOptions) (watch.Interface, error) { return nil, answer() },
				})
				_, err := lw.ListWithContextFunc(t.Context(), metav1.ListOptions{})
				if took := time.Since(start); !errors.Is(err, tt.answer) || took > tt.want+retryPause {
					t.Errorf("listing ended after %s with %v", took, err)
				}
				start = time.Now()
				_, err = lw.WatchFuncWithContext(t.Context(), metav1.ListOptions{})
				if took := time.Since(start); !errors.Is(err, tt.answer) || took > tt.want+retryPause {
					t.Errorf("watching ended after %s with %v", took, err)
				}
			})
		})
	}
	t.Run("one that never comes back", func(t *testing.T) {
		t.Parallel()
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if _, err := retrySoon(ctx, func() (int, error) { return 0, refused }); !errors.Is(err, refused) {
			t.Errorf("it ended with %v", err)
		}
	})
}
