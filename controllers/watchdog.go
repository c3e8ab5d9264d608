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
	// maxUnavailable is how long the API server may be unavailable before the controllers restart. After that time, informers pause up to half a
	// minute between two attempts, and new informers connect at once.
	maxUnavailable = 10 * time.Second
	probeInterval  = 2 * time.Second
	probeTimeout   = 5 * time.Second
)

// watchdog stops the controllers' manager when the API server has been unavailable for too long. The process then starts a new manager.
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

// Start probes the API server until the context ends. It returns an error when no probe has succeeded for maxUnavailable.
func (w watchdog) Start(ctx context.Context) error {
	for lastAnswer := w.now(); ctx.Err() == nil; clock.Sleep(ctx, probeInterval) {
		probeCtx, cancel := context.WithTimeout(ctx, probeTimeout)
		err := w.probe(probeCtx)
		cancel()
		switch {
		case err == nil:
			lastAnswer = w.now()
		case ctx.Err() == nil && w.now().Sub(lastAnswer) > maxUnavailable:
			return fmt.Errorf("the API server has been unavailable for %s: %w", w.now().Sub(lastAnswer).Round(time.Second), err)
		}
	}
	return nil
}

// NeedLeaderElection is false: a standby must detect an outage, too.
func (watchdog) NeedLeaderElection() bool { return false }
