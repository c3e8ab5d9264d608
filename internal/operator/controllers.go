package operator

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"time"

	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/fastpix-operator/fastpix-operator/controllers"
	"github.com/fastpix-operator/fastpix-operator/internal/clock"
)

// renewDeadline is how long a leader may fail to renew its lease before it stops.
const renewDeadline = 10 * time.Second

const (
	// restartPause comes before the controllers start again.
	restartPause = time.Second
	// restartLogInterval is how often the log says why they stopped: while the API server is unavailable they stop every few seconds.
	restartLogInterval = 30 * time.Second
)

// leaderIdentity stays the same when the controllers start again in this process, so that they need not wait for their own lease to expire.
var leaderIdentity = func() string {
	host, _ := os.Hostname()
	return host + "_" + rand.Text()
}()

// RunControllers runs the controllers until the context ends or the lease is lost. Until the API server has told them what there is they
// write nothing, and are not waited for when the context ends: neither the calls that ask what it serves nor the manager that waits for its
// caches can be told to stop.
func RunControllers(ctx context.Context, restConfig *rest.Config, o Options) error {
	ended, began := make(chan error, 1), make(chan struct{})
	go func() {
		mgr, err := newControllers(ctx, restConfig, o)
		if err == nil {
			err = mgr.Add(onceSynced(func() { close(began) }))
		}
		if err == nil {
			err = mgr.Start(ctx)
		}
		ended <- err
	}()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	select {
	case <-began:
		return <-ended
	default:
		return nil
	}
}

// onceSynced is a runnable that calls a function when every cache has synced.
type onceSynced func()

// Start calls it.
func (f onceSynced) Start(context.Context) error {
	f()
	return nil
}

// NeedLeaderElection is false: who waits for the lease has synced.
func (onceSynced) NeedLeaderElection() bool { return false }

// newControllers returns the manager of the controllers.
func newControllers(ctx context.Context, restConfig *rest.Config, o Options) (manager.Manager, error) {
	lock, err := newLease(restConfig, o.OperatorNamespace, "fastpix-controller-manager")
	if err != nil {
		return nil, err
	}
	mgr, err := ctrl.NewManager(restConfig, ctrl.Options{
		Scheme:                              NewScheme(),
		Metrics:                             metricsserver.Options{BindAddress: "0"}, // the other manager serves the process's metrics
		HealthProbeBindAddress:              "0",
		Cache:                               controllers.CacheOptions(),
		LeaderElection:                      o.LeaderElect,
		LeaderElectionResourceLockInterface: lock,
		RenewDeadline:                       new(renewDeadline),
		LeaderElectionReleaseOnCancel:       true, // everything that writes has stopped by then: see Manager.Start
	})
	if err != nil {
		return nil, fmt.Errorf("make the controllers' manager: %w", err)
	}
	if err := controllers.AddToManager(ctx, mgr, o.controllers); err != nil {
		return nil, fmt.Errorf("set up the controllers: %w", err)
	}
	return mgr, nil
}

// restarting is a runnable that is started again whenever it ends before the context does.
type restarting func(context.Context) error

// Start runs until the context ends.
func (r restarting) Start(ctx context.Context) error {
	var logged time.Time
	for {
		err := r(ctx)
		if ctx.Err() != nil {
			return err
		}
		if now := time.Now(); now.Sub(logged) >= restartLogInterval {
			logged = now
			ctrl.Log.Error(err, "The controllers stopped and will start again")
		}
		clock.Sleep(ctx, restartPause)
	}
}

// NeedLeaderElection is false: the controllers elect their leader themselves.
func (restarting) NeedLeaderElection() bool { return false }
