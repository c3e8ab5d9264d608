// These tests protect the third promise: nothing secret gets into an object, whatever field it stands in.
package event

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/fastpix-operator/fastpix-operator/api/record"
	"github.com/fastpix-operator/fastpix-operator/hack/fixtures"
)

// secret is the shape of something that FastPix sends beside what is mirrored, with the part of it that must not appear.
type secret struct{ text, part string }

// streamKey is planted everywhere, the others in turn.
var streamKey = secret{"deadbeefdeadbeefdeadbeefdeadbeefk6f7553ebbe31a61ea53cda1f69032eb7", "deadbeef"}

var otherSecrets = []secret{
	{"DEADBEEFDEADBEEFDEADBEEFDEADBEEFK6F7553EBBE31A61EA53CDA1F69032EB7", "deadbeef"},
	{"feedfacefeedfacefeedfacefeedfaceka2ae2143-62a1-4eee-b888-4f1406148481", "feedface"},
	{"before cafebabecafebabecafebabecafebabek6f7553ebbe31a61ea53cda1f69032eb7 after", "cafebabe"},
	{"https://storage.example/u?X-Goog-Algorithm=a&X-Goog-Signature=00ff00ff&upload_id=FAKE-UPLOAD-ID", "00ff00ff"},
	{"https://stream.fastpix.com/5b2e567b-b933-471b-beac-3e81260bfcbe/text/x.vtt?token=FAKE.JWT.TOKEN", "fake.jwt.token"},
	{"eyJhbGciOiJSUzI1NiJ9.eyJraWQiOiJkb19ub3Rfc2hvdyJ9.c2lnbmF0dXJl", "eyjhbgcioijsuzi1nij9"},
	{strings.Repeat("padding ", 60) + streamKey.text + "!", "deadbeef"},
}

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

func TestSecretsInAnyPositionDoNotAppear(t *testing.T) {
	t.Parallel()
	planted := 0
	for _, name := range fixtures.Payloads() {
		var body any
		if err := json.Unmarshal(fixtures.Payload(name), &body); err != nil {
			t.Fatal(err)
		}
		eachString(body, func(set func(string)) {
			for _, secret := range []secret{streamKey, otherSecrets[planted/2%len(otherSecrets)]} {
				set(secret.text)
				planted++
				b, err := json.Marshal(body)
				if err != nil {
					t.Fatal(err)
				}
				if out := journaled(t, b); strings.Contains(out, secret.part) {
					t.Errorf("%s: %s appears in %s\nwhich was made of %s", name, secret.part, out, b)
				}
			}
		})
	}
	if planted < 5000 {
		t.Errorf("only %d secrets were planted", planted)
	}
}

// eachString visits every string of a JSON value, keys of objects too, and lets the visitor change it for the time of the visit.
func eachString(v any, visit func(set func(string))) {
	switch v := v.(type) {
	case map[string]any:
		for key, member := range v {
			if _, ok := member.(string); ok {
				visit(func(s string) { v[key] = s })
			} else {
				eachString(member, visit)
			}
			v[key] = member
			planted := ""
			visit(func(s string) {
				delete(v, planted)
				planted = s
				v[s] = member
			})
			delete(v, planted)
		}
	case []any:
		for i, element := range v {
			if _, ok := element.(string); ok {
				visit(func(s string) { v[i] = s })
			} else {
				eachString(element, visit)
			}
			v[i] = element
		}
	}
}

// Redaction by construction: no Go type that a record or a wire struct reaches has a place for what must not be mirrored, nor a
// place for just anything.
func TestNoTypeHasAPlaceForSecrets(t *testing.T) {
	t.Parallel()
	seen := map[reflect.Type]bool{}
	for _, root := range []any{record.Record{}, Event{}, decoder{}, item{}, restrictions{}, rule{}, finding{}, found{}} {
		walkTypes(t, reflect.TypeOf(root), reflect.TypeOf(root).String(), seen)
	}
	if len(seen) < 30 {
		t.Errorf("only %d types were walked", len(seen))
	}
}

func walkTypes(t *testing.T, typ reflect.Type, path string, seen map[reflect.Type]bool) {
	t.Helper()
	if seen[typ] || typ.PkgPath() == "time" {
		return
	}
	seen[typ] = true
	switch typ.Kind() {
	case reflect.Interface, reflect.Chan, reflect.UnsafePointer:
		t.Errorf("%s can hold anything", path)
	case reflect.Pointer, reflect.Slice, reflect.Array:
		walkTypes(t, typ.Elem(), path, seen)
	case reflect.Map:
		walkTypes(t, typ.Key(), path, seen)
		walkTypes(t, typ.Elem(), path, seen)
	case reflect.Struct:
		for field := range typ.Fields() {
			name := strings.ToLower(field.Name)
			for _, word := range []string{"key", "secret", "secert", "url", "token", "password", "passphrase", "credential", "srt", "signature", "cors", "input", "raw", "body"} {
				if strings.Contains(name, word) {
					t.Errorf("%s.%s sounds like a secret", path, field.Name)
				}
			}
			walkTypes(t, field.Type, path+"."+field.Name, seen)
		}
	}
}

// The wire structs name no secret either.
func TestSecretFieldsAreNotRead(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"streamKey", "srtSecret", "srtSecert", "srtPlaybackResponse", "srtPlaybackSecret", "srtPlaybackStreamId", "url", "rtmpUrl", "inputs", "input",
		"token", "privateKey", "generatedSubtitles", "corsOrigin", "signature", "failedReason",
	} {
		var r reader
		for _, s := range []shape{&envelope{}, &named{}, &payload{}, &item{}, &restrictions{}, &rule{}, &finding{}, &found{}} {
			if s.field(r.fold([]byte(`"`+name+`"`))) != nil {
				t.Errorf("%T reads %s", s, name)
			}
		}
	}
}
