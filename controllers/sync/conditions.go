package sync

import (
	"errors"
	"fmt"
	"strconv"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/fastpixapi"
)

const (
	// defaultServiceAccount is the syncer's service account, as config/rbac/syncer names it.
	defaultServiceAccount = "fastpix-syncer"
	// maxMessageBytes bounds the message of a condition well below the limit of the schema.
	maxMessageBytes = 4 << 10
)

// problem is why a run ended before it was complete, as the condition Synced says it.
type problem struct{ reason, message string }

// Error implements error.
func (p *problem) Error() string { return p.reason + ": " + p.message }

// apiReasons are the reasons of the condition for the reasons of the API's errors.
var apiReasons = map[fastpixapi.Reason]string{
	fastpixapi.Unauthorized: fastpixv1.ReasonCredentialsInvalid,
	fastpixapi.AccessDenied: fastpixv1.ReasonAccessDenied,
	fastpixapi.RateLimited:  fastpixv1.ReasonRateLimited,
}

// advice says what to do about a problem of the API.
var advice = map[string]string{
	fastpixv1.ReasonCredentialsInvalid: "Store an access token of the workspace in the Secret that spec.sync.credentialsSecret names: its token id and its secret key.",
	fastpixv1.ReasonAccessDenied:       "Give the access token the permission to read media and live streams, or store another one.",
	fastpixv1.ReasonRateLimited:        "The syncer waits and goes on where it stopped. If this stays, lower --sync-rate or raise spec.sync.interval.",
	fastpixv1.ReasonAPIUnavailable:     "The syncer tries again, at the latest every 15 minutes, and goes on where it stopped.",
}

// apiProblem returns an error of the API as a problem. It returns any other error as it is.
func apiProblem(err error) error {
	failure, ok := errors.AsType[*fastpixapi.Error](err)
	if !ok {
		return err
	}
	reason, known := apiReasons[failure.Reason]
	if !known {
		reason = fastpixv1.ReasonAPIUnavailable
	}
	return &problem{reason: reason, message: failure.Error() + ".\n" + advice[reason]}
}

// isSetup reports whether a user has to act before the endpoint gets data.
func isSetup(reason string) bool {
	switch reason {
	case fastpixv1.ReasonCredentialsNotFound, fastpixv1.ReasonCredentialsForbidden, fastpixv1.ReasonCredentialsInvalid, fastpixv1.ReasonAccessDenied,
		fastpixv1.ReasonWorkspaceMismatch:
		return true
	}
	return false
}

// condition returns the condition Synced after a complete run.
func (r *report) condition() metav1.Condition {
	c := metav1.Condition{Type: fastpixv1.ConditionSynced, Status: metav1.ConditionFalse}
	switch {
	case r.tooManyMissing > 0:
		c.Reason = fastpixv1.ReasonTooManyMissing
		c.Message = fmt.Sprintf("FastPix does not have the objects of %d mirrors any more. None of them counts as deleted, because this may be an accident.\n", r.tooManyMissing) +
			"Check the credentials and the workspace. If the objects were deleted on purpose, confirm their number; a run starts at once:\n" +
			"kubectl annotate webhookendpoint NAME -n NAMESPACE --overwrite " + fastpixv1.SyncConfirmMissingAnnotation + "=" + strconv.Itoa(r.tooManyMissing)
	case r.tooManyObjects:
		c.Reason = fastpixv1.ReasonTooManyObjects
		c.Message = "The workspace holds more objects than spec.sync.maxObjects. No mirror is created; those that exist are repaired. " +
			"Raise spec.sync.maxObjects, or set spec.sync.backfill to Existing."
	default:
		c.Status, c.Reason = metav1.ConditionTrue, fastpixv1.ReasonSynced
		c.Message = fmt.Sprintf("The mirrors agree with the %d media and %d live streams of the workspace.", r.media, r.streams)
	}
	return c
}

// setSynced sets the condition Synced for a generation of the spec.
func setSynced(e *fastpixv1.WebhookEndpoint, c metav1.Condition, generation int64) {
	c.Type, c.ObservedGeneration = fastpixv1.ConditionSynced, generation
	if len(c.Message) > maxMessageBytes {
		c.Message = c.Message[:maxMessageBytes-3] + "..."
	}
	apimeta.SetStatusCondition(&e.Status.Conditions, c)
}

// setPollingStatus sets what the receiver sets for other endpoints: an endpoint without signing secrets is the syncer's alone.
func setPollingStatus(e *fastpixv1.WebhookEndpoint) {
	if !e.Spec.PollsOnly() || e.Spec.Sync == nil {
		return
	}
	e.Status.ObservedGeneration = e.Generation
	e.Status.Path, e.Status.URL, e.Status.SigningSecrets = "", "", nil
	for _, unused := range []string{fastpixv1.ConditionWeakKey, fastpixv1.ConditionKeyEncodedTwice, fastpixv1.ConditionSharedKey} {
		apimeta.RemoveStatusCondition(&e.Status.Conditions, unused)
	}
	ready := pollingReady(e)
	ready.ObservedGeneration = e.Generation
	apimeta.SetStatusCondition(&e.Status.Conditions, ready)
	setKstatus(e, fastpixv1.ConditionStalled, ready, ready.Reason == fastpixv1.ReasonSuspended)
	setKstatus(e, fastpixv1.ConditionReconciling, ready, ready.Reason != fastpixv1.ReasonSuspended && ready.Status != metav1.ConditionTrue)
}

// pollingReady returns the condition Ready of an endpoint without signing secrets.
func pollingReady(e *fastpixv1.WebhookEndpoint) metav1.Condition {
	ready := metav1.Condition{Type: fastpixv1.ConditionReady, Status: metav1.ConditionFalse}
	synced := apimeta.FindStatusCondition(e.Status.Conditions, fastpixv1.ConditionSynced)
	complete := e.Status.Sync != nil && e.Status.Sync.LastCompletedTime != nil
	switch {
	case e.Spec.Suspend:
		ready.Reason, ready.Message = fastpixv1.ReasonSuspended, "The endpoint is suspended: it is not compared with FastPix. Unset spec.suspend to go on."
	case synced == nil:
		ready.Reason, ready.Message = fastpixv1.ReasonSyncing, "The first comparison with FastPix has not started yet."
	case !complete || isSetup(synced.Reason):
		ready.Reason, ready.Message = synced.Reason, synced.Message
	default:
		ready.Status, ready.Reason = metav1.ConditionTrue, fastpixv1.ReasonPollingOnly
		ready.Message = "The endpoint has no signing secret and takes no webhooks. Its mirrors come from comparisons with FastPix alone."
	}
	return ready
}

// setKstatus sets or removes a condition that exists only while it is true.
func setKstatus(e *fastpixv1.WebhookEndpoint, kind string, ready metav1.Condition, holds bool) {
	if !holds {
		apimeta.RemoveStatusCondition(&e.Status.Conditions, kind)
		return
	}
	apimeta.SetStatusCondition(&e.Status.Conditions, metav1.Condition{
		Type: kind, Status: metav1.ConditionTrue, Reason: ready.Reason, Message: ready.Message, ObservedGeneration: e.Generation,
	})
}

// syncStatus returns status.sync, and creates it if it does not exist.
func syncStatus(e *fastpixv1.WebhookEndpoint) *fastpixv1.SyncStatus {
	if e.Status.Sync == nil {
		e.Status.Sync = &fastpixv1.SyncStatus{}
	}
	return e.Status.Sync
}
