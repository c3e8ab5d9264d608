package framework

import (
	"context"
	"fmt"
	"slices"
	"testing"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// Asset returns an asset of the endpoint's namespace.
func (e Endpoint) Asset(t *testing.T, id string) (*fastpixv1.MediaAsset, error) {
	t.Helper()
	var a fastpixv1.MediaAsset
	err := Deployed.Admin.Get(t.Context(), client.ObjectKey{Namespace: e.Namespace, Name: id}, &a)
	return &a, err
}

// WaitState waits until an asset is in a state.
func (e Endpoint) WaitState(t *testing.T, id, state string) *fastpixv1.MediaAsset {
	t.Helper()
	var a fastpixv1.MediaAsset
	Eventually(t, "asset "+id+" is "+state, func(ctx context.Context) error {
		if err := Deployed.Admin.Get(ctx, client.ObjectKey{Namespace: e.Namespace, Name: id}, &a); err != nil {
			return err
		}
		if a.Status.State != state {
			return fmt.Errorf("it is %q", a.Status.State)
		}
		return nil
	})
	return &a
}

// Names returns the sorted names of a list's objects.
func Names(t *testing.T, list client.ObjectList) []string {
	t.Helper()
	var names []string
	err := apimeta.EachListItem(list, func(o runtime.Object) error {
		accessor, err := apimeta.Accessor(o)
		if err == nil {
			names = append(names, accessor.GetName())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

// MirrorAsset delivers an event about a new asset, waits for its mirror, and returns the asset's id.
func (e Endpoint) MirrorAsset(t *testing.T) string {
	t.Helper()
	id, body := NewAsset()
	e.MustDeliver(t, body)
	e.WaitState(t, id, "Created")
	return id
}

// The JSON paths of conditions' statuses.
const (
	ReadyStatus = `{.status.conditions[?(@.type=="Ready")].status}`
	LiveStatus  = `{.status.conditions[?(@.type=="Live")].status}`
)

func mirrorOf(kind, id, state string, fields ...string) fixtures.Mirror {
	m := fixtures.Mirror{Kind: kind, ID: id, State: state, Fields: map[string]string{}}
	for i := 0; i+1 < len(fields); i += 2 {
		m.Fields[fields[i]] = fields[i+1]
	}
	return m
}

// AssetOf is what a MediaAsset must show: its state, then pairs of a JSON path and a value.
func AssetOf(id, state string, fields ...string) fixtures.Mirror {
	return mirrorOf("MediaAsset", id, state, fields...)
}

// StreamOf is the same for a LiveStream.
func StreamOf(id, state string, fields ...string) fixtures.Mirror {
	return mirrorOf("LiveStream", id, state, fields...)
}
