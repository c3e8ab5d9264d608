package tenancy

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/fastpix-operator/fastpix-operator/test/framework"
)

func TestEventsOfADeletedNamespaceAreDiscarded(t *testing.T) {
	e := framework.NewEndpoint(t)
	framework.Deployed.Controllers.Kill()
	t.Cleanup(func() { framework.EnsureRunning(t, framework.Deployed.Controllers) })
	_, body := framework.NewAsset()
	e.MustDeliver(t, body)
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: e.Namespace}}
	if err := framework.Deployed.Admin.Delete(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	framework.EnsureRunning(t, framework.Deployed.Controllers)
	framework.WaitJournalEmpty(t) // nothing can be created in a namespace that ends, and nothing waits for it
}

func TestEventsOfADeletedEndpointAreFolded(t *testing.T) {
	e := framework.NewEndpoint(t)
	framework.Deployed.Controllers.Kill()
	t.Cleanup(func() { framework.EnsureRunning(t, framework.Deployed.Controllers) })
	id, body := framework.NewAsset()
	e.MustDeliver(t, body)
	if err := framework.Deployed.Admin.Delete(t.Context(), e.Read(t)); err != nil {
		t.Fatal(err)
	}
	framework.Eventually(t, "the endpoint is not known any more", func(ctx context.Context) error {
		code, err := framework.Deployed.Receiver.Post(ctx, e.Path(), body, framework.Sign(body))
		if err == nil && code != http.StatusNotFound {
			err = fmt.Errorf("answer %d", code)
		}
		return err
	})
	framework.EnsureRunning(t, framework.Deployed.Controllers)
	e.WaitState(t, id, "Created")
	framework.WaitJournalEmpty(t)
}
