package merge

import (
	"bytes"
	"encoding/json"

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
	x, y := encode(a), encode(b)
	if bytes.Equal(x, y) {
		return 0
	}
	return bytes.Compare(sortKeys(x), sortKeys(y))
}

// encode returns the JSON of a value without spaces and escapes. Fields of structs are in their order.
func encode(value any) []byte {
	if m, ok := value.(map[string]fastpixv1.MetadataValue); ok && len(m) == 0 {
		return []byte("{}")
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return nil // cannot happen: every value of a status has a JSON form
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// sortKeys returns JSON with the keys of each object sorted: the canonical JSON of law 3. The order of values must not depend on the order of
// fields in the API types.
func sortKeys(text []byte) []byte {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber() // numbers stay as they are written
	var value any
	if d.Decode(&value) != nil {
		return text
	}
	return encode(value)
}
