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

// How the replicas of the receiver agree on the status of an endpoint, without talking to each other: the newer observation wins.
//
//   - A replica writes only what it read after it had seen the status that it replaces. If the status has changed since its last read, it
//     reads the Secrets again before it contradicts.
//   - A read that the API server did not answer says nothing, so it does not replace what another replica has read. It counts only
//     after a minute, when no key may verify any more.
//   - Each replica writes the status of one endpoint at a bounded rate, whatever happens to the endpoint's Secrets.
const (
	// reportRate and reportBurst bound the writes of one endpoint's status by one replica, in writes a second. Each write is at most one
	// Kubernetes Event. The burst is enough for somebody who sets up an endpoint and makes every mistake.
	reportRate  = 0.1
	reportBurst = 8
	// reportPause is how long a replica waits that may not write, or that waits for an answer about a Secret.
	reportPause = 5 * time.Second
)

// reports bounds what one replica writes about one endpoint, and remembers what decides about it.
type reports struct {
	limiter flowcontrol.PassiveRateLimiter
	// unsharedSince is since when no other endpoint accepts a key of this one, in Unix nanoseconds; 0 while one does.
	unsharedSince atomic.Int64
}

func newReports() reports {
	return reports{limiter: flowcontrol.NewTokenBucketPassiveRateLimiter(reportRate, reportBurst)}
}

// publish writes the status if this replica has something newer to say. It reports whether it has, and must wait.
func (r *Reconciler) publish(ctx context.Context, e *Endpoint, known *fastpixv1.WebhookEndpoint) (postponed bool, _ error) {
	if !known.DeletionTimestamp.IsZero() || r.described(e, known) == nil {
		return false, nil
	}
	var object fastpixv1.WebhookEndpoint
	if err := r.Reader.Get(ctx, e.Name, &object); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	if object.UID != known.UID || object.Generation != known.Generation {
		return false, nil // the informer will bring what is new, and it will be reconciled
	}
	if object.ResourceVersion != known.ResourceVersion || !e.Keys.ReadSince(e.seenAt()) {
		e.Keys.Refresh(ctx, &object.Spec, r.Now())
	}
	updated := r.described(e, &object)
	switch {
	case updated == nil:
		return false, nil
	case r.unanswered(e, &object) || !e.reports.limiter.TryAccept():
		return true, nil
	}
	if err := r.Update(ctx, updated); err != nil {
		if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
			return false, nil // whoever changed it makes this run again
		}
		return false, fmt.Errorf("update status: %w", err)
	}
	r.notify(&object, updated)
	return false, nil
}

// described returns the endpoint with a status that is up to date; nil if it is already.
func (r *Reconciler) described(e *Endpoint, object *fastpixv1.WebhookEndpoint) *fastpixv1.WebhookEndpoint {
	updated := object.DeepCopy()
	describe(updated, e.Keys.Snapshot(&object.Spec), r.shared(e, object), r.Options, r.Now())
	if equality.Semantic.DeepEqual(object.Status, updated.Status) {
		return nil
	}
	return updated
}

// unanswered reports that this replica's last read of a Secret had no answer, and that what is published says more than it knows.
func (r *Reconciler) unanswered(e *Endpoint, object *fastpixv1.WebhookEndpoint) bool {
	if object.Status.ObservedGeneration != object.Generation {
		return false // nothing is published about this spec
	}
	ready := apimeta.FindStatusCondition(object.Status.Conditions, fastpixv1.ConditionReady)
	now := r.Now()
	for i, state := range e.Keys.Snapshot(&object.Spec) {
		if state.UnansweredSince.IsZero() {
			continue
		}
		_, usable := state.Fresh(now)
		published := isPublished(object, keys.WithDefaultKey(object.Spec.SigningSecrets[i]))
		switch {
		case usable && !published: // the key was read before another replica could not
			return true
		case !usable && published: // another replica may have read it, unless this one has tried for as long as a key lasts
			if state.ReadAt.IsZero() && now.Sub(state.UnansweredSince) < keys.Lifetime {
				return true
			}
		case !usable && state.Problem == fastpixv1.ReasonSecretUnreadable && ready != nil:
			return true // why it was not usable before is worth more
		}
	}
	return false
}

// isPublished reports that a status says of a signing secret that it is usable.
func isPublished(object *fastpixv1.WebhookEndpoint, ref fastpixv1.SigningSecretReference) bool {
	for _, s := range object.Status.SigningSecrets {
		if s.Name == ref.Name && s.Key == ref.Key {
			return s.Fingerprint != ""
		}
	}
	return false
}

// shared is the warning that other endpoints accept a key of this one; nil if none does. A replica that has just started has not read their
// keys yet, so the warning goes only after it was not true for as long as a key lasts.
func (r *Reconciler) shared(e *Endpoint, object *fastpixv1.WebhookEndpoint) *metav1.Condition {
	shared := r.Directory.sharedKey(e)
	if shared != nil {
		e.reports.unsharedSince.Store(0)
		return shared
	}
	now := r.Now()
	e.reports.unsharedSince.CompareAndSwap(0, now.UnixNano())
	published := apimeta.FindStatusCondition(object.Status.Conditions, fastpixv1.ConditionSharedKey)
	if published == nil || now.Sub(time.Unix(0, e.reports.unsharedSince.Load())) >= keys.Lifetime {
		return nil
	}
	return published.DeepCopy()
}

// NewStatusUpdater writes statuses by PUT, strictly: an older schema must refuse a field, not drop it.
func NewStatusUpdater(c client.Client, fieldManager string) StatusUpdater {
	strict := client.WithFieldValidation(client.WithFieldOwner(c, fieldManager), metav1.FieldValidationStrict)
	return func(ctx context.Context, e *fastpixv1.WebhookEndpoint) error { return strict.Status().Update(ctx, e) }
}
