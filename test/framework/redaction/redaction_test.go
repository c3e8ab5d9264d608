// These tests protect the tools of redaction's tests: what is planted is there, and what must be found is found.
package redaction

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestPlantingReachesEveryString(t *testing.T) {
	t.Parallel()
	const body = `{"a":"x","b":{"c":["y",{"d":"z"}]},"n":1}`
	var places []string
	Plant([]byte(body), func() string { return "S" }, func(place string, planted []byte) bool {
		if strings.Count(string(planted), `"S"`) != 1 || len(planted) != len(body) {
			t.Errorf("%s: %s", place, planted)
		}
		places = append(places, place)
		return true
	})
	slices.Sort(places)
	want := []string{".a", ".a as a name", ".b as a name", ".b.c as a name", ".b.c[0]", ".b.c[1].d", ".b.c[1].d as a name", ".n as a name"}
	if !slices.Equal(places, want) {
		t.Errorf("got %q, want %q", places, want)
	}
	planted := string(PlantFields([]byte(body), func() string { return "S" }))
	if got := strings.Count(planted, `"streamKey":"S"`); got != 3 || strings.Count(planted, `"S"`) != 3*len(Fields) {
		t.Errorf("got %s", planted)
	}
}

func TestSecretsFollowFromTheirSeed(t *testing.T) {
	t.Parallel()
	a, b, c := NewSecrets(1), NewSecrets(1), NewSecrets(2)
	seen := map[string]bool{}
	for range 20 {
		s := a.Next()
		if s != b.Next() || seen[s] || !strings.Contains(strings.ToLower(s), a.Marker) {
			t.Errorf("got %s", s)
		}
		seen[s] = true
	}
	if a.Marker == c.Marker || len(a.Marker) != 16 || !strings.Contains(a.Shapeless(), a.Marker) {
		t.Errorf("markers %s and %s", a.Marker, c.Marker)
	}
}

func TestPlacesAreFound(t *testing.T) {
	t.Parallel()
	type inner struct {
		Anything any
		Fine     string
	}
	type outer struct {
		StreamKey string
		List      []map[string]*inner
		KnownURL  string
	}
	places, walked := Places([]string{"outer.KnownURL"}, reflect.TypeFor[outer]())
	want := []string{"redaction.outer.List.Anything can hold anything", "redaction.outer.StreamKey sounds like a secret"}
	if !slices.Equal(places, want) || walked < 6 {
		t.Errorf("got %q of %d types, want %q", places, walked, want)
	}
}
