package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/fastpix-operator/fastpix-operator/controllers"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
)

// These tests protect a process whose controllers stop and start again, because the lease is lost or the API server was away: the receiver
// beside them never ends, and nothing is left of those that stopped.

func TestOneProcessOutlivesALongOutage(t *testing.T) {
	e := newEndpoint(t)
	for _, p := range []*controlplane.Operator{deployment.receiver, deployment.controllers} {
		if err := p.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { restart(t, deployment.receiver, deployment.controllers) })
	// Both halves by one account: that of the controllers, who alone write statuses, with every right that the receiver has beside.
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "both-halves"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: operatorNamespace, Name: "fastpix-controller-manager"}},
	}
	create(t, binding)
	t.Cleanup(func() {
		if err := deployment.admin.Delete(context.WithoutCancel(t.Context()), binding); err != nil {
			t.Error(err)
		}
	})
	both := newProcess(t, "both", deployment.asControllers, "--leader-elect", "--drain-delay=0s")
	id, body := newAsset()
	if err := both.Deliver(t.Context(), e.path(), body, signed(body)); err != nil {
		t.Fatal(err)
	}
	e.waitState(t, id, "Created")

	deployment.APIServer.Kill()
	t.Cleanup(func() {
		if !deployment.APIServer.Running() {
			if err := deployment.APIServer.Start(context.WithoutCancel(t.Context())); err != nil {
				t.Error(err)
			}
		}
	})
	eventually(t, "the controllers stop and are to start again", func(context.Context) error {
		text, err := os.ReadFile(both.Log)
		if err == nil && !bytes.Contains(text, []byte("The controllers stopped and will start again")) {
			err = errors.New("the log does not say so")
		}
		return err
	})
	if got, err := e.once(t.Context(), http.DefaultClient, both.ReceiverURL, body); err != nil || got.code != http.StatusOK {
		t.Errorf("a duplicate needs no API server: %+v, %v", got, err)
	}
	_, another := newAsset()
	if got, err := e.once(t.Context(), http.DefaultClient, both.ReceiverURL, another); err != nil || got.code != http.StatusServiceUnavailable {
		t.Errorf("an event without an API server: %+v, %v", got, err)
	}
	if !both.Running() {
		t.Fatal("the process has ended")
	}
	if err := deployment.APIServer.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	id, body = newAsset()
	if err := both.Deliver(t.Context(), e.path(), body, signed(body)); err != nil {
		t.Fatal(err)
	}
	e.waitState(t, id, "Created")
	waitFolded(t)
}

func TestControllersThatStopLeaveNothingBehind(t *testing.T) {
	e := newEndpoint(t)
	if err := deployment.controllers.Stop(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { restart(t, deployment.controllers) })
	o := options{operatorNamespace: operatorNamespace, leaderElect: true, folding: controllers.Options{OperatorNamespace: operatorNamespace, FoldConcurrency: 16}}

	// runOnce runs the controllers until they have mirrored an event.
	runOnce := func() {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		ended := make(chan error, 1)
		go func() { ended <- runControllers(ctx, rest.CopyConfig(deployment.asControllers.Config), o) }()
		id, body := newAsset()
		e.mustDeliver(t, body)
		e.waitState(t, id, "Created")
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
	eventually(t, "the goroutines end", func(context.Context) error {
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
			config := deployment.Config()
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
