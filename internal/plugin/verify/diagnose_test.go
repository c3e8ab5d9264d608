// These tests protect people who look for the reason of a 401: each usual mistake is named, and nothing that the receiver refuses is called right.
package verify

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
	"github.com/fastpix-operator/fastpix-operator/webhookserver/signature"
)

const (
	secret = fixtures.SigningSecret
	other  = "b3RoZXItc2lnbmluZy1zZWNyZXQtMzItYnl0ZXMtbG9uZyE="
	header = signature.Header
)

// sent is a body as FastPix sends it.
var sent = compact(fixtures.Payload("video.media.ready.json"))

func compact(body []byte) []byte {
	var b bytes.Buffer
	if err := json.Compact(&b, body); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func own(text string) []Secret { return []Secret{{Name: "Secret video/signing", Text: []byte(text)}} }

func names(v Verdict) string {
	var all []string
	for _, m := range v.Mistakes {
		all = append(all, m.Name)
	}
	return strings.Join(all, " ")
}

// remarshalled is a body after a Go program has read it into a map and written it again.
func remarshalled(body []byte, indent string) []byte {
	var v any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		panic(err)
	}
	b, err := json.MarshalIndent(v, "", indent)
	if err != nil {
		panic(err)
	}
	if indent == "" {
		return compact(b)
	}
	return b
}

func indented(body []byte, indent string) []byte {
	var b bytes.Buffer
	if err := json.Indent(&b, body, "", indent); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func replaced(body []byte, old, replacement string) []byte {
	if !bytes.Contains(body, []byte(old)) {
		panic(fmt.Sprintf("%q is not in the body", old))
	}
	return bytes.ReplaceAll(body, []byte(old), []byte(replacement))
}

func TestDiagnoseNamesTheMistake(t *testing.T) {
	t.Parallel()
	right := fixtures.Sign(secret, sent)
	mac, _ := base64.StdEncoding.DecodeString(right)
	raw, _ := base64.StdEncoding.DecodeString(secret)
	encoded := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	german := replaced(sent, "Autumn launch film", `Gr\u00fc\u00dfe \ud83d\ude00 aus <K\u00f6ln> & M\u00fcnchen`)
	germanUTF8 := replaced(sent, "Autumn launch film", "Grüße 😀 aus <Köln> & München")
	slashes := replaced(sent, "/", `\/`)
	for name, c := range map[string]struct {
		body    []byte
		headers []Header
		secrets []Secret
		want    string
	}{
		"nothing is wrong":            {body: sent, headers: []Header{{header, right}}},
		"the header in another case":  {body: sent, headers: []Header{{strings.ToLower(header), right}}},
		"a line break was added":      {body: append(bytes.Clone(sent), '\n'), want: "NewlineAdded"},
		"CR LF was added":             {body: append(bytes.Clone(sent), "\r\n"...), want: "NewlineAdded"},
		"a line break was lost":       {body: sent, headers: []Header{{header, fixtures.Sign(secret, append(bytes.Clone(sent), '\n'))}}, want: "NewlineMissing"},
		"line breaks were converted":  {body: replaced(indented(sent, " "), "\n", "\r\n"), headers: []Header{{header, fixtures.Sign(secret, indented(sent, " "))}}, want: "LineBreaks"},
		"a mark was added":            {body: append([]byte("\uFEFF"), sent...), want: "ByteOrderMark"},
		"white space around":          {body: append([]byte("  "), append(bytes.Clone(sent), "\t "...)...), want: "WhiteSpaceAround"},
		"indented by two":             {body: indented(sent, "  "), want: "BodyReencoded"},
		"indented by tabs":            {body: indented(sent, "\t"), want: "BodyReencoded"},
		"indentation was removed":     {body: sent, headers: []Header{{header, fixtures.Sign(secret, indented(sent, "  "))}}, want: "BodyReencoded"},
		"names were sorted":           {body: remarshalled(sent, ""), want: "BodyReencoded"},
		"sorted and indented":         {body: remarshalled(sent, "    "), want: "BodyReencoded"},
		"unicode escapes were undone": {body: germanUTF8, headers: []Header{{header, fixtures.Sign(secret, german)}}, want: "BodyReencoded"},
		"unicode was escaped":         {body: german, headers: []Header{{header, fixtures.Sign(secret, germanUTF8)}}, want: "BodyReencoded"},
		"HTML was escaped":            {body: remarshalled(germanUTF8, ""), headers: []Header{{header, fixtures.Sign(secret, germanUTF8)}}, want: "BodyReencoded"},
		"slashes were escaped":        {body: slashes, want: "BodyReencoded"},
		"slashes were unescaped":      {body: sent, headers: []Header{{header, fixtures.Sign(secret, slashes)}}, want: "BodyReencoded"},

		"the secret is encoded twice":      {body: sent, secrets: own(encoded(secret)), want: "SecretEncodedTwice"},
		"with a line break":                {body: sent, secrets: own(encoded(secret + "\n")), want: "SecretEncodedTwice"},
		"the secret is decoded":            {body: sent, secrets: own(string(raw)), want: "SecretDecoded"},
		"the secret is quoted":             {body: sent, secrets: own(`"` + secret + `"`), want: "SecretQuoted"},
		"the secret is broken":             {body: sent, secrets: own(secret[:20] + "\n" + secret[20:]), want: "SecretQuoted"},
		"the sender uses the text as key":  {body: sent, headers: []Header{{header, fixtures.Sign(encoded(secret), sent)}}, want: "SecretAsText"},
		"another webhook's secret":         {body: sent, secrets: append(own(other), Secret{Name: "Secret video/b", Text: []byte(secret), Other: true}), want: "OtherSecret"},
		"a Secret of another type":         {body: sent, secrets: []Secret{{Name: "Secret video/a", Text: []byte(secret), Problem: errors.New("its type is Opaque")}}, want: "SecretInvalid"},
		"an unknown secret":                {body: sent, secrets: own(other), want: "Unknown"},
		"a secret that is nothing":         {body: sent, secrets: own("not base64!"), want: "SecretInvalid"},
		"an empty secret":                  {body: sent, secrets: own(""), want: "SecretInvalid"},
		"no secret at all":                 {body: sent, secrets: []Secret{}, want: "Unknown"},
		"encoded twice, and sorted beside": {body: remarshalled(sent, ""), secrets: own(encoded(secret)), want: "SecretEncodedTwice BodyReencoded"},

		"the header has another name": {body: sent, headers: []Header{{"X-Signature", right}}, want: "HeaderName"},
		"two headers":                 {body: sent, headers: []Header{{header, right}, {header, right}}, want: "SignatureRepeated"},
		"no header":                   {body: sent, headers: []Header{}, want: "SignatureMissing"},
		"an empty header":             {body: sent, headers: []Header{{header, ""}}, want: "SignatureMissing"},
		"white space":                 {body: sent, headers: []Header{{header, " " + right + "\r"}}, want: "SignatureQuoted"},
		"quotes":                      {body: sent, headers: []Header{{header, `"` + right + `"`}}, want: "SignatureQuoted"},
		"a prefix":                    {body: sent, headers: []Header{{header, "sha256=" + right}}, want: "SignaturePrefixed"},
		"hexadecimal digits":          {body: sent, headers: []Header{{header, hex.EncodeToString(mac)}}, want: "SignatureHex"},
		"prefixed digits":             {body: sent, headers: []Header{{header, "sha256=" + strings.ToUpper(hex.EncodeToString(mac))}}, want: "SignaturePrefixed SignatureHex"},
		"no padding":                  {body: sent, headers: []Header{{header, strings.TrimRight(right, "=")}}, want: "SignatureUnpadded"},
		"lower case":                  {body: sent, headers: []Header{{header, strings.ToLower(right)}}, want: "SignatureCase"},
		"cut off":                     {body: sent, headers: []Header{{header, right[:30]}}, want: "SignatureTruncated"},
		"not a signature":             {body: sent, headers: []Header{{header, "hello"}}, want: "NotASignature"},

		"an empty body":        {body: nil, want: "BodyEmpty"},
		"numbers were changed": {body: replaced(remarshalled(sent, ""), "1920", "1920.0"), want: "BodyReencoded"},
		"one letter changed":   {body: replaced(sent, "Autumn", "autumn"), want: "Unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.secrets == nil {
				c.secrets = own(secret)
			}
			if c.headers == nil {
				c.headers = []Header{{header, right}}
			}
			v := Diagnose(Delivery{Body: c.body, Headers: c.headers}, c.secrets)
			if got := names(v); got != c.want || v.Verified != (c.want == "") {
				t.Errorf("got %q (verified %v, certain %v), want %q", got, v.Verified, v.Certain, c.want)
			}
			checkQuiet(t, v, c.secrets)
		})
	}
}

// checkQuiet checks that a verdict quotes no secret.
func checkQuiet(t *testing.T, v Verdict, secrets []Secret) {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range secrets {
		if trimmed := strings.Trim(string(s.Text), "\" \n"); len(trimmed) > 10 && strings.Contains(string(text), trimmed) {
			t.Errorf("the verdict quotes a secret: %s", text)
		}
	}
}

func TestDiagnoseAgreesWithTheReceiverOnEveryVector(t *testing.T) {
	t.Parallel()
	vectors, err := fixtures.LoadVectors()
	if err != nil {
		t.Fatal(err)
	}
	// What the vectors that do not verify show.
	want := map[string]string{
		"secret-url-safe-alphabet": "SecretAlphabet", "raw-secret-as-key": "SecretAsText", "hex-digest": "SignatureHex", "wrong-secret": "Unknown",
		"reserialised-body": "BodyReencoded", "newline-stripped": "NewlineMissing", "slashes-unescaped": "BodyReencoded", "signature-truncated": "SignatureTruncated",
		"signature-lower-cased": "SignatureCase", "signature-prefixed": "SignaturePrefixed", "signature-url-safe-alphabet": "SignatureAlphabet",
		"signature-without-padding": "SignatureUnpadded", "signature-surrounding-space": "SignatureQuoted", "signature-sha1": "NotASignature",
		"signature-sha512": "NotASignature", "plain-sha256-of-secret-and-body": "Unknown",
	}
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			body, err := base64.StdEncoding.DecodeString(v.BodyBase64)
			if err != nil {
				t.Fatal(err)
			}
			got := Diagnose(Delivery{Body: body, Headers: []Header{{header, v.Signature}}}, own(v.SecretBase64))
			if names(got) != want[v.Name] || got.Verified != (want[v.Name] == "") {
				t.Errorf("got %q (verified %v), want %q: %s", names(got), got.Verified, want[v.Name], v.Why)
			}
		})
	}
}

// A verdict that is certain must not depend on luck: without its mistakes the signature is right.
func TestReencodedBodySaysWhatDiffers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body []byte
		want string
	}{
		"indented": {indented(sent, "  "), "changed white space."},
		"sorted":   {remarshalled(sent, ""), "changed the order of names."},
		"both":     {remarshalled(sent, "  "), "changed white space and the order of names."},
		"escaped":  {replaced(sent, "/", `\/`), "changed the escapes of characters."},
	} {
		v := Diagnose(Delivery{Body: c.body, Headers: []Header{{header, fixtures.Sign(secret, sent)}}}, own(secret))
		if len(v.Mistakes) != 1 || !v.Certain || !strings.Contains(v.Mistakes[0].What, c.want) {
			t.Errorf("%s: got %+v, want %q", name, v, c.want)
		}
	}
}

// A body of the greatest length that the receiver accepts must not keep a person waiting.
func TestDiagnoseOfALargeBodyEnds(t *testing.T) {
	t.Parallel()
	large := replaced(sent, "Autumn launch film", strings.Repeat("film / ü ", 100_000))
	v := Diagnose(Delivery{Body: large, Headers: []Header{{header, fixtures.Sign(other, large)}}}, own(secret))
	if names(v) != "Unknown" {
		t.Errorf("got %q", names(v))
	}
}

// TestDeepBodyIsNotRewritten protects those who verify what an attacker sent: the indentation of a body that nests deep would take all memory.
func TestDeepBodyIsNotRewritten(t *testing.T) {
	t.Parallel()
	const depth = 170_000
	body := []byte(strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth))
	if _, err := parse(body); !errors.Is(err, errDeep) {
		t.Fatalf("got %v", err)
	}
	v := Diagnose(Delivery{Body: body, Headers: []Header{{header, "AAAA"}}}, own(secret))
	if v.Verified || len(v.Mistakes) == 0 {
		t.Errorf("got %+v", v)
	}
	if _, err := parse([]byte(strings.Repeat(`{"a":`, maxDepth-1) + "1" + strings.Repeat("}", maxDepth-1))); err != nil {
		t.Errorf("a body with %d levels: %v", maxDepth-1, err)
	}
}
