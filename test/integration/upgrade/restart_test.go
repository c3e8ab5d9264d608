package upgrade

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/fastpix-operator/fastpix-operator/internal/operator"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
)

// These tests protect a process whose controllers stop and start again: nothing is left of those that stopped.

// controllersWith returns the options of a process that runs the controllers alone.
func controllersWith(t *testing.T, args ...string) operator.Options {
	t.Helper()
	var o operator.Options
	fs := flag.NewFlagSet(t.Name(), flag.ContinueOnError)
	o.BindFlags(fs)
	if err := fs.Parse(append(args, "--receiver=false", "--syncer=false")); err != nil {
		t.Fatal(err)
	}
	if err := o.Validate(); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestControllersThatStopLeaveNothingBehind(t *testing.T) {
	e := framework.NewEndpoint(t)
	if err := framework.Deployed.Controllers.Stop(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { framework.EnsureRunning(t, framework.Deployed.Controllers) })
	o := controllersWith(t, "--leader-elect", "--fold-concurrency=16", "--operator-namespace="+framework.OperatorNamespace)

	// runOnce runs the controllers until they have mirrored an event.
	runOnce := func() {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		ended := make(chan error, 1)
		go func() {
			ended <- operator.RunControllers(ctx, rest.CopyConfig(framework.Deployed.AsControllers.Config), o)
		}()
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

// TestControllersEndWhileTheAPIServerIsSilent protects roll-outs during an outage: controllers that wait for the API server at their start can
// be stopped.
func TestControllersEndWhileTheAPIServerIsSilent(t *testing.T) {
	for name, silent := range map[string]func(*http.Request) bool{
		"from the start":  func(*http.Request) bool { return true },
		"after discovery": func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/mediaassets") },
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
			// A namespace of its own has another lease than that of the controllers that run.
			o := controllersWith(t, "--operator-namespace=silent", "--fold-concurrency=1")
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- operator.RunControllers(ctx, config, o) }()
			<-asked
			stop()
			select {
			case err := <-ended:
				if err != nil {
					t.Errorf("the controllers ended with %v", err)
				}
			case <-time.After(5 * time.Second):
				t.Error("the controllers do not stop while they wait for the API server")
			}
		})
	}
}
