package main

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/fastpix-operator/fastpix-operator/controllers"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
)

func TestControllersThatStopLeaveNothingBehind(t *testing.T) {
	e := framework.NewEndpoint(t)
	if err := framework.Deployed.Controllers.Stop(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { framework.EnsureRunning(t, framework.Deployed.Controllers) })
	o := options{operatorNamespace: framework.OperatorNamespace, leaderElect: true, folding: controllers.Options{OperatorNamespace: framework.OperatorNamespace, FoldConcurrency: 16}}

	// runOnce runs the controllers until they have mirrored an event.
	runOnce := func() {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		ended := make(chan error, 1)
		go func() { ended <- runControllers(ctx, rest.CopyConfig(framework.Deployed.AsControllers.Config), o) }()
		id, body := framework.NewAsset()
		e.MustDeliver(t, body)
		e.WaitState(t, id, "Created")
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the controllers ended with %v", err)
		}
	}
	runOnce()
	first := runtime.NumGoroutine()
	const more = 4
	for range more {
		runOnce()
	}
	framework.Eventually(t, "the goroutines end", func(context.Context) error {
		if now := runtime.NumGoroutine(); now > first+more {
			return fmt.Errorf("%d goroutines after the first run, %d after %d more", first, now, more)
		}
		return nil
	})
}

// transport is an http.RoundTripper.
type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

// TestControllersEndWhileTheAPIServerIsSilent protects roll-outs during an outage: who cannot begin, because nobody answers, can end.
func TestControllersEndWhileTheAPIServerIsSilent(t *testing.T) {
	for name, silent := range map[string]func(*http.Request) bool{
		"from the start":                   func(*http.Request) bool { return true },
		"after it has said what it serves": func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/mediaassets") },
	} {
		t.Run(name, func(t *testing.T) {
			asked := make(chan struct{})
			var once sync.Once
			config := framework.Deployed.Config()
			config.Wrap(func(to http.RoundTripper) http.RoundTripper {
				return transport(func(r *http.Request) (*http.Response, error) {
					if !silent(r) {
						return to.RoundTrip(r)
					}
					once.Do(func() { close(asked) })
					<-r.Context().Done()
					return nil, r.Context().Err()
				})
			})
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() {
				// In a namespace of its own, so that the lease of the controllers that run is not asked for.
				ended <- runControllers(ctx, config, options{operatorNamespace: "silent", folding: controllers.Options{FoldConcurrency: 1, OperatorNamespace: "silent"}})
			}()
			<-asked
			stop()
			select {
			case err := <-ended:
				if err != nil {
					t.Errorf("the controllers ended with %v", err)
				}
			case <-time.After(5 * time.Second):
				t.Error("the controllers wait for an API server that says nothing, although they are to end")
			}
		})
	}
}
