package endpoint

import (
	"fmt"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/types"
)

// TestNamespacesTakeTurnsAtPublishing protects the counts of a tenant from another tenant with many busy endpoints: receivers limit deliveries
// by these counts.
func TestNamespacesTakeTurnsAtPublishing(t *testing.T) {
	t.Parallel()
	quiet := types.NamespacedName{Namespace: "quiet", Name: "fastpix"}
	all := []types.NamespacedName{quiet}
	for i := range 100 {
		all = append(all, types.NamespacedName{Namespace: "busy", Name: fmt.Sprintf("e%d", i)})
	}
	var r rounds
	served := map[types.NamespacedName]int{}
	for range 6 {
		selected := r.next(all)
		if len(selected) != 20 || !slices.Contains(selected, quiet) {
			t.Fatalf("selected %v", selected)
		}
		for _, key := range selected {
			served[key]++
		}
	}
	if len(served) != len(all) || served[quiet] != 6 {
		t.Errorf("6 rounds served %d of %d endpoints, the quiet one %d times", len(served), len(all), served[quiet])
	}
	if got := r.next(all[:2]); len(got) != 2 {
		t.Errorf("selected %v of two", got)
	}
	if got := r.next(nil); got != nil {
		t.Errorf("selected %v of none", got)
	}
	many := make([]types.NamespacedName, 50)
	for i := range many {
		many[i] = types.NamespacedName{Namespace: fmt.Sprintf("n%02d", i), Name: "fastpix"}
	}
	served = map[types.NamespacedName]int{}
	for range 5 {
		for _, key := range r.next(many) {
			served[key]++
		}
	}
	for _, key := range many {
		if served[key] != 2 {
			t.Errorf("%s was served %d times in 5 rounds, want 2", key, served[key])
		}
	}
}
