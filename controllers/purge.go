package controllers

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/projection"
)

// purger removes mirrors whose time has passed.
type purger struct {
	client    client.Client
	live      client.Reader
	endpoints endpoints
	now       func() time.Time
}

// purge removes a mirror that was read just now, after its retention has passed. First its endpoint remembers how new the mirror's
// events were, so that a replay of them does not raise the dead; then the object goes, unless it has changed meanwhile: then a
// watch event will bring it back.
func (p *purger) purge(ctx context.Context, m mirror, retention time.Duration) error {
	if newest := projection.NewestEventTime(m.recentEvents()); newest != nil {
		through := *newest
		if bound := p.now().Add(-retention); through.After(bound) {
			through = metav1.NewMicroTime(bound.Truncate(time.Microsecond))
		}
		// Receivers, the publisher and other purges write the same status.
		remember := func() error { return p.remember(ctx, m, through) }
		if err := retry.RetryOnConflict(retry.DefaultBackoff, remember); err != nil {
			return fmt.Errorf("remember what is purged: %w", err)
		}
	}
	object := m.object()
	uid, version := object.GetUID(), object.GetResourceVersion()
	err := p.client.Delete(ctx, object, client.Preconditions{UID: &uid, ResourceVersion: &version})
	if err != nil {
		return ignoreStale(fmt.Errorf("purge mirror: %w", err))
	}
	purged.Inc()
	return nil
}

// remember raises status.purgedThrough of the mirror's endpoint.
func (p *purger) remember(ctx context.Context, m mirror, through metav1.MicroTime) error {
	var endpoint fastpixv1.WebhookEndpoint
	owner, err := p.endpoints.of(ctx, m)
	if owner == nil {
		return err
	}
	if err := p.live.Get(ctx, client.ObjectKeyFromObject(owner), &endpoint); err != nil {
		return client.IgnoreNotFound(err)
	}
	if old := endpoint.Status.PurgedThrough; old != nil && !through.After(old.Time) {
		p.endpoints.purges.remember(endpoint.UID, old.Time)
		return nil
	}
	endpoint.Status.PurgedThrough = &through
	if err := p.client.Status().Update(ctx, &endpoint); err != nil {
		return err
	}
	p.endpoints.purges.remember(endpoint.UID, through.Time)
	return nil
}
