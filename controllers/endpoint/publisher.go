package endpoint

import (
	"context"
	"errors"
	"fmt"
	"maps"
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
	// publishPause is the pause after a failure, so that an outage does not fill the log.
	publishPause = 5 * time.Second
	// maxPublishes bounds the writes of one interval. If more endpoints have changed, each is published less often.
	maxPublishes = 20
	// coarseInterval is how far lastEventTime and lastVerifiedTime may lag behind while nothing else is to be written.
	coarseInterval = 10 * time.Second
	// maxFingerprints bounds the fingerprints that are kept for one endpoint. An endpoint has at most eight keys at a time.
	maxFingerprints = 64
	// fingerprintDigits is the length of a fingerprint.
	fingerprintDigits = 8
	// forgetActivity is how long the activity of an endpoint is kept that the informer does not show. The endpoint may be new.
	forgetActivity = time.Minute
	// maxActivity bounds the endpoints whose activity is kept. A forged record may name any UID.
	maxActivity = 20_000
)

// Publisher writes to the status of each WebhookEndpoint how many of its events are pending or failed, and when its last event was received.
// Receivers limit deliveries by these counts.
type Publisher struct {
	Client client.Client
	Live   client.Reader
	Cached client.Reader // WebhookEndpoints from the informer
	Totals func() (journal.Totals, bool)
	Exists func(types.NamespacedName) bool // reports whether an endpoint exists
	// Purged returns the newest event time of the purged mirrors of each namespace, as the endpoints record it.
	Purged   func([]fastpixv1.WebhookEndpoint) map[string]metav1.MicroTime
	Now      func() time.Time
	started  time.Time
	rounds   rounds
	mu       sync.Mutex
	activity map[types.UID]*activity // by UID, because a new endpoint with the same name has an activity of its own
}

// activity is what the records since the start say about one endpoint.
type activity struct {
	observed time.Time                   // when the last record was observed
	received metav1.MicroTime            // newest time of receipt
	verified map[string]metav1.MicroTime // newest time of receipt by fingerprint
	written  time.Time                   // when the activity was last published
	// uncounted says that observations were folded since then. The syncer waits for the count that covers them.
	uncounted bool
}

// Observe updates the activity of an endpoint from a record of the journal. It ignores what only a forged record says: an endpoint that does not
// exist, a UID that is too long, or more fingerprints than an endpoint has keys.
func (p *Publisher) Observe(r *record.Record) {
	key := types.NamespacedName{Namespace: r.Namespace, Name: r.Endpoint}
	if len(r.EndpointUID) > journal.MaxUIDBytes || !p.Exists(key) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.activity[r.EndpointUID]
	if a == nil {
		if len(p.activity) >= maxActivity {
			return
		}
		if p.activity == nil {
			p.activity = map[types.UID]*activity{}
		}
		a = &activity{verified: map[string]metav1.MicroTime{}}
		p.activity[r.EndpointUID] = a
	}
	a.observed = p.Now()
	if record.IsObservation(r.Type) {
		a.uncounted = true
		return
	}
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

// forget removes the activity of endpoints that do not exist. It keeps a recent activity, because the informer may not show a new endpoint yet.
func (p *Publisher) forget(listed []fastpixv1.WebhookEndpoint) {
	exists := make(map[types.UID]bool, len(listed))
	for i := range listed {
		exists[listed[i].UID] = true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.activity, func(uid types.UID, a *activity) bool {
		return !exists[uid] && p.Now().Sub(a.observed) > forgetActivity
	})
}

// Start publishes until the context ends.
func (p *Publisher) Start(ctx context.Context) error {
	p.started = p.Now()
	defer forgetBacklog()
	for ctx.Err() == nil {
		clock.Sleep(ctx, publishInterval)
		if err := p.Publish(ctx); err != nil && ctx.Err() == nil {
			ctrl.LoggerFrom(ctx).Error(err, "Publishing counts to WebhookEndpoints failed, will retry")
			clock.Sleep(ctx, publishPause)
		}
	}
	return nil
}

// Publish publishes to every endpoint whose status is out of date, within maxPublishes.
func (p *Publisher) Publish(ctx context.Context) error {
	t, known := p.Totals()
	if !known {
		return nil // counts that are too low would let receivers fill the journal beyond its bound
	}
	observeBacklog(t, p.Now())
	var list fastpixv1.WebhookEndpointList
	if err := p.Cached.List(ctx, &list); err != nil {
		return err
	}
	p.forget(list.Items)
	t.Purged = p.Purged(list.Items)
	var outdated []types.NamespacedName
	for i := range list.Items {
		if e := &list.Items[i]; p.update(e, t, true) { // the list is a copy
			outdated = append(outdated, client.ObjectKeyFromObject(e))
		}
	}
	var errs []error
	for _, key := range p.rounds.next(outdated) {
		errs = append(errs, p.write(ctx, key, t)) // a failed write does not stop the others
	}
	return errors.Join(errs...)
}

// write publishes to one endpoint after a live read.
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
	if a := p.activity[e.UID]; a != nil {
		a.written, a.uncounted = p.Now(), false
	}
	return nil
}

// update brings an endpoint's status up to date, and reports whether the change is worth a write. If coarsely is true, a change of times alone is
// not, as long as coarseInterval has not passed since the last write.
func (p *Publisher) update(e *fastpixv1.WebhookEndpoint, t journal.Totals, coarsely bool) bool {
	key := client.ObjectKeyFromObject(e)
	// Each process writes once: the process before it may have folded events that receivers still count as pending.
	changed := e.Status.PendingTime == nil || e.Status.PendingTime.Time.Before(p.started) ||
		e.Status.PendingEvents != t.Pending[key] || e.Status.FailedEvents != t.Failed[key]
	if through, ok := t.Purged[e.Namespace]; ok { // the endpoint was created after the purge, or was not one of those that recorded it
		changed = Raise(&e.Status.PurgedThrough, through) || changed
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if a := p.activity[e.UID]; a != nil && (changed || !coarsely || p.Now().Sub(a.written) >= coarseInterval) {
		changed = a.apply(&e.Status, p.Now().Add(record.MaxFuture)) || changed || a.uncounted
	}
	if changed {
		now := metav1.NewMicroTime(p.Now().Truncate(time.Microsecond))
		e.Status.PendingEvents, e.Status.FailedEvents, e.Status.PendingTime = t.Pending[key], t.Failed[key], &now
	}
	return changed
}

// apply sets the times that are newer than those in the status. It replaces a time in the status that is after the horizon.
func (a *activity) apply(status *fastpixv1.WebhookEndpointStatus, horizon time.Time) bool {
	changed := raiseReceipt(&status.LastEventTime, a.received, horizon)
	for i := range status.SigningSecrets {
		if at, ok := a.verified[status.SigningSecrets[i].Fingerprint]; ok {
			changed = raiseReceipt(&status.SigningSecrets[i].LastVerifiedTime, at, horizon) || changed
		}
	}
	return changed
}

// raiseReceipt is Raise for a time of receipt. It replaces a value after the horizon, because only a forged record can have set it.
func raiseReceipt(field **metav1.MicroTime, at metav1.MicroTime, horizon time.Time) bool {
	if *field != nil && (*field).After(horizon) {
		*field = nil
	}
	return Raise(field, at)
}

// Raise sets a field to a time if the time is newer, and reports whether it did.
func Raise(field **metav1.MicroTime, at metav1.MicroTime) bool {
	if *field != nil && !at.After((*field).Time) {
		return false
	}
	*field = &at
	return true
}
