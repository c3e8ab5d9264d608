package controllers

import (
	"context"
	"fmt"
	"time"

	"k8s.io/client-go/discovery"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/fastpix-operator/fastpix-operator/internal/clock"
)

const (
	// maxUnavailable is how long the API server may be away before the controllers start anew: informers wait up to half a minute between
	// two attempts by then, new ones connect at once.
	maxUnavailable = 10 * time.Second
	probeInterval  = 2 * time.Second
	probeTimeout   = 5 * time.Second
)

// watchdog ends the controllers' manager when the API server has been away for too long. Who runs the manager starts a new one.
type watchdog struct {
	probe func(context.Context) error
	now   func() time.Time
}

func newWatchdog(mgr ctrl.Manager) (watchdog, error) {
	client, err := discovery.NewDiscoveryClientForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return watchdog{}, fmt.Errorf("make a client for the watchdog: %w", err)
	}
	return watchdog{now: time.Now, probe: func(ctx context.Context) error {
		return client.RESTClient().Get().AbsPath("/version").Do(ctx).Error()
	}}, nil
}

// Start probes until the context ends, and returns an error when nothing answered for maxUnavailable.
func (w watchdog) Start(ctx context.Context) error {
	for heard := w.now(); ctx.Err() == nil; clock.Sleep(ctx, probeInterval) {
		probing, cancel := context.WithTimeout(ctx, probeTimeout)
		err := w.probe(probing)
		cancel()
		switch {
		case err == nil:
			heard = w.now()
		case ctx.Err() == nil && w.now().Sub(heard) > maxUnavailable:
			return fmt.Errorf("the API server is away for %s: %w", w.now().Sub(heard).Round(time.Second), err)
		}
	}
	return nil
}

// NeedLeaderElection is false: who waits to become leader must notice too.
func (watchdog) NeedLeaderElection() bool { return false }
