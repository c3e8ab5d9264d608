package durability

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/fastpix-operator/fastpix-operator/test/framework"
)

// These tests protect acknowledged events while etcd takes no writes.

// TestEtcdWithoutSpaceLosesNothing fills etcd up to its quota while acknowledged events wait to be mirrored. Deliveries are answered 503 until an
// administrator has made space. Then everything that was acknowledged is mirrored, and no event counts as failed.
func TestEtcdWithoutSpaceLosesNothing(t *testing.T) {
	e := framework.NewEndpoint(t)
	if err := framework.Deployed.Controllers.Stop(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { framework.EnsureRunning(t, framework.Deployed.Controllers) })
	var acknowledged []string
	for range 20 {
		id, body := framework.NewAsset()
		e.MustDeliver(t, body)
		acknowledged = append(acknowledged, id)
	}
	if err := framework.Deployed.FillEtcd(t.Context()); err != nil {
		t.Fatal(err)
	}
	free := sync.OnceValue(func() error { return framework.Deployed.FreeEtcd(context.WithoutCancel(t.Context())) })
	t.Cleanup(func() {
		if err := free(); err != nil {
			t.Error(err)
		}
	})
	if err := framework.Deployed.Controllers.Start(t.Context()); err != nil {
		t.Logf("controllers: %v", err) // they cannot take their lease
	}
	refused := 0
	for end := time.Now().Add(8 * time.Second); time.Now().Before(end); {
		id, body := framework.NewAsset()
		switch got, err := e.PostOnce(t.Context(), http.DefaultClient, framework.Deployed.Receiver.ReceiverURL, body); {
		case err != nil:
			t.Fatal(err)
		case got.Code == http.StatusOK:
			acknowledged = append(acknowledged, id)
		case got.Code == http.StatusServiceUnavailable && got.RetryAfter != "":
			refused++
		default:
			t.Errorf("without space: answer %d, Retry-After %q", got.Code, got.RetryAfter)
		}
	}
	if refused == 0 {
		t.Error("no delivery was refused, so etcd had space")
	}
	if err := free(); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	id, body := framework.NewAsset()
	e.MustDeliver(t, body)
	t.Logf("%d refused without space; %v from space to the first 200", refused, time.Since(begun).Round(time.Millisecond))
	framework.EnsureRunning(t, framework.Deployed.Controllers)
	for _, id := range append(acknowledged, id) {
		e.WaitState(t, id, "Created")
	}
	framework.WaitJournalEmpty(t)
	if failed := e.Read(t).Status.FailedEvents; failed != 0 {
		t.Errorf("%d events count as failed", failed)
	}
}
