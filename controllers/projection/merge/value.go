package merge

import (
	"bytes"
	"encoding/json"
	"strings"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

// Supersedes reports whether a value that event by carries replaces one that event held set. Of one and the same event the
// greater value stays, whichever came first.
func Supersedes[V any](by, held Event, value, old V) bool {
	if c := compare(by, held); c != 0 {
		return c > 0
	}
	if c := compareValues(value, old); c != 0 {
		return c > 0
	}
	return by.Type > held.Type
}

// compareValues orders values by their canonical JSON.
func compareValues(a, b any) int {
	if a, ok := a.(string); ok && a == b {
		return 0 // a redelivery, the usual tie
	}
	return strings.Compare(canonical(a), canonical(b))
}

// canonical returns the JSON of a value without blanks and escapes, maps in the order of their keys.
func canonical(value any) string {
	if m, ok := value.(map[string]fastpixv1.MetadataValue); ok && len(m) == 0 {
		return "{}"
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return "" // no value of a status is of a kind that has no JSON
	}
	return strings.TrimSuffix(b.String(), "\n")
}
