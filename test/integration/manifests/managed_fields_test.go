package manifests

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
)

// These tests protect the policy fastpix-managed-fields: mirrors that the operator creates have no managed fields, objects that users create
// keep theirs, and server-side apply works on both.

// smallAsset returns the name of a mirror that the operator created under the policy. The API server reads a policy some time after it is created.
func smallAsset(t *testing.T, e framework.Endpoint) string {
	t.Helper()
	var name string
	framework.Eventually(t, "a new mirror has no managed fields", func(context.Context) error {
		name = e.MirrorAsset(t)
		a, err := e.Asset(t, name)
		if err == nil && len(a.ManagedFields) > 0 {
			err = fmt.Errorf("it has those of %v", managersOf(a))
		}
		return err
	})
	return name
}

// managersOf returns the sorted names of the clients whose fields the API server manages.
func managersOf(o client.Object) []string {
	var names []string
	for _, entry := range o.GetManagedFields() {
		names = append(names, entry.Manager)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// foldAnother delivers another event of an asset and returns the mirror that shows it.
func foldAnother(t *testing.T, e framework.Endpoint, name string) *fastpixv1.MediaAsset {
	t.Helper()
	before, err := e.Asset(t, name)
	if err != nil {
		t.Fatal(err)
	}
	e.MustDeliver(t, framework.NewEvent(name))
	var after *fastpixv1.MediaAsset
	framework.Eventually(t, "the mirror shows another event", func(context.Context) error {
		after, err = e.Asset(t, name)
		if err == nil && len(after.Status.RecentEvents) == len(before.Status.RecentEvents) {
			err = fmt.Errorf("it shows %d", len(after.Status.RecentEvents))
		}
		return err
	})
	return after
}

func TestMirrorsHaveNoManagedFields(t *testing.T) {
	t.Parallel()
	e := framework.NewEndpoint(t)
	name := smallAsset(t, e)
	if a := foldAnother(t, e, name); len(a.ManagedFields) > 0 {
		t.Errorf("another status brought managed fields of %v", managersOf(a))
	}
}

func TestObjectsOfUsersKeepTheirManagedFields(t *testing.T) {
	t.Parallel()
	e := framework.NewEndpoint(t)
	smallAsset(t, e) // the policy works
	id := string(uuid.NewUUID())
	applied := &fastpixv1.MediaAsset{ObjectMeta: metav1.ObjectMeta{Namespace: e.Namespace, Name: id}, Spec: fastpixv1.MediaAssetSpec{MediaID: id}}
	if err := framework.Deployed.Admin.Create(t.Context(), applied, client.FieldOwner("pipeline")); err != nil {
		t.Fatal(err)
	}
	if a := foldAnother(t, e, id); !slices.Equal(managersOf(a), []string{"fastpix-operator", "pipeline"}) {
		t.Errorf("after an event the object has managed fields of %v, want those of the user and of the operator", managersOf(a))
	}
}

// TestServerSideApplyOfMirrors checks that a mirror without managed fields can be applied, that the API server manages fields from then on, and
// that what a manifest no longer has is removed.
func TestServerSideApplyOfMirrors(t *testing.T) {
	t.Parallel()
	e := framework.NewEndpoint(t)
	name := smallAsset(t, e)
	apply := func(metadata string) {
		file := filepath.Join(t.TempDir(), "asset.yaml")
		text := "apiVersion: video.fastpix.com/v1alpha1\nkind: MediaAsset\nmetadata: {name: " + name + ", namespace: " + e.Namespace + metadata +
			"}\nspec: {mediaID: " + name + "}\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		framework.Kubectl(t, "apply", "--server-side", "--field-manager=gitops", "--filename", file)
	}
	apply(", labels: {team: growth}")
	a := foldAnother(t, e, name)
	if a.Labels["team"] != "growth" || a.Status.State != "Created" || !slices.Contains(managersOf(a), "gitops") {
		t.Errorf("after the first apply and an event: labels %v, state %q, managers %v", a.Labels, a.Status.State, managersOf(a))
	}
	apply("")
	a = foldAnother(t, e, name)
	if a.Labels["team"] != "" || a.Status.State != "Created" || a.Spec.EndpointRef.Name != "fastpix" {
		t.Errorf("after an apply without labels: labels %v, state %q, endpoint %q", a.Labels, a.Status.State, a.Spec.EndpointRef.Name)
	}
}
