package operator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/fastpix-operator/fastpix-operator/internal/apiserver"
	"github.com/fastpix-operator/fastpix-operator/internal/connlimit"
	"github.com/fastpix-operator/fastpix-operator/internal/lean"
	"github.com/fastpix-operator/fastpix-operator/internal/metricsguard"
	"github.com/fastpix-operator/fastpix-operator/webhookserver"
)

// Run runs the parts that the options name until the context ends. The manager that it starts holds probes, metrics and the receiver. The
// controllers and the syncer each have a manager of their own, so that a part that loses its lease or the API server starts again alone.
func Run(ctx context.Context, o Options) error {
	if err := o.Validate(); err != nil {
		return err
	}
	restConfig, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("find the API server: %w", err)
	}
	restConfig.QPS = -1 // the API server's priority and fairness decides, not the client
	limiter := connlimit.New()
	mgr, err := newProcessManager(restConfig, limiter, o)
	if err != nil {
		return err
	}
	if o.Receiver {
		if err := webhookserver.AddToManager(mgr, limiter, o.receiver); err != nil {
			return fmt.Errorf("set up the receiver: %w", err)
		}
	}
	if o.Controllers {
		if err := mgr.Add(restarting{"controllers", func(ctx context.Context) error { return RunControllers(ctx, restConfig, o) }}); err != nil {
			return fmt.Errorf("set up the controllers: %w", err)
		}
	}
	if o.Syncer {
		if err := mgr.Add(restarting{"syncer", func(ctx context.Context) error { return runSyncer(ctx, restConfig, o) }}); err != nil {
			return fmt.Errorf("set up the syncer: %w", err)
		}
	}
	return mgr.Start(ctx)
}

func newProcessManager(restConfig *rest.Config, limiter *connlimit.Limiter, o Options) (manager.Manager, error) {
	mgr, err := NewManager(restConfig, ctrl.Options{
		Scheme:                  NewScheme(),
		Cache:                   cacheOptions(),
		GracefulShutdownTimeout: new(o.receiver.DrainDelay + 30*time.Second),
		PprofBindAddress:        o.PprofBindAddress,
	}, Ports{Limiter: limiter, Probes: o.ProbeBindAddress, Metrics: o.MetricsBindAddress, MetricsFilter: metricsguard.New})
	if err != nil {
		return nil, fmt.Errorf("make a manager: %w", err)
	}
	// A part that waits to become leader is ready; the receiver adds its own check.
	return mgr, errors.Join(mgr.AddHealthzCheck("ping", healthz.Ping), mgr.AddReadyzCheck("ping", healthz.Ping))
}

// cacheOptions returns the options of the caches of receiver and syncer.
func cacheOptions() cache.Options {
	return cache.Options{DefaultTransform: lean.Transform, NewInformer: apiserver.NewInformer}
}
