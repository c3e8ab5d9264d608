package durability

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
)

func TestAPIServerOutageIs503AtOnceAnd200SoonAfterwards(t *testing.T) {
	e := framework.NewEndpoint(t)
	framework.Deployed.APIServer.Kill()
	back := sync.OnceValue(func() error { return framework.Deployed.APIServer.Start(context.WithoutCancel(t.Context())) })
	t.Cleanup(func() {
		if err := back(); err != nil {
			t.Error(err)
		}
	})
	for range 3 {
		_, body := framework.NewAsset()
		begun := time.Now()
		got, err := e.PostOnce(t.Context(), http.DefaultClient, framework.Deployed.Receiver.ReceiverURL, body)
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); got.Code != http.StatusServiceUnavailable || got.RetryAfter == "" || took > 6*time.Second { // twice what the receiver tries
			t.Errorf("without an API server: %d, Retry-After %q, after %v", got.Code, got.RetryAfter, took)
		}
		if !framework.IsReady(t.Context(), framework.Deployed.Receiver) {
			t.Error("without an API server the receiver leaves the load balancer")
		}
	}
	if err := back(); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	_, body := framework.NewAsset()
	e.MustDeliver(t, body)
	took := time.Since(begun)
	t.Logf("%v from the API server's readiness to the first 200", took.Round(time.Millisecond))
	if took > 10*time.Second { // and not a pause that grew during the outage
		t.Errorf("it took %v until something was acknowledged again", took)
	}
	framework.WaitJournalEmpty(t)
}

// These tests protect a process whose controllers stop and start again, because they lose the lease or the API server: the receiver in the same
// process continues to run.

func TestOneProcessSurvivesALongOutage(t *testing.T) {
	e := framework.NewEndpoint(t)
	for _, p := range []*controlplane.Operator{framework.Deployed.Receiver, framework.Deployed.Controllers} {
		if err := p.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { framework.EnsureRunning(t, framework.Deployed.Receiver, framework.Deployed.Controllers) })
	// Both parts run under one account: that of the controllers, which alone may write statuses, with every right of the receiver too.
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "receiver-and-controllers"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: framework.OperatorNamespace, Name: "fastpix-controller-manager"}},
	}
	framework.Create(t, binding)
	t.Cleanup(func() {
		if err := framework.Deployed.Admin.Delete(context.WithoutCancel(t.Context()), binding); err != nil {
			t.Error(err)
		}
	})
	both := framework.NewProcess(t, "both", framework.Deployed.AsControllers, "--syncer=false", "--leader-elect", "--drain-delay=0s")
	id, body := framework.NewAsset()
	if err := both.Deliver(t.Context(), e.Path(), body, framework.Sign(body)); err != nil {
		t.Fatal(err)
	}
	e.WaitState(t, id, "Created")

	framework.Deployed.APIServer.Kill()
	t.Cleanup(func() {
		if !framework.Deployed.APIServer.Running() {
			if err := framework.Deployed.APIServer.Start(context.WithoutCancel(t.Context())); err != nil {
				t.Error(err)
			}
		}
	})
	framework.Eventually(t, "the controllers stop and are to start again", func(context.Context) error {
		text, err := os.ReadFile(both.Log)
		if err == nil && !bytes.Contains(text, []byte("A part of the operator stopped and will start again")) {
			err = errors.New("the log does not say so")
		}
		return err
	})
	if got, err := e.PostOnce(t.Context(), http.DefaultClient, both.ReceiverURL, body); err != nil || got.Code != http.StatusOK {
		t.Errorf("a duplicate needs no API server: %+v, %v", got, err)
	}
	_, another := framework.NewAsset()
	if got, err := e.PostOnce(t.Context(), http.DefaultClient, both.ReceiverURL, another); err != nil || got.Code != http.StatusServiceUnavailable {
		t.Errorf("an event without an API server: %+v, %v", got, err)
	}
	if !both.Running() {
		t.Fatal("the process has ended")
	}
	if err := framework.Deployed.APIServer.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	id, body = framework.NewAsset()
	if err := both.Deliver(t.Context(), e.Path(), body, framework.Sign(body)); err != nil {
		t.Fatal(err)
	}
	e.WaitState(t, id, "Created")
	framework.WaitJournalEmpty(t)
}
