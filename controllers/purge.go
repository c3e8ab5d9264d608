package controllers

import (
	"context"
	"fmt"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fastpix-operator/fastpix-operator/api/record"
	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/projection"
)

// purger removes mirrors whose time has passed.
type purger struct {
	client    client.Client
	live      client.Reader
	endpoints endpoints
	// waits reports whether a record of an endpoint waits to be folded whose event is not newer than that.
	waits func(endpoint types.NamespacedName, through time.Time) bool
	now   func() time.Time
	// remembered is what was written, by the endpoint's UID: the informer tells of it later.
	remembered sync.Map
	raising    sync.Mutex
}

// raise keeps the newest of what was written for an endpoint, in whatever order the writers get here.
func (p *purger) raise(endpoint types.UID, through metav1.MicroTime) {
	p.raising.Lock()
	defer p.raising.Unlock()
	if own, ok := p.remembered.Load(endpoint); !ok || through.After(own.(metav1.MicroTime).Time) {
		p.remembered.Store(endpoint, through)
	}
}

// purgedThrough returns how new what was purged at an endpoint is; nil if nothing was.
func (p *purger) purgedThrough(endpoint *fastpixv1.WebhookEndpoint) *metav1.MicroTime {
	through := endpoint.Status.PurgedThrough
	if own, ok := p.remembered.Load(endpoint.UID); ok {
		if at := own.(metav1.MicroTime); through == nil || at.After(through.Time) {
			return &at
		}
	}
	return through
}

// purge removes a mirror that was read just now, after its retention has passed. First the endpoint of a tombstone remembers how new its
// events were, so that a replay of them does not raise the dead; then the object goes, unless it has changed meanwhile: then a
// watch event will bring it back. It does nothing, and reports so, while a record waits that would be taken for a replay by then.
//
// Only what FastPix deleted is remembered: what is remembered keeps late first events of other media out, and nothing else is worth that.
func (p *purger) purge(ctx context.Context, m mirror, retention time.Duration) (done bool, err error) {
	if m.state() == record.StateDeleted {
		if done, err := p.rememberTombstone(ctx, m, retention); err != nil || !done {
			return false, err
		}
	}
	object := m.object()
	uid, version := object.GetUID(), object.GetResourceVersion()
	err = p.client.Delete(ctx, object, client.Preconditions{UID: &uid, ResourceVersion: &version})
	if err != nil {
		return true, ignoreStale(fmt.Errorf("purge mirror: %w", err))
	}
	purged.Inc()
	return true, nil
}

// rememberTombstone has a tombstone's endpoint remember it, and reports false while a record waits that would be taken for a replay.
func (p *purger) rememberTombstone(ctx context.Context, m mirror, retention time.Duration) (done bool, err error) {
	newest := projection.NewestEventTime(m.recentEvents())
	if newest == nil {
		return true, nil
	}
	through := *newest
	if bound := p.now().Add(-retention); through.After(bound) {
		through = metav1.NewMicroTime(bound.Truncate(time.Microsecond))
	}
	owner, err := p.endpoints.of(ctx, m)
	if err != nil || owner == nil {
		return err == nil, err
	}
	key := client.ObjectKeyFromObject(owner)
	if p.waits(key, through.Time) {
		return false, nil
	}
	// Receivers, the publisher and other purges write the same status.
	remember := func() error { return p.remember(ctx, key, through) }
	if err := retry.RetryOnConflict(retry.DefaultBackoff, remember); err != nil {
		return false, fmt.Errorf("remember what is purged: %w", err)
	}
	return true, nil
}

// remember raises status.purgedThrough of an endpoint.
func (p *purger) remember(ctx context.Context, key types.NamespacedName, through metav1.MicroTime) error {
	var endpoint fastpixv1.WebhookEndpoint
	if err := p.live.Get(ctx, key, &endpoint); err != nil {
		return ignoreGone(err)
	}
	if old := endpoint.Status.PurgedThrough; old == nil || through.After(old.Time) {
		endpoint.Status.PurgedThrough = &through
		if err := p.client.Status().Update(ctx, &endpoint); err != nil {
			return err
		}
	}
	p.raise(endpoint.UID, *endpoint.Status.PurgedThrough)
	return nil
}
