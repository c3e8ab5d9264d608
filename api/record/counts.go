package record

import (
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/types"
)

// FormatCounts writes how many events of each endpoint a batch holds, as the value of v1alpha1.EventCountsAnnotation:
// "namespace/name=count,...", sorted.
func FormatCounts(counts map[types.NamespacedName]int64) string {
	parts := make([]string, 0, len(counts))
	for endpoint, n := range counts {
		parts = append(parts, endpoint.String()+"="+strconv.FormatInt(n, 10))
	}
	slices.Sort(parts)
	return strings.Join(parts, ",")
}

// ParseCounts is the inverse of FormatCounts; what does not parse is left out, since counts only steer.
func ParseCounts(s string) map[types.NamespacedName]int64 {
	counts := map[types.NamespacedName]int64{}
	for part := range strings.SplitSeq(s, ",") {
		endpoint, number, _ := strings.Cut(part, "=")
		namespace, name, ok := strings.Cut(endpoint, "/")
		n, err := strconv.ParseInt(number, 10, 64)
		if ok && err == nil && n > 0 {
			counts[types.NamespacedName{Namespace: namespace, Name: name}] += n
		}
	}
	return counts
}
