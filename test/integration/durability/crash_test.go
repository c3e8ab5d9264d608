package durability

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// TestAcknowledgedEventsSurviveBothProcesses protects the journal: with the controllers away every event is acknowledged,
// then the receiver is killed too, and what was acknowledged is nowhere but in etcd.
func TestAcknowledgedEventsSurviveBothProcesses(t *testing.T) {
	e := framework.NewEndpoint(t)
	framework.Deployed.Controllers.Kill()
	t.Cleanup(func() { framework.EnsureRunning(t, framework.Deployed.Receiver, framework.Deployed.Controllers) })

	if err := e.DeliverAll(t.Context(), framework.ScenarioBodies(), 8); err != nil {
		t.Fatal(err)
	}
	framework.Deployed.Receiver.Kill()
	var assets fastpixv1.MediaAssetList
	if err := framework.Deployed.Admin.List(t.Context(), &assets, client.InNamespace(e.Namespace)); err != nil || len(assets.Items) > 0 {
		t.Fatalf("%d assets without controllers, error %v", len(assets.Items), err)
	}

	framework.EnsureRunning(t, framework.Deployed.Controllers)
	framework.WaitJournalEmpty(t)
	e.CheckGolden(t)
}

// TestKillsDuringScenariosLoseNothing protects promise 1 under load: both processes are killed in turn, at random moments, while
// scenarios and events about new assets are delivered. Every acknowledged asset exists in the end, and the scenarios have
// their usual statuses.
func TestKillsDuringScenariosLoseNothing(t *testing.T) {
	const killsOfEach = 4
	e := framework.NewEndpoint(t)
	t.Cleanup(func() { framework.EnsureRunning(t, framework.Deployed.Receiver, framework.Deployed.Controllers) })

	var killing atomic.Bool
	killing.Store(true)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var acknowledged []string
	for range 6 {
		wg.Go(func() {
			for killing.Load() {
				id, body := framework.NewAsset()
				if err := e.Deliver(t.Context(), body); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				acknowledged = append(acknowledged, id)
				mu.Unlock()
				time.Sleep(senderPause)
			}
		})
	}
	wg.Go(func() {
		if err := e.DeliverAll(t.Context(), framework.ScenarioBodies(), 2); err != nil {
			t.Error(err)
		}
	})
	for range killsOfEach {
		for _, p := range []*controlplane.Operator{framework.Deployed.Receiver, framework.Deployed.Controllers} {
			<-time.After(rand.N(300 * time.Millisecond)) // the moment is what varies
			p.Kill()
			framework.EnsureRunning(t, p)
		}
	}
	killing.Store(false)
	wg.Wait()
	framework.WaitJournalEmpty(t)

	for _, id := range acknowledged {
		want := fixtures.Mirror{Kind: "MediaAsset", ID: id, State: "Created"}
		if err := controlplane.CheckMirror(t.Context(), framework.Deployed.Admin, e.Namespace, want); err != nil {
			t.Errorf("acknowledged, and lost: %v", err)
		}
	}
	t.Logf("%d assets acknowledged during %d kills", len(acknowledged), 2*killsOfEach)
	e.CheckScenarios(t)
}

// TestAPIServerKilledDuringScenarios protects that without an API server nothing is acknowledged, that both processes go on by
// themselves when it is available again, and that the scenarios have their usual statuses.
func TestAPIServerKilledDuringScenarios(t *testing.T) {
	e := framework.NewEndpoint(t)
	bodies := framework.ScenarioBodies()
	if err := e.DeliverAll(t.Context(), bodies[:len(bodies)/2], 4); err != nil {
		t.Fatal(err)
	}
	framework.Deployed.APIServer.Kill()
	_, body := framework.NewAsset()
	soon, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	// The receiver keeps trying for a while before it answers 503.
	code, err := framework.Deployed.Receiver.Post(soon, e.Path(), body, fixtures.Sign(fixtures.SigningSecret, body))
	if err == nil && code != http.StatusServiceUnavailable {
		t.Errorf("without an API server the answer is %d", code)
	}

	done := make(chan error, 1)
	go func() { done <- e.DeliverAll(t.Context(), bodies, 4) }()
	if err := framework.Deployed.APIServer.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	framework.WaitJournalEmpty(t)
	e.CheckScenarios(t)
}
