package projection

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

// SettleMisnamedMediaAsset says in the conditions of an object that no event can reach it, and which name its id demands. Doing it again changes
// nothing.
func SettleMisnamedMediaAsset(status *fastpixv1.MediaAssetStatus, want string, generation int64, now time.Time) {
	status.Conditions = withTransitionTimes(status.Conditions, misnamedVerdict("mediaID", want).conditions(false), generation, now)
	status.ObservedGeneration = generation
}

// SettleMisnamedLiveStream does the same for a LiveStream.
func SettleMisnamedLiveStream(status *fastpixv1.LiveStreamStatus, want string, generation int64, now time.Time) {
	v := misnamedVerdict("streamID", want)
	wanted := append(v.conditions(false), metav1.Condition{
		Type: fastpixv1.ConditionLive, Status: v.status, Reason: v.reason, Message: v.message,
	})
	status.Conditions = withTransitionTimes(status.Conditions, wanted, generation, now)
	status.ObservedGeneration = generation
}

func misnamedVerdict(field, want string) verdict {
	return verdict{
		status: metav1.ConditionFalse, reason: fastpixv1.ReasonNameMismatch, ended: true,
		message: "The name does not follow from spec." + field + ", so no event can reach this object. Delete it, and apply it again with the name " + want + ".",
	}
}
