package endpoint

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/apiserver"
)

// Lookup finds WebhookEndpoints in the informer's cache.
type Lookup struct{ Cached client.Reader }

// Get returns an endpoint; nil if it does not exist.
func (e Lookup) Get(ctx context.Context, key types.NamespacedName) (*fastpixv1.WebhookEndpoint, error) {
	if key.Name == "" {
		return nil, nil
	}
	var endpoint fastpixv1.WebhookEndpoint
	switch err := e.Cached.Get(ctx, key, &endpoint); {
	case apiserver.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("find endpoint: %w", err)
	}
	return &endpoint, nil
}

// In returns the endpoints of a namespace. They belong to the cache: the caller must not change them.
func (e Lookup) In(ctx context.Context, namespace string) ([]fastpixv1.WebhookEndpoint, error) {
	var list fastpixv1.WebhookEndpointList
	if err := e.Cached.List(ctx, &list, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("find endpoints: %w", err)
	}
	return list.Items, nil
}

// Of returns the endpoint whose policy applies to a mirror; nil if it does not exist. It is the endpoint that the mirror names. For a mirror that a
// user applied without a name, it is the only endpoint of the namespace. Users can write the name, so only the retention and the metadata policy may
// depend on it.
func (e Lookup) Of(ctx context.Context, namespace, name string) (*fastpixv1.WebhookEndpoint, error) {
	if name != "" {
		return e.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name})
	}
	all, err := e.In(ctx, namespace)
	if err != nil || len(all) != 1 {
		return nil, err
	}
	return &all[0], nil
}

// OmitText reports whether mirrors of an endpoint must not hold customers' text. For mirrors without an endpoint (nil), it is true if any endpoint
// of the namespace has the policy Omit.
func (e Lookup) OmitText(ctx context.Context, namespace string, endpoint *fastpixv1.WebhookEndpoint) (bool, error) {
	if endpoint != nil {
		return endpoint.Spec.MetadataPolicy == fastpixv1.MetadataOmit, nil
	}
	all, err := e.In(ctx, namespace)
	return slices.ContainsFunc(all, func(e fastpixv1.WebhookEndpoint) bool { return e.Spec.MetadataPolicy == fastpixv1.MetadataOmit }), err
}
