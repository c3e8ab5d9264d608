package projection

import (
	"slices"
	"strings"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

// verdict is the content of an object's Ready condition.
type verdict struct {
	status  metav1.ConditionStatus
	reason  string
	message string
	// waiting makes the object Reconciling, ended makes it Stalled.
	waiting, ended bool
}

// conditions returns the Ready condition and the conditions that follow from it.
func (v verdict) conditions(truncated bool) []metav1.Condition {
	all := []metav1.Condition{{Type: fastpixv1.ConditionReady, Status: v.status, Reason: v.reason, Message: v.message}}
	if v.waiting {
		all = append(all, metav1.Condition{Type: fastpixv1.ConditionReconciling, Status: metav1.ConditionTrue, Reason: v.reason, Message: v.message})
	}
	if v.ended {
		all = append(all, metav1.Condition{Type: fastpixv1.ConditionStalled, Status: metav1.ConditionTrue, Reason: v.reason, Message: v.message})
	}
	if truncated {
		all = append(all, metav1.Condition{
			Type: fastpixv1.ConditionTruncated, Status: metav1.ConditionTrue, Reason: fastpixv1.ReasonListTooLong,
			Message: "A list has more elements than a mirror holds; the mirror omits the oldest.",
		})
	}
	return all
}

// withTransitionTimes returns the wanted conditions, sorted by type. A condition whose status is the same as before keeps its transition time.
func withTransitionTimes(old, wanted []metav1.Condition, generation int64, now time.Time) []metav1.Condition {
	for i := range wanted {
		c := &wanted[i]
		c.ObservedGeneration = generation
		c.LastTransitionTime = metav1.NewTime(now.UTC().Truncate(time.Second))
		if before := apimeta.FindStatusCondition(old, c.Type); before != nil && before.Status == c.Status && !before.LastTransitionTime.IsZero() {
			c.LastTransitionTime = before.LastTransitionTime
		}
	}
	slices.SortFunc(wanted, func(a, b metav1.Condition) int { return strings.Compare(a.Type, b.Type) })
	return wanted
}

// reasonOf returns the reason of a condition; empty if the condition does not exist.
func reasonOf(conditions []metav1.Condition, conditionType string) string {
	if c := apimeta.FindStatusCondition(conditions, conditionType); c != nil {
		return c.Reason
	}
	return ""
}
