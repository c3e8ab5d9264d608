package journal

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

// TestReflectorHoldsOnlySmallObjects protects the controllers' memory while they learn of the journal.
func TestReflectorHoldsOnlySmallObjects(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	meta := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Name: "b1", UID: "u", Labels: map[string]string{"a": long}, Finalizers: []string{long},
		Annotations:   map[string]string{fastpixv1.EventCountsAnnotation: long, "b": long},
		ManagedFields: []metav1.ManagedFieldsEntry{{Manager: long}},
	}}
	held, err := (&Watcher{Backlog: NewBacklog()}).Transformer()(meta)
	if err != nil {
		t.Fatal(err)
	}
	item, ok := held.(*watchedBatch)
	if !ok || item.Labels != nil || item.Annotations != nil || item.ManagedFields != nil || item.Finalizers != nil || item.info.UID != "u" || len(item.info.counts) > 0 {
		t.Errorf("held is %+v", held)
	}
}
