package merge

import (
	"bytes"
	"encoding/json"
	"strings"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

// Supersedes reports whether a value of event by replaces an old value of event held. If both come from the same event, the greater value stays,
// whichever came first.
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
		return 0 // the usual case of equal events: a redelivery
	}
	return strings.Compare(canonical(a), canonical(b))
}

// canonical returns the JSON of a value without spaces and escapes, with sorted keys.
func canonical(value any) string {
	if m, ok := value.(map[string]fastpixv1.MetadataValue); ok && len(m) == 0 {
		return "{}"
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return "" // cannot happen: every value of a status has a JSON form
	}
	return strings.TrimSuffix(b.String(), "\n")
}
