package controllers

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fastpix-operator/fastpix-operator/api/apiserver"
	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

// endpoints finds WebhookEndpoints in the informer's cache.
type endpoints struct{ cached client.Reader }

// get returns an endpoint; nil if there is none.
func (e endpoints) get(ctx context.Context, key types.NamespacedName) (*fastpixv1.WebhookEndpoint, error) {
	if key.Name == "" {
		return nil, nil
	}
	var endpoint fastpixv1.WebhookEndpoint
	switch err := e.cached.Get(ctx, key, &endpoint); {
	case apiserver.IsGone(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("find endpoint: %w", err)
	}
	return &endpoint, nil
}

// of returns the endpoint whose policy holds for a mirror: the one it names, or, for a mirror that a user applied without naming one,
// the only one of the namespace; nil if there is none.
func (e endpoints) of(ctx context.Context, m mirror) (*fastpixv1.WebhookEndpoint, error) {
	namespace := m.object().GetNamespace()
	if m.endpoint() != "" {
		return e.get(ctx, types.NamespacedName{Namespace: namespace, Name: m.endpoint()})
	}
	var list fastpixv1.WebhookEndpointList
	if err := e.cached.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("find endpoint: %w", err)
	}
	if len(list.Items) != 1 {
		return nil, nil
	}
	return &list.Items[0], nil
}
