package endpoint

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/flowcontrol"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/webhookserver/keys"
)

// The replicas of the receiver agree on the status of an endpoint without communicating: the newer observation wins.
//
//   - A replica writes only what it read after it had observed the status that it replaces. If the status has changed since its last
//     read, the replica reads the Secrets again before it writes something else.
//   - A read that the API server did not answer has no result. It does not replace what another replica has read. It counts only after
//     a minute, when the keys of the last answer have expired.
//   - Each replica writes the status of one endpoint at a bounded rate, whatever happens to the Secrets of the endpoint.
const (
	// statusWriteRate and statusWriteBurst bound the writes of one endpoint's status by one replica, in writes a second. Each write records
	// at most one Kubernetes Event. The burst is enough for a user who sets up an endpoint and makes every mistake.
	statusWriteRate  = 0.1
	statusWriteBurst = 8
	// postponedPause is how long a replica waits when it may not write yet, or when it waits for an answer about a Secret.
	postponedPause = 5 * time.Second
)

// statusWrites bounds what one replica writes about one endpoint.
type statusWrites struct {
	limiter flowcontrol.PassiveRateLimiter
	// unsharedSince is when the last other endpoint stopped accepting a key of this one, in Unix nanoseconds; 0 while another one accepts
	// it.
	unsharedSince atomic.Int64
}

func newStatusWrites() statusWrites {
	return statusWrites{limiter: flowcontrol.NewTokenBucketPassiveRateLimiter(statusWriteRate, statusWriteBurst)}
}

// publish writes the status if this replica has a newer observation. It reports whether the write is postponed.
func (r *Reconciler) publish(ctx context.Context, e *Endpoint, observed *fastpixv1.WebhookEndpoint) (postponed bool, _ error) {
	if !observed.DeletionTimestamp.IsZero() || r.withNewStatus(e, observed) == nil {
		return false, nil
	}
	var object fastpixv1.WebhookEndpoint
	if err := r.Reader.Get(ctx, e.Name, &object); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	if object.UID != observed.UID || object.Generation != observed.Generation {
		return false, nil // the informer will deliver the new version, which enqueues the endpoint
	}
	if object.ResourceVersion != observed.ResourceVersion || !e.Keys.ReadSince(e.observedAt()) {
		e.Keys.Refresh(ctx, &object.Spec, r.Now())
	}
	updated := r.withNewStatus(e, &object)
	switch {
	case updated == nil:
		return false, nil
	case r.mustWaitForAnswer(e, &object) || !e.writes.limiter.TryAccept():
		return true, nil
	}
	if err := r.Update(ctx, updated); err != nil {
		if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
			return false, nil // the informer will deliver the change, which enqueues the endpoint
		}
		return false, fmt.Errorf("update status: %w", err)
	}
	r.recordTransition(&object, updated)
	return false, nil
}

// withNewStatus returns a copy of the endpoint with the status that this replica would write; nil if the status would not change.
func (r *Reconciler) withNewStatus(e *Endpoint, object *fastpixv1.WebhookEndpoint) *fastpixv1.WebhookEndpoint {
	updated := object.DeepCopy()
	setStatus(updated, e.Keys.States(&object.Spec), r.sharedKey(e, object), r.Options, r.Now())
	if equality.Semantic.DeepEqual(object.Status, updated.Status) {
		return nil
	}
	return updated
}

// mustWaitForAnswer reports that the API server did not answer this replica's last read of a Secret, and that the published status knows
// more.
func (r *Reconciler) mustWaitForAnswer(e *Endpoint, object *fastpixv1.WebhookEndpoint) bool {
	if object.Status.ObservedGeneration != object.Generation {
		return false // no status of this spec is published
	}
	ready := apimeta.FindStatusCondition(object.Status.Conditions, fastpixv1.ConditionReady)
	now := r.Now()
	for i, state := range e.Keys.States(&object.Spec) {
		if state.UnansweredSince.IsZero() {
			continue
		}
		_, usable := state.ValidKey(now)
		published := isPublished(object, keys.WithDefaultKey(object.Spec.SigningSecrets[i]))
		switch {
		case usable && !published: // this replica read the key before another one failed to read it
			return true
		case !usable && published: // another replica may have read the key, unless this one has failed for as long as a key lasts
			if state.ReadAt.IsZero() && now.Sub(state.UnansweredSince) < keys.Lifetime {
				return true
			}
		case !usable && state.Problem == fastpixv1.ReasonSecretUnreadable && ready != nil:
			return true // the published reason explains more than Unreadable
		}
	}
	return false
}

// isPublished reports that the status shows the signing secret as usable.
func isPublished(object *fastpixv1.WebhookEndpoint, ref fastpixv1.SigningSecretReference) bool {
	for _, s := range object.Status.SigningSecrets {
		if s.Name == ref.Name && s.Key == ref.Key {
			return s.Fingerprint != ""
		}
	}
	return false
}

// sharedKey returns the warning that other endpoints accept a key of this one; nil if none does. A replica that has just started has not
// read the keys of the others yet. So a published warning stays until no other endpoint has accepted the key for as long as a key lasts.
func (r *Reconciler) sharedKey(e *Endpoint, object *fastpixv1.WebhookEndpoint) *metav1.Condition {
	shared := r.Directory.sharedKeyCondition(e)
	if shared != nil {
		e.writes.unsharedSince.Store(0)
		return shared
	}
	now := r.Now()
	e.writes.unsharedSince.CompareAndSwap(0, now.UnixNano())
	published := apimeta.FindStatusCondition(object.Status.Conditions, fastpixv1.ConditionSharedKey)
	if published == nil || now.Sub(time.Unix(0, e.writes.unsharedSince.Load())) >= keys.Lifetime {
		return nil
	}
	return published.DeepCopy()
}

// NewStatusUpdater returns a StatusUpdater that uses PUT with strict validation: an API server with an older schema refuses an unknown
// field instead of dropping it.
func NewStatusUpdater(c client.Client, fieldManager string) StatusUpdater {
	strict := client.WithFieldValidation(client.WithFieldOwner(c, fieldManager), metav1.FieldValidationStrict)
	return func(ctx context.Context, e *fastpixv1.WebhookEndpoint) error { return strict.Status().Update(ctx, e) }
}
