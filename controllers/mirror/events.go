package mirror

import (
	corev1 "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/flowcontrol"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// EventRecorder records Kubernetes Events about state changes that matter to a user. It compares the mirror before and after a write that
// succeeded. So every Event reports a change that was written, and folding a record again reports nothing. In a burst, most Events are
// omitted: each Event is one more write, and hundreds of them help no user.
type EventRecorder struct {
	Recorder events.EventRecorder
	limit    flowcontrol.PassiveRateLimiter
}

const (
	// EventsPerSecond is the rate limit of Events.
	EventsPerSecond = 5
	// EventsBurst is how many Events may be recorded at once.
	EventsBurst = 25
)

// NewEventRecorder returns an EventRecorder with its rate limit.
func NewEventRecorder(recorder events.EventRecorder) EventRecorder {
	return EventRecorder{Recorder: recorder, limit: flowcontrol.NewTokenBucketPassiveRateLimiter(EventsPerSecond, EventsBurst)}
}

// Record records what a write changed.
func (e EventRecorder) Record(before, after Object) {
	if after.State() != before.State() {
		switch after.State() {
		case record.StateReady:
			e.record(after, corev1.EventTypeNormal, fastpixv1.ReasonReady, "The media can be played")
		case record.StateFailed:
			e.record(after, corev1.EventTypeWarning, fastpixv1.ReasonFailed, "The platform could not process the media; another attempt is a new media with its own mirror")
		case record.StateDeleted:
			e.record(after, corev1.EventTypeNormal, fastpixv1.ReasonDeleted, "The object was deleted on the platform; its mirror is removed after the endpoint's retention")
		}
	}
	was, is := liveStatus(before), liveStatus(after)
	switch {
	case is == was:
	case is == metav1.ConditionTrue:
		e.record(after, corev1.EventTypeNormal, "WentLive", "Viewers can watch now")
	case was == metav1.ConditionTrue && is == metav1.ConditionUnknown:
		e.record(after, corev1.EventTypeWarning, "Interrupted", "The encoder has disconnected; the stream ends if it does not reconnect within the reconnect window")
	case is == metav1.ConditionFalse && (was == metav1.ConditionTrue || was == metav1.ConditionUnknown):
		e.record(after, corev1.EventTypeNormal, "Ended", "The broadcast has ended")
	}
}

func (e EventRecorder) record(m Object, eventType, reason, note string) {
	if !e.limit.TryAccept() {
		omittedEvents.Inc()
		return
	}
	e.Recorder.Eventf(m.APIObject(), nil, eventType, reason, "Mirror", note)
}

// liveStatus returns the status of the condition Live; empty if the mirror does not have it.
func liveStatus(m Object) metav1.ConditionStatus {
	if c := apimeta.FindStatusCondition(m.Conditions(), fastpixv1.ConditionLive); c != nil {
		return c.Status
	}
	return ""
}
