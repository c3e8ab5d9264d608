package record

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

// TestCountsAreReadAsTheyAreWritten protects the bound of the journal: receivers format counts, and controllers parse them.
func TestCountsAreReadAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	want := map[types.NamespacedName]int64{{Namespace: "b", Name: "x"}: 2, {Namespace: "a", Name: "y.z"}: 256}
	text := FormatCounts(want)
	if text != "a/y.z=256,b/x=2" {
		t.Errorf("written is %q", text)
	}
	got, err := ParseCounts(text)
	if err == nil || got != nil {
		t.Errorf("258 records in one batch: %v, %v", got, err)
	}
	if got, err := ParseCounts("a/y.z=254,b/x=2"); err != nil || len(got) != 2 || got[types.NamespacedName{Namespace: "a", Name: "y.z"}] != 254 {
		t.Errorf("read is %v, %v", got, err)
	}
	if got, err := ParseCounts(FormatCounts(map[types.NamespacedName]int64{{}: 3})); err != nil || got[types.NamespacedName{}] != 3 {
		t.Errorf("records that do not say whose they are: %v, %v", got, err)
	}
}

// TestForgedCountsAreRejected protects the controllers' memory and each endpoint's counts from a client with a stolen identity that may
// create batches.
func TestForgedCountsAreRejected(t *testing.T) {
	t.Parallel()
	most := make([]string, fastpixv1.MaxBatchEvents)
	for i := range most {
		most[i] = fmt.Sprintf("%s%03d/%s=1", strings.Repeat("n", 60), i, strings.TrimSuffix(strings.Repeat(strings.Repeat("e", 62)+".", 4), ".")+"e")
	}
	if got, err := ParseCounts(strings.Join(most, ",")); err != nil || len(got) != len(most) {
		t.Errorf("the longest genuine text: %d, %v", len(got), err)
	}
	for name, text := range map[string]string{
		"a thousand million records": "tenant-b/ep=1000000000",
		"more records than a batch":  "tenant-b/ep=257",
		"more in sum":                "tenant-b/ep=200,tenant-c/ep=57",
		"a negative number":          "tenant-b/ep=-1",
		"none":                       "tenant-b/ep=0",
		"too many pairs":             strings.Join(append(most, "a/b=1"), ","),
		"thousands of pairs":         strings.Repeat("a/b=1,", 32_000) + "a/b=1",
		"a name that is none":        "tenant-b/EP=1",
		"a namespace that is none":   "tenant.b/ep=1",
		"a long name":                "a/" + strings.Repeat("e", 254) + "=1",
		"no pair":                    "nonsense",
		"a pair and nothing":         "a/b=1,",
	} {
		if got, err := ParseCounts(text); err == nil || got != nil {
			t.Errorf("%s: read is %v", name, got)
		}
	}
}
