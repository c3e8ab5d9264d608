package lifecycle

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// TestNewMirrorsAreReconciledOnlyForAHashName protects the API server from a read for each mirror that the operator creates.
func TestNewMirrorsAreReconciledOnlyForAHashName(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		event      watch.EventType
		name       string
		generation int64
		want       bool
	}{
		"new, with an id for a name": {watch.Added, "d003b383-bac0-42e9-a039-9bd4360f98a3", 1, false},
		"new, with a hash":           {watch.Added, record.ObjectName("a b"), 1, true},
		"status written":             {watch.Modified, record.ObjectName("a b"), 1, false},
		"spec changed":               {watch.Modified, "d003b383-bac0-42e9-a039-9bd4360f98a3", 2, true},
		"deleted":                    {watch.Deleted, record.ObjectName("a b"), 2, false},
	} {
		meta := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: tt.name, Generation: tt.generation}}
		if got := needsReconcile(tt.event, meta); got != tt.want {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
	}
}
