package projection

import (
	"slices"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/projection/merge"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// SettleLiveStream sets what follows from a status and the time: conditions, Live among them, timer and
// observedGeneration. Doing it again at the same time changes nothing. A Retention timer that is due is left to the
// caller, who removes the object.
func SettleLiveStream(status *fastpixv1.LiveStreamStatus, generation int64, now time.Time, retention time.Duration) {
	before := reasonOf(status.Conditions, fastpixv1.ConditionReady)
	running := timer{name: status.Timer, at: status.TimerTime}

	v := streamVerdict(status.State)
	live, next := liveVerdict(status.State), timer{}
	switch v.reason {
	case fastpixv1.ReasonDeleted, fastpixv1.ReasonNotSeen:
		next = running.retentionTimer(now, retention, before, v.reason)
	}
	if status.State == record.StateDisconnected {
		live, next = reconnecting(status, running, now)
	}
	wanted := append(v.conditions(merge.Truncated(status.Provenance)), metav1.Condition{
		Type: fastpixv1.ConditionLive, Status: live.status, Reason: live.reason, Message: live.message,
	})

	status.Timer, status.TimerTime = next.name, next.at
	status.Conditions = withTransitionTimes(status.Conditions, wanted, generation, now)
	status.ObservedGeneration = generation
}

// reconnecting returns what Live says after the encoder has gone, and the timer that ends it.
//
// The window runs until the deadline, but never longer than its length from the write that saw the disconnect: the
// platform's clock may be ahead, and an untimed event has no deadline at all. So what was decided must be remembered,
// or the same window would run again after it has passed. Live itself is that memory: its message names the event and
// the window, so that the same message means the same disconnect.
func reconnecting(s *streamStatus, running timer, now time.Time) (verdict, timer) {
	window := reconnectWindow(s)
	open, passed := windowVerdicts(disconnectedBy(s), window)
	is := func(v verdict) bool {
		c := apimeta.FindStatusCondition(s.Conditions, fastpixv1.ConditionLive)
		return c != nil && c.Reason == v.reason && c.Message == v.message
	}
	switch {
	case is(passed):
		return passed, timer{}
	case s.ReconnectDeadline != nil && !now.Before(s.ReconnectDeadline.Time):
		return passed, timer{}
	case is(open) && running.isDue(fastpixv1.TimerReconnect, now):
		return passed, timer{}
	case is(open) && running.isRunning(fastpixv1.TimerReconnect):
		return open, running
	}
	next := newTimer(now, fastpixv1.TimerReconnect, window)
	if s.ReconnectDeadline != nil && s.ReconnectDeadline.Before(next.at) {
		next.at = s.ReconnectDeadline.DeepCopy()
	}
	if next.isDue(next.name, now) { // a window of nothing
		return passed, timer{}
	}
	return open, next
}

// disconnectedBy returns the id of the event that set the state.
func disconnectedBy(s *streamStatus) string {
	for i := range s.Provenance {
		if slices.Contains(s.Provenance[i].Fields, "state") {
			return s.Provenance[i].ID
		}
	}
	return ""
}

func windowVerdicts(eventID string, window time.Duration) (open, passed verdict) {
	open = verdict{
		status: metav1.ConditionUnknown, reason: fastpixv1.ReasonReconnecting,
		message: "The encoder is gone; FastPix waits " + window.String() + " for it (event " + eventID + ").",
	}
	passed = verdict{
		status: metav1.ConditionFalse, reason: fastpixv1.ReasonWindowPassed,
		message: "The encoder is gone and did not come back within " + window.String() + " (event " + eventID + ").",
	}
	return open, passed
}

// liveVerdict returns whether viewers can watch a stream in a state other than Disconnected.
func liveVerdict(state string) verdict {
	switch state {
	case record.StateActive:
		return verdict{status: metav1.ConditionTrue, reason: fastpixv1.ReasonActive, message: "Viewers can watch."}
	case record.StateDisabled:
		return verdict{status: metav1.ConditionFalse, reason: fastpixv1.ReasonDisabled, message: "The stream is disabled on FastPix."}
	case record.StateDeleted:
		return verdict{status: metav1.ConditionFalse, reason: fastpixv1.ReasonDeleted, message: "The stream was deleted on FastPix."}
	case "":
		return verdict{status: metav1.ConditionFalse, reason: fastpixv1.ReasonNotSeen, message: "No event about the stream itself has been seen so far."}
	}
	return verdict{status: metav1.ConditionFalse, reason: fastpixv1.ReasonNotActive, message: "The stream is not on air."}
}

// streamVerdict returns what the state of a stream means for its use.
func streamVerdict(state string) verdict {
	switch state {
	case "":
		return verdict{
			status: metav1.ConditionUnknown, reason: fastpixv1.ReasonNotSeen, waiting: true,
			message: "Only events about parts of the stream have been seen so far.",
		}
	case record.StateDisabled:
		return verdict{
			status: metav1.ConditionFalse, reason: fastpixv1.ReasonDisabled, ended: true,
			message: "The stream is disabled on FastPix.",
		}
	case record.StateDeleted:
		return verdict{
			status: metav1.ConditionFalse, reason: fastpixv1.ReasonDeleted, ended: true,
			message: "The stream was deleted on FastPix; the mirror is removed after the endpoint's retention.",
		}
	}
	return verdict{status: metav1.ConditionTrue, reason: fastpixv1.ReasonReady, message: "The stream exists and may be used."}
}
