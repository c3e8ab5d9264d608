package floods

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/process"
)

// These tests protect other tenants from a namespace that is full of endpoints.

const (
	// manyEndpoints is how many endpoints the namespace has.
	manyEndpoints = 2000
	// endpointKiB is what each process may hold for each of them. With 5,000 endpoints the receiver took 6 KiB for each, most of it for the message of
	// Ready, and the controllers 5.
	endpointKiB = 16
)

// TestManyEndpointsOfOneNamespaceAreHarmless creates endpoints with eight Secrets each, none of which exists. The receiver and the controllers stay
// within their memory, and the endpoint of another namespace is served.
func TestManyEndpointsOfOneNamespaceAreHarmless(t *testing.T) {
	e, full := framework.NewEndpoint(t), framework.NewNamespace(t)
	r := framework.StartReceiver(t, "plain")
	c := framework.NewProcessWithEnv(t, "controllers-many-endpoints", []string{controlplane.GoMemoryLimit}, framework.Deployed.AsControllers, "--receiver=false", "--syncer=false")
	r.DeliverFor(t.Context(), e, 200*time.Millisecond)
	before := r.DeliverFor(t.Context(), e, 2*time.Second)
	receiverBefore, _ := process.Memory(r.PID())
	controllersBefore, _ := process.Memory(c.PID())
	t.Cleanup(func() { // the tests after this one measure memory too
		ctx := context.WithoutCancel(t.Context())
		if err := framework.Deployed.Admin.DeleteAllOf(ctx, &fastpixv1.WebhookEndpoint{}, client.InNamespace(full)); err != nil {
			t.Error(err)
		}
	})
	start := time.Now()
	createEndpoints(t, full, manyEndpoints)
	t.Logf("created in %v", time.Since(start).Round(time.Second))
	during := r.DeliverFor(t.Context(), e, 10*time.Second)
	receiver, receiverPeak := process.Memory(r.PID())
	controllers, controllersPeak := process.Memory(c.PID())
	t.Logf("%d endpoints: receiver %.0f -> %.0f, at most %.0f MiB; controllers %.0f -> %.0f, at most %.0f MiB; deliveries %.0f/s p99 %v -> %.0f/s p99 %v",
		manyEndpoints, receiverBefore, receiver, receiverPeak, controllersBefore, controllers, controllersPeak,
		before.PerSecond, before.P99.Round(time.Millisecond), during.PerSecond, during.P99.Round(time.Millisecond))
	if most := float64(manyEndpoints*endpointKiB) / 1024; receiverPeak-receiverBefore > most || controllersPeak-controllersBefore > most {
		t.Errorf("the receiver took %.0f MiB more, the controllers %.0f MiB, want at most %.0f", receiverPeak-receiverBefore, controllersPeak-controllersBefore, most)
	}
	if len(during.Answers) != 1 || during.Answers[http.StatusOK] == 0 || during.P99 > max(floodAnswer, floodSlowdown*before.P99) {
		t.Errorf("deliveries of another namespace are answered %v, p99 %v", during.Answers, during.P99)
	}
}

// createEndpoints creates so many endpoints in a namespace.
func createEndpoints(t *testing.T, namespace string, n int) {
	t.Helper()
	var wg sync.WaitGroup
	failed := make(chan error, n)
	const creators = 16
	for first := range creators {
		wg.Go(func() {
			for i := first; i < n && t.Context().Err() == nil; i += creators {
				if err := framework.Deployed.Admin.Create(context.WithoutCancel(t.Context()), endpointWithoutSecrets(namespace, i)); err != nil {
					failed <- err
				}
			}
		})
	}
	wg.Wait()
	close(failed)
	for err := range failed {
		t.Fatal(err)
	}
}

func endpointWithoutSecrets(namespace string, i int) *fastpixv1.WebhookEndpoint {
	e := framework.MakeEndpoint(namespace, fmt.Sprintf("endpoint-%d-%s", i, strings.Repeat("x", 40)))
	e.Spec.SigningSecrets = nil
	for k := range 8 {
		e.Spec.SigningSecrets = append(e.Spec.SigningSecrets, fastpixv1.SigningSecretReference{Name: fmt.Sprintf("secret-%d-%d-%s", i, k, strings.Repeat("x", 40))})
	}
	return e
}
