package record

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

// FormatCounts formats how many events of each endpoint a batch holds, as the value of v1alpha1.EventCountsAnnotation: "namespace/name=count,...",
// sorted.
func FormatCounts(counts map[types.NamespacedName]int64) string {
	parts := make([]string, 0, len(counts))
	for endpoint, n := range counts {
		parts = append(parts, endpoint.String()+"="+strconv.FormatInt(n, 10))
	}
	slices.Sort(parts)
	return strings.Join(parts, ",")
}

// maxCountsBytes is the length of the longest text that FormatCounts writes for one batch.
const maxCountsBytes = fastpixv1.MaxBatchEvents * (validation.DNS1123LabelMaxLength + validation.DNS1123SubdomainMaxLength + len("/=256,"))

var errCounts = errors.New("event counts are not those of one batch")

// ParseCounts is the inverse of FormatCounts. It returns an error, and no counts, for a text that FormatCounts cannot return for one batch, because a
// client with a stolen identity may write any annotation. The result refers to the memory of the text.
func ParseCounts(s string) (map[types.NamespacedName]int64, error) {
	if s == "" {
		return nil, nil
	}
	if len(s) > maxCountsBytes || strings.Count(s, ",") >= fastpixv1.MaxBatchEvents {
		return nil, errCounts
	}
	counts := map[types.NamespacedName]int64{}
	all := int64(0)
	for part := range strings.SplitSeq(s, ",") {
		endpoint, number, _ := strings.Cut(part, "=")
		namespace, name, ok := strings.Cut(endpoint, "/")
		n, err := strconv.ParseUint(number, 10, 16)
		key := types.NamespacedName{Namespace: namespace, Name: name}
		if !ok || err != nil || n == 0 || !validEndpoint(key) {
			return nil, errCounts
		}
		counts[key] += int64(n)
		all += int64(n)
	}
	if all > fastpixv1.MaxBatchEvents {
		return nil, errCounts
	}
	return counts, nil
}

// validEndpoint reports whether an endpoint can have that name. The empty name stands for records without an endpoint.
func validEndpoint(key types.NamespacedName) bool {
	return key == types.NamespacedName{} ||
		len(validation.IsDNS1123Label(key.Namespace)) == 0 && len(validation.IsDNS1123Subdomain(key.Name)) == 0
}
