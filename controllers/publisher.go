package controllers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/clock"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

const (
	publishInterval = time.Second
	// publishPause follows a failure, so that an outage does not fill the log.
	publishPause = 5 * time.Second
	// maxPublishes bounds the writes of one interval; with more endpoints than that each is published less often.
	maxPublishes = 20
	// coarse is how far lastEventTime and lastVerifiedTime may lag while nothing else is to be written.
	coarse = 10 * time.Second
	// maxFingerprints bounds what is remembered of an endpoint, which has at most eight keys at a time.
	maxFingerprints = 64
	// fingerprintDigits is how long a fingerprint is.
	fingerprintDigits = 8
	// forgetActivity is how long what was seen of an endpoint is kept that the informer does not show, or not yet.
	forgetActivity = time.Minute
	// maxActivity bounds the endpoints of which something is kept: a record may name any UID.
	maxActivity = 20_000
)

// publisher writes to each WebhookEndpoint what the controllers know of it: how many of its events are pending or failed, and when
// the last one came. Receivers hold back deliveries by these counts.
type publisher struct {
	client client.Client
	live   client.Reader
	cached client.Reader // WebhookEndpoints from the informer
	totals func() (totals, bool)
	exists func(types.NamespacedName) bool // whether there is such an endpoint
	// purged is how new what was purged in each namespace is, as far as its endpoints know.
	purged   func([]fastpixv1.WebhookEndpoint) map[string]metav1.MicroTime
	now      func() time.Time
	started  time.Time
	turn     int // where the next round begins when there are more endpoints than maxPublishes
	mu       sync.Mutex
	activity map[types.UID]*activity // by the endpoint's UID: a successor of the same name has seen nothing of it
}

// activity is what was seen of one endpoint since the start.
type activity struct {
	noted    time.Time // when a record last told of it
	received metav1.MicroTime
	verified map[string]metav1.MicroTime // by fingerprint
	written  time.Time                   // when it was last published
}

// saw notes a record of the journal. Names of endpoints that do not exist, and more fingerprints than any endpoint has keys, are those of
// forged records.
func (p *publisher) saw(r *record.Record) {
	key := types.NamespacedName{Namespace: r.Namespace, Name: r.Endpoint}
	if !p.exists(key) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.activity[r.EndpointUID]
	if a == nil {
		if len(p.activity) >= maxActivity {
			return
		}
		a = &activity{verified: map[string]metav1.MicroTime{}}
		p.activity[r.EndpointUID] = a
	}
	a.noted = p.now()
	if r.Received.After(a.received.Time) {
		a.received = r.Received
	}
	if len(a.verified) >= maxFingerprints && a.verified[r.Fingerprint].Time.IsZero() {
		clear(a.verified)
	}
	if len(r.Fingerprint) == fingerprintDigits && r.Received.After(a.verified[r.Fingerprint].Time) {
		a.verified[r.Fingerprint] = r.Received
	}
}

// forget drops what was seen of endpoints that are gone. One that the informer does not show may only be new.
func (p *publisher) forget(listed []fastpixv1.WebhookEndpoint) {
	there := make(map[types.UID]bool, len(listed))
	for i := range listed {
		there[listed[i].UID] = true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.activity, func(uid types.UID, a *activity) bool {
		return !there[uid] && p.now().Sub(a.noted) > forgetActivity
	})
}

// Start publishes until the context ends.
func (p *publisher) Start(ctx context.Context) error {
	p.started = p.now()
	defer forgetBacklog()
	for ctx.Err() == nil {
		clock.Sleep(ctx, publishInterval)
		if err := p.publish(ctx); err != nil && ctx.Err() == nil {
			ctrl.LoggerFrom(ctx).Error(err, "Publishing counts failed, will retry")
			clock.Sleep(ctx, publishPause)
		}
	}
	return nil
}

func (p *publisher) publish(ctx context.Context) error {
	t, known := p.totals()
	if !known {
		return nil // receivers would take more than there is room for
	}
	observeBacklog(t, p.now())
	var list fastpixv1.WebhookEndpointList
	if err := p.cached.List(ctx, &list); err != nil {
		return err
	}
	p.forget(list.Items)
	t.purged = p.purged(list.Items)
	slices.SortFunc(list.Items, func(a, b fastpixv1.WebhookEndpoint) int {
		return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
	})
	var errs []error
	writes, n := 0, len(list.Items)
	for i := range n {
		e := &list.Items[(p.turn+i)%n]
		if !p.update(e.DeepCopy(), t, true) {
			continue
		}
		if writes++; writes > maxPublishes {
			p.turn = (p.turn + i) % n
			break
		}
		errs = append(errs, p.write(ctx, client.ObjectKeyFromObject(e), t)) // one that fails holds up no other
	}
	return errors.Join(errs...)
}

// write publishes for one endpoint, on what a live read shows.
func (p *publisher) write(ctx context.Context, key types.NamespacedName, t totals) error {
	var e fastpixv1.WebhookEndpoint
	if err := p.live.Get(ctx, key, &e); err != nil {
		return client.IgnoreNotFound(err)
	}
	if !p.update(&e, t, false) {
		return nil
	}
	if err := ignoreStale(p.client.Status().Update(ctx, &e)); err != nil {
		return fmt.Errorf("publish for %s: %w", key, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if a := p.activity[e.UID]; a != nil {
		a.written = p.now()
	}
	return nil
}

// update brings an endpoint's status up to date and reports whether something changed that is worth a write: with coarsely set,
// times alone are not if they were written moments ago.
func (p *publisher) update(e *fastpixv1.WebhookEndpoint, t totals, coarsely bool) bool {
	key := client.ObjectKeyFromObject(e)
	// Once after each start in any case: the one before may have folded events that receivers still count as pending.
	changed := e.Status.PendingTime == nil || e.Status.PendingTime.Time.Before(p.started) ||
		e.Status.PendingEvents != t.pending[key] || e.Status.FailedEvents != t.failed[key]
	if through, ok := t.purged[e.Namespace]; ok { // an endpoint that was not there at the purge, or the others told of it
		changed = newer(&e.Status.PurgedThrough, through) || changed
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if a := p.activity[e.UID]; a != nil && (changed || !coarsely || p.now().Sub(a.written) >= coarse) {
		changed = a.apply(&e.Status, p.now().Add(record.MaxFuture)) || changed
	}
	if changed {
		now := metav1.NewMicroTime(p.now().Truncate(time.Microsecond))
		e.Status.PendingEvents, e.Status.FailedEvents, e.Status.PendingTime = t.pending[key], t.failed[key], &now
	}
	return changed
}

// apply sets the times that are newer than the status has. One in the status that is after the horizon is not believed.
func (a *activity) apply(status *fastpixv1.WebhookEndpointStatus, horizon time.Time) bool {
	changed := seen(&status.LastEventTime, a.received, horizon)
	for i := range status.SigningSecrets {
		if at, ok := a.verified[status.SigningSecrets[i].Fingerprint]; ok {
			changed = seen(&status.SigningSecrets[i].LastVerifiedTime, at, horizon) || changed
		}
	}
	return changed
}

// seen is newer for a time of receipt: one that is still to come was forged, and is replaced.
func seen(field **metav1.MicroTime, at metav1.MicroTime, horizon time.Time) bool {
	if *field != nil && (*field).After(horizon) {
		*field = nil
	}
	return newer(field, at)
}

func newer(field **metav1.MicroTime, at metav1.MicroTime) bool {
	if *field != nil && !at.After((*field).Time) {
		return false
	}
	*field = &at
	return true
}
