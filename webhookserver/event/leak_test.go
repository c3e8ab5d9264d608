// These tests protect the third promise: nothing secret gets into an object, whatever field it stands in.
package event

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
	"github.com/fastpix-operator/fastpix-operator/test/framework/redaction"
)

// journaled returns everything of a body that leaves this package.
func journaled(t *testing.T, body []byte) string {
	t.Helper()
	e, err := Decode(body)
	if err != nil {
		return err.Error()
	}
	out := fmt.Sprint(e.ID, e.Type, e.Family, e.WorkspaceID, e.Skipped)
	if e.Known {
		encoded, err := Fit(recordOf(e, receipt))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := record.Decode(encoded); err != nil {
			t.Fatalf("%s: %v", encoded, err)
		}
		out += encoded
	}
	return strings.ToLower(out)
}

func TestMarkersOfTheSamplesDoNotAppear(t *testing.T) {
	t.Parallel()
	for _, name := range fixtures.Payloads() {
		out := journaled(t, fixtures.Payload(name))
		for _, marker := range append([]string{"rtmp", "?", "example.org", "example.net", "srt", "play6f7553"}, fixtures.Markers...) {
			if strings.Contains(out, strings.ToLower(marker)) {
				t.Errorf("%s: %s appears in %s", name, marker, out)
			}
		}
	}
}

// What is planted differs from run to run; a failure names the seed.
func TestSecretsInAnyPositionDoNotAppear(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	secrets := redaction.NewSecrets(seed)
	planted := 0
	for _, name := range fixtures.Payloads() {
		for range 2 { // an odd number of shapes: another one in each place
			redaction.Plant(fixtures.Payload(name), secrets.Next, func(place string, body []byte) bool {
				planted++
				if out := journaled(t, body); strings.Contains(out, secrets.Marker) {
					t.Errorf("seed %d, %s%s: a secret appears in %s\nwhich was made of %s", seed, name, place, out, body)
				}
				return true
			})
		}
		if out := journaled(t, redaction.PlantFields(fixtures.Payload(name), secrets.Shapeless)); strings.Contains(out, secrets.Marker) {
			t.Errorf("seed %d, %s: a field that must not be read appears in %s", seed, name, out)
		}
	}
	if planted < 5000 {
		t.Errorf("only %d secrets were planted", planted)
	}
}

// Redaction by construction: no Go type that a record or a wire struct reaches has a place for what must not be mirrored, nor a
// place for just anything.
func TestNoTypeHasAPlaceForSecrets(t *testing.T) {
	t.Parallel()
	places, walked := redaction.Places(nil, reflect.TypeFor[record.Record](), reflect.TypeFor[Event](), reflect.TypeFor[decoder](), reflect.TypeFor[item](),
		reflect.TypeFor[restrictions](), reflect.TypeFor[rule](), reflect.TypeFor[finding](), reflect.TypeFor[found]())
	for _, place := range places {
		t.Error(place)
	}
	if walked < 30 {
		t.Errorf("only %d types were walked", walked)
	}
}

// The wire structs name no secret either.
func TestSecretFieldsAreNotRead(t *testing.T) {
	t.Parallel()
	for _, name := range append([]string{"srtPlaybackResponse", "inputs", "input", "generatedSubtitles"}, redaction.Fields...) {
		var r reader
		for _, s := range []shape{&envelope{}, &named{}, &payload{}, &item{}, &restrictions{}, &rule{}, &finding{}, &found{}} {
			if s.field(r.fold([]byte(`"`+name+`"`))) != nil {
				t.Errorf("%T reads %s", s, name)
			}
		}
	}
}
