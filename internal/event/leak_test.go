// These tests protect from leaks: no secret gets into an object, whatever field holds it.
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

// journaled returns everything that this package returns for a body.
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

// The planted secrets differ from run to run. A failure names the seed.
func TestSecretsInAnyPositionDoNotAppear(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	secrets := redaction.NewSecrets(seed)
	planted := 0
	for _, name := range fixtures.Payloads() {
		for range 2 { // the number of shapes is odd, so each place gets another one
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

// Redaction by construction: no Go type that a record or a wire struct reaches has a field for a secret, or a field for arbitrary content.
func TestNoTypeHasAPlaceForSecrets(t *testing.T) {
	t.Parallel()
	fields, walked := redaction.Places(nil, reflect.TypeFor[record.Record](), reflect.TypeFor[Event](), reflect.TypeFor[decoder](), reflect.TypeFor[item](),
		reflect.TypeFor[restrictions](), reflect.TypeFor[rule](), reflect.TypeFor[finding](), reflect.TypeFor[found]())
	for _, field := range fields {
		t.Error(field)
	}
	if walked < 30 {
		t.Errorf("only %d types were walked", walked)
	}
}

// The wire structs name no secret field.
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
