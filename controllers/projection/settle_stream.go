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

// SettleLiveStream is SettleMediaAsset for a LiveStream. It also sets the Live condition.
func SettleLiveStream(status *fastpixv1.LiveStreamStatus, generation int64, now time.Time, retention time.Duration) {
	fields := settledFieldsOfStream(status)
	before, running := fields.readyReason(), fields.running()

	v := streamVerdict(status.State)
	live, next := liveVerdict(status.State), timer{}
	switch v.reason {
	case fastpixv1.ReasonDeleted, fastpixv1.ReasonNotSeen:
		next = running.retentionTimer(now, retention, before, v.reason)
	}
	if status.State == record.StateDisconnected {
		live, next = reconnecting(status, running, now)
	}
	fields.setTimer(next)
	fields.setConditions(append(v.conditions(merge.Truncated(status.Provenance)), live.liveCondition()), generation, now)
}

// reconnecting returns the Live condition after the encoder has disconnected, and the timer that ends it.
//
// The window ends at the deadline, and at the latest its length after the write that set the state: the clock of the platform may be ahead, and an
// untimed event has no deadline. The decision must be stored, or the same window would run again after its end. The Live condition stores it: its
// message names the event and the window, so an equal message means the same disconnect.
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
	if next.isDue(next.name, now) { // the window has no length
		return passed, timer{}
	}
	return open, next
}

// disconnectedBy returns the id of the event that set the state.
func disconnectedBy(s *streamStatus) string {
	for _, line := range s.Provenance {
		if e, fields := line.Event(); slices.Contains(fields, "state") {
			return e.ID
		}
	}
	return ""
}

// windowVerdicts returns the Live condition during the reconnect window and after it.
func windowVerdicts(eventID string, window time.Duration) (open, passed verdict) {
	open = verdict{
		status: metav1.ConditionUnknown, reason: fastpixv1.ReasonReconnecting,
		message: "The encoder has disconnected; FastPix waits " + window.String() + " for it to reconnect (event " + eventID + ").",
	}
	passed = verdict{
		status: metav1.ConditionFalse, reason: fastpixv1.ReasonWindowPassed,
		message: "The encoder has disconnected and did not reconnect within " + window.String() + " (event " + eventID + ").",
	}
	return open, passed
}

// liveVerdict returns the Live condition of a stream in a state other than Disconnected.
func liveVerdict(state string) verdict {
	switch state {
	case record.StateActive:
		return verdict{status: metav1.ConditionTrue, reason: fastpixv1.ReasonActive, message: "Viewers can watch."}
	case record.StateDisabled:
		return verdict{status: metav1.ConditionFalse, reason: fastpixv1.ReasonDisabled, message: "The stream is disabled on FastPix."}
	case record.StateDeleted:
		return verdict{status: metav1.ConditionFalse, reason: fastpixv1.ReasonDeleted, message: "The stream was deleted on FastPix."}
	case "":
		return verdict{status: metav1.ConditionFalse, reason: fastpixv1.ReasonNotSeen, message: "No event about the stream itself was received so far."}
	}
	return verdict{status: metav1.ConditionFalse, reason: fastpixv1.ReasonNotActive, message: "The stream is not on air."}
}

// streamVerdict returns the Ready condition that follows from the state of a stream.
func streamVerdict(state string) verdict {
	switch state {
	case "":
		return verdict{
			status: metav1.ConditionUnknown, reason: fastpixv1.ReasonNotSeen, waiting: true,
			message: "Only events about parts of the stream were received so far; the mirror waits for an event about the stream itself.",
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
