package controllers

import (
	corev1 "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/flowcontrol"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// notifier makes Kubernetes Events of what a human would tell a colleague. It compares the mirror before and after a write that
// succeeded, so that no Event reports what was not written, and folding again reports nothing. In a burst most are left out: an
// Event is one more write, and nobody reads hundreds of them.
type notifier struct {
	recorder events.EventRecorder
	limit    flowcontrol.PassiveRateLimiter
}

const (
	notesPerSecond = 5
	notesBurst     = 25
)

func newNotifier(recorder events.EventRecorder) notifier {
	return notifier{recorder: recorder, limit: flowcontrol.NewTokenBucketPassiveRateLimiter(notesPerSecond, notesBurst)}
}

func (n notifier) notify(before, after mirror) {
	if after.state() != before.state() {
		switch after.state() {
		case record.StateReady:
			n.tell(after, corev1.EventTypeNormal, fastpixv1.ReasonReady, "The media can be played")
		case record.StateFailed:
			n.tell(after, corev1.EventTypeWarning, fastpixv1.ReasonFailed, "The platform could not process the media")
		case record.StateDeleted:
			n.tell(after, corev1.EventTypeNormal, fastpixv1.ReasonDeleted, "Deleted on the platform")
		}
	}
	was, is := liveStatus(before), liveStatus(after)
	switch {
	case is == was:
	case is == metav1.ConditionTrue:
		n.tell(after, corev1.EventTypeNormal, "WentLive", "Viewers can watch now")
	case was == metav1.ConditionTrue && is == metav1.ConditionUnknown:
		n.tell(after, corev1.EventTypeWarning, "Interrupted", "The encoder is gone; the reconnect window runs")
	case is == metav1.ConditionFalse && (was == metav1.ConditionTrue || was == metav1.ConditionUnknown):
		n.tell(after, corev1.EventTypeNormal, "Ended", "The broadcast is over")
	}
}

func (n notifier) tell(m mirror, eventType, reason, note string) {
	if !n.limit.TryAccept() {
		notesOmitted.Inc()
		return
	}
	n.recorder.Eventf(m.object(), nil, eventType, reason, "Mirror", note)
}

// liveStatus returns the status of the condition Live, empty where there is none.
func liveStatus(m mirror) metav1.ConditionStatus {
	if c := apimeta.FindStatusCondition(m.conditions(), fastpixv1.ConditionLive); c != nil {
		return c.Status
	}
	return ""
}
