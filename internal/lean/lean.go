// Package lean strips objects before an informer keeps them: users may write much into an object that the operator never reads, and what
// informers keep must not grow with it. Both halves import it; it imports the API only. Begin with Transform.
package lean

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

// Transform is the transform of every informer that has no narrower one. It drops what the operator does not read: of all metadata but what
// identifies an object and says how old it is, and of a WebhookEndpoint conditions that are longer than the operator's.
func Transform(object any) (any, error) {
	if o, ok := object.(metav1.Object); ok {
		stripMeta(o)
	}
	if e, ok := object.(*fastpixv1.WebhookEndpoint); ok {
		e.Status.Conditions = short(e.Status.Conditions)
	}
	return object, nil
}

// stripMeta drops what users and other controllers may make long. Spec, status, identity, version, generation and times stay.
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

// short returns the conditions that are as the operator writes them.
func short(conditions []metav1.Condition) []metav1.Condition {
	kept := make([]metav1.Condition, 0, min(len(conditions), maxConditions))
	for _, c := range conditions {
		if len(kept) < maxConditions && len(c.Message) <= maxMessage {
			kept = append(kept, c)
		}
	}
	return kept
}
