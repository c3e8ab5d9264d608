package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/uuid"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

func storyBodies() [][]byte {
	var bodies [][]byte
	for _, step := range fixtures.Steps() {
		bodies = append(bodies, recent(step.File))
	}
	return bodies
}

// TestAcknowledgedEventsOutliveBothProcesses protects the journal: with the controllers away every event is acknowledged,
// then the receiver is killed too, and what was acknowledged is nowhere but in etcd.
func TestAcknowledgedEventsOutliveBothProcesses(t *testing.T) {
	e := newEndpoint(t)
	deployment.controllers.Kill()
	t.Cleanup(func() { restart(t, deployment.receiver, deployment.controllers) })

	if err := e.deliverAll(t.Context(), storyBodies(), 8); err != nil {
		t.Fatal(err)
	}
	deployment.receiver.Kill()
	var assets fastpixv1.MediaAssetList
	if err := deployment.admin.List(t.Context(), &assets, client.InNamespace(e.namespace)); err != nil || len(assets.Items) > 0 {
		t.Fatalf("%d assets without controllers, error %v", len(assets.Items), err)
	}

	restart(t, deployment.controllers)
	waitFolded(t)
	e.checkGolden(t)
}

// TestKillsMidStoryLoseNothing protects promise 1 under load: both processes are killed in turn, at random moments, while
// the stories and a stream of new assets are delivered. Every asset that was acknowledged exists in the end, and the
// stories end as always.
func TestKillsMidStoryLoseNothing(t *testing.T) {
	const killsOfEach = 4
	e := newEndpoint(t)
	t.Cleanup(func() { restart(t, deployment.receiver, deployment.controllers) })

	var killing atomic.Bool
	killing.Store(true)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var acknowledged []string
	for range 6 {
		wg.Go(func() {
			for killing.Load() {
				id, body := newAsset()
				if err := e.deliver(t.Context(), body); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				acknowledged = append(acknowledged, id)
				mu.Unlock()
			}
		})
	}
	wg.Go(func() {
		if err := e.deliverAll(t.Context(), storyBodies(), 2); err != nil {
			t.Error(err)
		}
	})
	for range killsOfEach {
		for _, p := range []*controlplane.Operator{deployment.receiver, deployment.controllers} {
			<-time.After(rand.N(300 * time.Millisecond)) // the moment is what varies
			p.Kill()
			restart(t, p)
		}
	}
	killing.Store(false)
	wg.Wait()
	waitFolded(t)

	for _, id := range acknowledged {
		want := fixtures.Mirror{Kind: "MediaAsset", ID: id, State: "Created"}
		if err := controlplane.CheckMirror(t.Context(), deployment.admin, e.namespace, want); err != nil {
			t.Errorf("acknowledged, and lost: %v", err)
		}
	}
	t.Logf("%d assets acknowledged during %d kills", len(acknowledged), 2*killsOfEach)
	e.checkStories(t)
}

// TestAPIServerKilledMidStory protects that without an API server nothing is acknowledged, that both processes go on by
// themselves when it is back, and that the stories end as always.
func TestAPIServerKilledMidStory(t *testing.T) {
	e := newEndpoint(t)
	bodies := storyBodies()
	if err := e.deliverAll(t.Context(), bodies[:len(bodies)/2], 4); err != nil {
		t.Fatal(err)
	}
	deployment.APIServer.Kill()
	_, body := newAsset()
	soon, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	// The receiver keeps trying for a while before it answers 503.
	code, err := deployment.receiver.Post(soon, e.path(), body, fixtures.Sign(fixtures.SigningSecret, body))
	if err == nil && code != http.StatusServiceUnavailable {
		t.Errorf("without an API server the answer is %d", code)
	}

	done := make(chan error, 1)
	go func() { done <- e.deliverAll(t.Context(), bodies, 4) }()
	if err := deployment.APIServer.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	waitFolded(t)
	e.checkStories(t)
}

// newAsset returns an event that tells of an asset nobody has heard of, and the asset's id.
func newAsset() (id string, body []byte) {
	id = string(uuid.NewUUID())
	return id, newEvent(id)
}

// newEvent returns an event that nobody has heard of about an asset.
func newEvent(asset string) []byte {
	const eventID = "614d5a56-5966-4a5a-9f1c-6b6bb3d5b81a"
	body := bytes.ReplaceAll(fixtures.Payload("video.media.created.seed.json"), []byte(fixtures.Seed), []byte(asset))
	return bytes.ReplaceAll(body, []byte(eventID), []byte(uuid.NewUUID()))
}

// restart starts what does not run and waits until it works.
func restart(t *testing.T, operators ...*controlplane.Operator) {
	t.Helper()
	for _, p := range operators {
		if p.Running() {
			continue
		}
		// Not the test's context: it is over when clean-up runs.
		if err := p.Start(context.WithoutCancel(t.Context())); err != nil {
			t.Fatal(fmt.Errorf("restart: %w", err))
		}
	}
}
