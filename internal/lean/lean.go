package lean

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

// Transform is the transform of every informer that has no narrower one. It drops what the operator does not read: all metadata except the identity,
// the version and the times of an object, and conditions of a WebhookEndpoint that are longer than those of the operator.
func Transform(object any) (any, error) {
	if o, ok := object.(metav1.Object); ok {
		stripMeta(o)
	}
	if e, ok := object.(*fastpixv1.WebhookEndpoint); ok {
		e.Status.Conditions = short(e.Status.Conditions)
	}
	return object, nil
}

// stripMeta drops metadata that users and other controllers can make long. Identity, version, generation and times stay.
func stripMeta(o metav1.Object) {
	o.SetLabels(nil)
	o.SetAnnotations(nil)
	o.SetManagedFields(nil)
	o.SetOwnerReferences(nil)
	o.SetFinalizers(nil)
	o.SetGenerateName("")
}

const (
	// maxConditions is more than the operator writes, and maxMessage is longer than any of its messages.
	maxConditions = 16
	maxMessage    = 4 << 10
)

// short returns the conditions that are not longer than those of the operator.
func short(conditions []metav1.Condition) []metav1.Condition {
	kept := make([]metav1.Condition, 0, min(len(conditions), maxConditions))
	for _, c := range conditions {
		if len(kept) < maxConditions && len(c.Message) <= maxMessage {
			kept = append(kept, c)
		}
	}
	return kept
}
