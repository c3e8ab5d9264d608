package controllers

import (
	"context"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

// endpoints finds WebhookEndpoints in the informer's cache.
type endpoints struct {
	cached client.Reader
	purges *purges
}

// purges is what this process wrote into status.purgedThrough of endpoints, by their UIDs: the cache learns of that later than a
// replay can come.
type purges struct {
	mu      sync.Mutex
	through map[types.UID]time.Time
}

func newEndpoints(cached client.Reader) endpoints {
	return endpoints{cached: cached, purges: &purges{through: map[types.UID]time.Time{}}}
}

// remember notes what an endpoint's status says.
func (p *purges) remember(endpoint types.UID, through time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if through.After(p.through[endpoint]) {
		p.through[endpoint] = through
	}
}

// purgedThrough returns how new the events of an endpoint's purged mirrors were; the zero time if there are none.
func (e endpoints) purgedThrough(ctx context.Context, key types.NamespacedName) (time.Time, error) {
	endpoint, err := e.get(ctx, key)
	if endpoint == nil {
		return time.Time{}, err
	}
	e.purges.mu.Lock()
	defer e.purges.mu.Unlock()
	through := e.purges.through[endpoint.UID]
	if known := endpoint.Status.PurgedThrough; known != nil && known.After(through) {
		return known.Time, nil
	}
	return through, nil
}

// get returns an endpoint; nil if there is none.
func (e endpoints) get(ctx context.Context, key types.NamespacedName) (*fastpixv1.WebhookEndpoint, error) {
	if key.Name == "" {
		return nil, nil
	}
	var endpoint fastpixv1.WebhookEndpoint
	switch err := e.cached.Get(ctx, key, &endpoint); {
	case apierrors.IsNotFound(err):
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
		return nil, fmt.Errorf("find the only endpoint: %w", err)
	}
	if len(list.Items) != 1 {
		return nil, nil
	}
	return &list.Items[0], nil
}
