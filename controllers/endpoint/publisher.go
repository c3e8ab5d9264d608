package endpoint

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
	"github.com/fastpix-operator/fastpix-operator/controllers/journal"
	"github.com/fastpix-operator/fastpix-operator/internal/apiserver"
	"github.com/fastpix-operator/fastpix-operator/internal/clock"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

const (
	publishInterval = time.Second
	// publishPause follows a failure, so that an outage does not fill the log.
	publishPause = 5 * time.Second
	// maxPublishes bounds the writes of one interval; with more endpoints than that each is published less often.
	maxPublishes = 20
	// coarseInterval is how far lastEventTime and lastVerifiedTime may lag while nothing else is to be written.
	coarseInterval = 10 * time.Second
	// MaxFingerprints bounds what is remembered of an endpoint, which has at most eight keys at a time.
	MaxFingerprints = 64
	// fingerprintDigits is how long a fingerprint is.
	fingerprintDigits = 8
	// ForgetActivity is how long what was seen of an endpoint is kept that the informer does not show, or not yet.
	ForgetActivity = time.Minute
	// MaxActivity bounds the endpoints of which something is kept: a record may name any UID.
	MaxActivity = 20_000
)

// Publisher writes to each WebhookEndpoint what the controllers know of it: how many of its events are pending or failed, and when
// the last one came. Receivers hold back deliveries by these counts.
type Publisher struct {
	Client client.Client
	Live   client.Reader
	Cached client.Reader // WebhookEndpoints from the informer
	Totals func() (journal.Totals, bool)
	Exists func(types.NamespacedName) bool // whether there is such an endpoint
	// Purged is how new what was purged in each namespace is, as far as its endpoints know.
	Purged    func([]fastpixv1.WebhookEndpoint) map[string]metav1.MicroTime
	Now       func() time.Time
	started   time.Time
	nextIndex int // where the next round begins when there are more endpoints than maxPublishes
	mu        sync.Mutex
	Activity  map[types.UID]*Activity // by the endpoint's UID: a successor of the same name has seen nothing of it
}

// Activity is what was seen of one endpoint since the start.
type Activity struct {
	observed time.Time // when a record last told of it
	received metav1.MicroTime
	Verified map[string]metav1.MicroTime // by fingerprint
	written  time.Time                   // when it was last published
}

// Observe notes a record of the journal. Names of endpoints that do not exist, UIDs that are too long, and more fingerprints than any endpoint
// has keys, are those of forged records.
func (p *Publisher) Observe(r *record.Record) {
	key := types.NamespacedName{Namespace: r.Namespace, Name: r.Endpoint}
	if len(r.EndpointUID) > journal.MaxUIDBytes || !p.Exists(key) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.Activity[r.EndpointUID]
	if a == nil {
		if len(p.Activity) >= MaxActivity {
			return
		}
		a = &Activity{Verified: map[string]metav1.MicroTime{}}
		p.Activity[r.EndpointUID] = a
	}
	a.observed = p.Now()
	if r.Received.After(a.received.Time) {
		a.received = r.Received
	}
	if len(a.Verified) >= MaxFingerprints && a.Verified[r.Fingerprint].Time.IsZero() {
		clear(a.Verified)
	}
	if len(r.Fingerprint) == fingerprintDigits && r.Received.After(a.Verified[r.Fingerprint].Time) {
		a.Verified[r.Fingerprint] = r.Received
	}
}

// Forget drops what was seen of endpoints that are gone. One that the informer does not show may only be new.
func (p *Publisher) Forget(listed []fastpixv1.WebhookEndpoint) {
	there := make(map[types.UID]bool, len(listed))
	for i := range listed {
		there[listed[i].UID] = true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.Activity, func(uid types.UID, a *Activity) bool {
		return !there[uid] && p.Now().Sub(a.observed) > ForgetActivity
	})
}

// Start publishes until the context ends.
func (p *Publisher) Start(ctx context.Context) error {
	p.started = p.Now()
	defer forgetBacklog()
	for ctx.Err() == nil {
		clock.Sleep(ctx, publishInterval)
		if err := p.Publish(ctx); err != nil && ctx.Err() == nil {
			ctrl.LoggerFrom(ctx).Error(err, "Publishing counts failed, will retry")
			clock.Sleep(ctx, publishPause)
		}
	}
	return nil
}

func (p *Publisher) Publish(ctx context.Context) error {
	t, known := p.Totals()
	if !known {
		return nil // receivers would take more than there is room for
	}
	observeBacklog(t, p.Now())
	var list fastpixv1.WebhookEndpointList
	if err := p.Cached.List(ctx, &list); err != nil {
		return err
	}
	p.Forget(list.Items)
	t.Purged = p.Purged(list.Items)
	slices.SortFunc(list.Items, func(a, b fastpixv1.WebhookEndpoint) int {
		return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
	})
	var errs []error
	writes, n := 0, len(list.Items)
	for i := range n {
		e := &list.Items[(p.nextIndex+i)%n]
		if !p.update(e.DeepCopy(), t, true) {
			continue
		}
		if writes++; writes > maxPublishes {
			p.nextIndex = (p.nextIndex + i) % n
			break
		}
		errs = append(errs, p.write(ctx, client.ObjectKeyFromObject(e), t)) // one that fails holds up no other
	}
	return errors.Join(errs...)
}

// write publishes for one endpoint, on what a live read shows.
func (p *Publisher) write(ctx context.Context, key types.NamespacedName, t journal.Totals) error {
	var e fastpixv1.WebhookEndpoint
	if err := p.Live.Get(ctx, key, &e); err != nil {
		return client.IgnoreNotFound(err)
	}
	if !p.update(&e, t, false) {
		return nil
	}
	if err := apiserver.IgnoreStale(p.Client.Status().Update(ctx, &e)); err != nil {
		return fmt.Errorf("publish for %s: %w", key, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if a := p.Activity[e.UID]; a != nil {
		a.written = p.Now()
	}
	return nil
}

// update brings an endpoint's status up to date and reports whether something changed that is worth a write: with coarsely set,
// times alone are not if they were written moments ago.
func (p *Publisher) update(e *fastpixv1.WebhookEndpoint, t journal.Totals, coarsely bool) bool {
	key := client.ObjectKeyFromObject(e)
	// Once after each start in any case: the one before may have folded events that receivers still count as pending.
	changed := e.Status.PendingTime == nil || e.Status.PendingTime.Time.Before(p.started) ||
		e.Status.PendingEvents != t.Pending[key] || e.Status.FailedEvents != t.Failed[key]
	if through, ok := t.Purged[e.Namespace]; ok { // an endpoint that was not there at the purge, or the others told of it
		changed = Raise(&e.Status.PurgedThrough, through) || changed
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if a := p.Activity[e.UID]; a != nil && (changed || !coarsely || p.Now().Sub(a.written) >= coarseInterval) {
		changed = a.apply(&e.Status, p.Now().Add(record.MaxFuture)) || changed
	}
	if changed {
		now := metav1.NewMicroTime(p.Now().Truncate(time.Microsecond))
		e.Status.PendingEvents, e.Status.FailedEvents, e.Status.PendingTime = t.Pending[key], t.Failed[key], &now
	}
	return changed
}

// apply sets the times that are newer than the status has. One in the status that is after the horizon is not believed.
func (a *Activity) apply(status *fastpixv1.WebhookEndpointStatus, horizon time.Time) bool {
	changed := RaiseReceipt(&status.LastEventTime, a.received, horizon)
	for i := range status.SigningSecrets {
		if at, ok := a.Verified[status.SigningSecrets[i].Fingerprint]; ok {
			changed = RaiseReceipt(&status.SigningSecrets[i].LastVerifiedTime, at, horizon) || changed
		}
	}
	return changed
}

// RaiseReceipt is newer for a time of receipt: one that is still to come was forged, and is replaced.
func RaiseReceipt(field **metav1.MicroTime, at metav1.MicroTime, horizon time.Time) bool {
	if *field != nil && (*field).After(horizon) {
		*field = nil
	}
	return Raise(field, at)
}

func Raise(field **metav1.MicroTime, at metav1.MicroTime) bool {
	if *field != nil && !at.After((*field).Time) {
		return false
	}
	*field = &at
	return true
}
