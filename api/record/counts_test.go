package record

import (
	"maps"
	"testing"

	"k8s.io/apimachinery/pkg/types"
)

// This test protects the bound on what waits: receivers write counts by these functions and controllers read them.
func TestCountsAreReadAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	want := map[types.NamespacedName]int64{{Namespace: "b", Name: "x"}: 2, {Namespace: "a", Name: "y.z"}: 256}
	text := FormatCounts(want)
	if text != "a/y.z=256,b/x=2" {
		t.Errorf("written is %q", text)
	}
	if got := ParseCounts(text + ",nonsense,a/y.z=x,c/d=-1,=3"); !maps.Equal(got, want) {
		t.Errorf("read is %v, want %v", got, want)
	}
}
