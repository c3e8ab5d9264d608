package main

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// TestTenantsCannotMoveEachOther protects namespaces from each other: the path says where an event belongs, and nothing in the event
// does; a secret of one opens no other; and both may mirror the same media, each its own.
func TestTenantsCannotMoveEachOther(t *testing.T) {
	const secretOfB = "MaS7xleBUZ39xJ4A7zwNRLX2On3qyDduvYHg8sLNedA="
	a := newEndpoint(t)
	b := newEndpointWith(t, signingSecret(secretOfB))
	b.waitReady(t)
	id, _ := newAsset()
	deleted := bytes.ReplaceAll(recent("video.media.deleted.json"), []byte(fixtures.MediaA), []byte(id))

	a.mustDeliver(t, newEvent(id))
	a.waitState(t, id, "Created")
	if code, err := deployment.receiver.Post(t.Context(), a.path(), deleted, fixtures.Sign(secretOfB, deleted)); err != nil || code != http.StatusUnauthorized {
		t.Errorf("an event for one tenant that the other's secret signed is answered %d (%v), want 401", code, err)
	}
	// To its own endpoint a tenant may say what it likes, of the same media, and of places.
	places := fmt.Appendf(nil, `{"namespace":%q,"endpoint":"fastpix","endpointRef":{"namespace":%q,"name":"fastpix"},"metadata":{"namespace":%q},`,
		a.namespace, a.namespace, a.namespace)
	for _, body := range [][]byte{
		deleted,
		slices.Concat(places, newEvent("../" + a.namespace + "/x")[1:]),
		slices.Concat(places, newEvent(a.namespace + "/y")[1:]),
	} {
		code, err := deployment.receiver.Post(t.Context(), b.path(), body, fixtures.Sign(secretOfB, body))
		if err != nil || code != http.StatusOK {
			t.Errorf("a tenant's event is answered %d (%v), want 200", code, err)
		}
	}
	waitFolded(t)
	if got := a.waitState(t, id, "Created"); got.Status.DeletedTime != nil {
		t.Error("one tenant marked the other's media as deleted")
	}
	for namespace, want := range map[string]int{a.namespace: 1, b.namespace: 3} {
		var assets fastpixv1.MediaAssetList
		if err := deployment.admin.List(t.Context(), &assets, client.InNamespace(namespace)); err != nil || len(assets.Items) != want {
			t.Errorf("%s has the assets %v (%v), want %d", namespace, names(t, &assets), err, want)
		}
	}
}
