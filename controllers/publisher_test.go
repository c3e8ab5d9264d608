package controllers

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/endpoint"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// TestActivityIsBoundedAndForgotten protects the controllers' memory from forged records: a client with the stolen identity of a receiver
// may name any endpoint and any key.
func TestActivityIsBoundedAndForgotten(t *testing.T) {
	t.Parallel()
	env := newTestEnv(t, newFakeClient(t, interceptor.Funcs{}))
	p := env.publisher
	p.Exists = func(types.NamespacedName) bool { return true }
	at := event("", "", 1).Received
	for i := range 2 * endpoint.MaxFingerprints {
		p.Observe(&record.Record{EndpointUID: "endpoint-uid", Fingerprint: fmt.Sprintf("%08d", i), Received: at})
	}
	if got := len(p.Activity["endpoint-uid"].Verified); got != endpoint.MaxFingerprints {
		t.Errorf("%d keys are kept", got)
	}
	for i := range 2 * endpoint.MaxActivity {
		p.Observe(&record.Record{EndpointUID: types.UID(fmt.Sprint(i)), Received: at})
	}
	if got := len(p.Activity); got != endpoint.MaxActivity {
		t.Errorf("%d endpoints are kept", got)
	}
	env.now = env.now.Add(endpoint.ForgetActivity / 2)
	p.Observe(&record.Record{EndpointUID: "1", Received: at})
	env.now = env.now.Add(endpoint.ForgetActivity/2 + time.Second)
	p.Forget([]fastpixv1.WebhookEndpoint{*makeEndpointWith("endpoint-uid")})
	if len(p.Activity) != 2 || p.Activity["endpoint-uid"] == nil || p.Activity["1"] == nil {
		t.Errorf("%d endpoints are kept, want the one that exists and the one that may be new", len(p.Activity))
	}
}

func makeEndpointWith(uid types.UID) *fastpixv1.WebhookEndpoint {
	e := &fastpixv1.WebhookEndpoint{}
	e.UID = uid
	return e
}
