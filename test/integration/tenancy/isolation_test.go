package tenancy

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// TestTenantsAreIsolated protects namespaces from each other: the path says where an event belongs, and nothing in the event
// does; a secret of one opens no other; and both may mirror the same media, each its own.
func TestTenantsAreIsolated(t *testing.T) {
	const secretOfB = "MaS7xleBUZ39xJ4A7zwNRLX2On3qyDduvYHg8sLNedA="
	a := framework.NewEndpoint(t)
	b := framework.NewEndpointWith(t, framework.SigningSecretOf(secretOfB))
	b.WaitReady(t)
	id, _ := framework.NewAsset()
	deleted := bytes.ReplaceAll(framework.RecentPayload("video.media.deleted.json"), []byte(fixtures.MediaA), []byte(id))

	a.MustDeliver(t, framework.NewEvent(id))
	a.WaitState(t, id, "Created")
	if code, err := framework.Deployed.Receiver.Post(t.Context(), a.Path(), deleted, fixtures.Sign(secretOfB, deleted)); err != nil || code != http.StatusUnauthorized {
		t.Errorf("an event for one tenant that the other's secret signed is answered %d (%v), want 401", code, err)
	}
	// To its own endpoint a tenant may say what it likes, of the same media, and of places.
	places := fmt.Appendf(nil, `{"namespace":%q,"endpoint":"fastpix","endpointRef":{"namespace":%q,"name":"fastpix"},"metadata":{"namespace":%q},`,
		a.Namespace, a.Namespace, a.Namespace)
	for _, body := range [][]byte{
		deleted,
		slices.Concat(places, framework.NewEvent("../" + a.Namespace + "/x")[1:]),
		slices.Concat(places, framework.NewEvent(a.Namespace + "/y")[1:]),
	} {
		code, err := framework.Deployed.Receiver.Post(t.Context(), b.Path(), body, fixtures.Sign(secretOfB, body))
		if err != nil || code != http.StatusOK {
			t.Errorf("a tenant's event is answered %d (%v), want 200", code, err)
		}
	}
	framework.WaitJournalEmpty(t)
	if got := a.WaitState(t, id, "Created"); got.Status.DeletedTime != nil {
		t.Error("one tenant marked the other's media as deleted")
	}
	for namespace, want := range map[string]int{a.Namespace: 1, b.Namespace: 3} {
		var assets fastpixv1.MediaAssetList
		if err := framework.Deployed.Admin.List(t.Context(), &assets, client.InNamespace(namespace)); err != nil || len(assets.Items) != want {
			t.Errorf("%s has the assets %v (%v), want %d", namespace, framework.Names(t, &assets), err, want)
		}
	}
}
