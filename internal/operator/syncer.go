package operator

import (
	"context"
	"fmt"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/fastpix-operator/fastpix-operator/controllers/sync"
)

// runSyncer runs the syncer until the context ends or the lease is lost.
func runSyncer(ctx context.Context, restConfig *rest.Config, o Options) error {
	return runElected(ctx, func(ctx context.Context) (manager.Manager, error) { return newSyncer(ctx, restConfig, o) })
}

// newSyncer returns the manager of the syncer.
func newSyncer(ctx context.Context, restConfig *rest.Config, o Options) (manager.Manager, error) {
	mgr, err := newElected(restConfig, o, "fastpix-syncer", sync.CacheOptions())
	if err != nil {
		return nil, err
	}
	if err := sync.AddToManager(ctx, mgr, o.syncer); err != nil {
		return nil, fmt.Errorf("set up the syncer: %w", err)
	}
	return mgr, nil
}
