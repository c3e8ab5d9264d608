package operator

import (
	"context"
	"fmt"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/fastpix-operator/fastpix-operator/controllers"
)

// RunControllers runs the controllers until the context ends or the lease is lost.
func RunControllers(ctx context.Context, restConfig *rest.Config, o Options) error {
	return runElected(ctx, func(ctx context.Context) (manager.Manager, error) { return newControllers(ctx, restConfig, o) })
}

// newControllers returns the manager of the controllers.
func newControllers(ctx context.Context, restConfig *rest.Config, o Options) (manager.Manager, error) {
	mgr, err := newElected(restConfig, o, "fastpix-controller-manager", controllers.CacheOptions())
	if err != nil {
		return nil, err
	}
	if err := controllers.AddToManager(ctx, mgr, o.controllers); err != nil {
		return nil, fmt.Errorf("set up the controllers: %w", err)
	}
	return mgr, nil
}
