package projection

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

// settledFields points to the fields of a status that follow from the rest of the status and the time.
type settledFields struct {
	conditions         *[]metav1.Condition
	observedGeneration *int64
	timer              *string
	timerTime          **metav1.MicroTime
}

func settledFieldsOfMedia(s *mediaStatus) settledFields {
	return settledFields{&s.Conditions, &s.ObservedGeneration, &s.Timer, &s.TimerTime}
}

func settledFieldsOfStream(s *streamStatus) settledFields {
	return settledFields{&s.Conditions, &s.ObservedGeneration, &s.Timer, &s.TimerTime}
}

// readyReason returns the present reason of the Ready condition.
func (f settledFields) readyReason() string { return reasonOf(*f.conditions, fastpixv1.ConditionReady) }

// running returns the present timer.
func (f settledFields) running() timer { return timer{name: *f.timer, at: *f.timerTime} }

func (f settledFields) setTimer(t timer) { *f.timer, *f.timerTime = t.name, t.at }

func (f settledFields) setConditions(wanted []metav1.Condition, generation int64, now time.Time) {
	*f.conditions = withTransitionTimes(*f.conditions, wanted, generation, now)
	*f.observedGeneration = generation
}

// liveCondition returns the Live condition with the content of a verdict.
func (v verdict) liveCondition() metav1.Condition {
	return metav1.Condition{Type: fastpixv1.ConditionLive, Status: v.status, Reason: v.reason, Message: v.message}
}

// SettleMisnamedMediaAsset sets the conditions of an object whose name does not follow from its id: no event can reach the object. want is the
// name that follows from the id. Settling again changes nothing.
func SettleMisnamedMediaAsset(status *fastpixv1.MediaAssetStatus, want string, generation int64, now time.Time) {
	v := misnamedVerdict("mediaID", want)
	settledFieldsOfMedia(status).setConditions(v.conditions(false), generation, now)
}

// SettleMisnamedLiveStream is SettleMisnamedMediaAsset for a LiveStream.
func SettleMisnamedLiveStream(status *fastpixv1.LiveStreamStatus, want string, generation int64, now time.Time) {
	v := misnamedVerdict("streamID", want)
	settledFieldsOfStream(status).setConditions(append(v.conditions(false), v.liveCondition()), generation, now)
}

func misnamedVerdict(field, want string) verdict {
	return verdict{
		status: metav1.ConditionFalse, reason: fastpixv1.ReasonNameMismatch, ended: true,
		message: "The name does not follow from spec." + field + ", so no event can reach this object. Delete it, and apply it again with the name " + want + ".",
	}
}
