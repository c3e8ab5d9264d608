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

// EventRecorder makes Kubernetes Events of what a human would tell a colleague. It compares the mirror before and after a write that
// succeeded, so that no Event reports what was not written, and folding again reports nothing. In a burst most are left out: an
// Event is one more write, and nobody reads hundreds of them.
type EventRecorder struct {
	Recorder events.EventRecorder
	limit    flowcontrol.PassiveRateLimiter
}

const (
	EventsPerSecond = 5
	EventsBurst     = 25
)

func NewEventRecorder(recorder events.EventRecorder) EventRecorder {
	return EventRecorder{Recorder: recorder, limit: flowcontrol.NewTokenBucketPassiveRateLimiter(EventsPerSecond, EventsBurst)}
}

func (n EventRecorder) Record(before, after Object) {
	if after.State() != before.State() {
		switch after.State() {
		case record.StateReady:
			n.record(after, corev1.EventTypeNormal, fastpixv1.ReasonReady, "The media can be played")
		case record.StateFailed:
			n.record(after, corev1.EventTypeWarning, fastpixv1.ReasonFailed, "The platform could not process the media")
		case record.StateDeleted:
			n.record(after, corev1.EventTypeNormal, fastpixv1.ReasonDeleted, "Deleted on the platform")
		}
	}
	was, is := liveStatus(before), liveStatus(after)
	switch {
	case is == was:
	case is == metav1.ConditionTrue:
		n.record(after, corev1.EventTypeNormal, "WentLive", "Viewers can watch now")
	case was == metav1.ConditionTrue && is == metav1.ConditionUnknown:
		n.record(after, corev1.EventTypeWarning, "Interrupted", "The encoder is gone; the reconnect window runs")
	case is == metav1.ConditionFalse && (was == metav1.ConditionTrue || was == metav1.ConditionUnknown):
		n.record(after, corev1.EventTypeNormal, "Ended", "The broadcast is over")
	}
}

func (n EventRecorder) record(m Object, eventType, reason, note string) {
	if !n.limit.TryAccept() {
		omittedEvents.Inc()
		return
	}
	n.Recorder.Eventf(m.APIObject(), nil, eventType, reason, "Mirror", note)
}

// liveStatus returns the status of the condition Live, empty where there is none.
func liveStatus(m Object) metav1.ConditionStatus {
	if c := apimeta.FindStatusCondition(m.Conditions(), fastpixv1.ConditionLive); c != nil {
		return c.Status
	}
	return ""
}
