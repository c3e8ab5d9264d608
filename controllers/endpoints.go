package controllers

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fastpix-operator/fastpix-operator/internal/apiserver"
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

// in returns the endpoints of a namespace. They are the cache's own: nobody may change them.
func (e endpoints) in(ctx context.Context, namespace string) ([]fastpixv1.WebhookEndpoint, error) {
	var list fastpixv1.WebhookEndpointList
	if err := e.cached.List(ctx, &list, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("find endpoints: %w", err)
	}
	return list.Items, nil
}

// of returns the endpoint whose retention holds for a mirror: the one it names, or, for a mirror that a user applied without naming one,
// the only one of the namespace; nil if there is none. What it names is a user's word: nothing may depend on it but how long a mirror stays.
func (e endpoints) of(ctx context.Context, m mirror) (*fastpixv1.WebhookEndpoint, error) {
	namespace := m.object().GetNamespace()
	if m.endpoint() != "" {
		return e.get(ctx, types.NamespacedName{Namespace: namespace, Name: m.endpoint()})
	}
	all, err := e.in(ctx, namespace)
	if err != nil || len(all) != 1 {
		return nil, err
	}
	return &all[0], nil
}

// omitText reports whether a mirror may hold no text of customers: the endpoint that holds for it says so, or, if there is none, any of its
// namespace does.
func (e endpoints) omitText(ctx context.Context, m mirror, holds *fastpixv1.WebhookEndpoint) (bool, error) {
	if holds != nil {
		return holds.Spec.MetadataPolicy == fastpixv1.MetadataOmit, nil
	}
	all, err := e.in(ctx, m.object().GetNamespace())
	return slices.ContainsFunc(all, func(e fastpixv1.WebhookEndpoint) bool { return e.Spec.MetadataPolicy == fastpixv1.MetadataOmit }), err
}
