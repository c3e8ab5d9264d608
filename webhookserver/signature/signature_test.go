// These tests protect from forged deliveries and from leaked signing secrets.
package signature

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// refused are the vectors that are arithmetically valid but whose secret is misconfigured.
var refused = map[string]error{"secret-url-safe-alphabet": ErrNotBase64}

func TestVerifyAgreesWithEveryVector(t *testing.T) {
	t.Parallel()
	vectors, err := fixtures.LoadVectors()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			body, err := base64.StdEncoding.DecodeString(v.BodyBase64)
			if err != nil {
				t.Fatal(err)
			}
			key, err := ParseKey([]byte(v.SecretBase64))
			if want := refused[v.Name]; !errors.Is(err, want) {
				t.Fatalf("ParseKey: got error %v, want %v", err, want)
			}
			if err != nil {
				return
			}
			index, err := Verify([]Key{key}, v.Signature, body)
			if signed := key.Sign(body); v.Valid != (signed == v.Signature) {
				t.Errorf("Sign returns %s, and the signature of the vector is %s", signed, v.Signature)
			}
			if v.Valid && (index != 0 || err != nil) {
				t.Errorf("got (%d, %v), want it to verify: %s", index, err, v.Why)
			}
			if !v.Valid && (index != -1 || !errors.Is(err, ErrMismatch)) {
				t.Errorf("got (%d, %v), want ErrMismatch: %s", index, err, v.Why)
			}
		})
	}
}

func TestParseKey(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		secret  string
		wantErr error
	}{
		"as shown":           {secret: fixtures.SigningSecret},
		"without padding":    {secret: strings.TrimRight(fixtures.SigningSecret, "=")},
		"white space around": {secret: "\t \v\f" + fixtures.SigningSecret + "\r\n\n"},
		"another text that differs only in unused bits": {secret: strings.Replace(fixtures.SigningSecret, "448=", "449=", 1)},
		"empty":                  {secret: "", wantErr: ErrEmpty},
		"white space alone":      {secret: " \n", wantErr: ErrEmpty},
		"zeros alone":            {secret: "AAAA", wantErr: ErrEmpty},
		"32 zeros":               {secret: base64.StdEncoding.EncodeToString(make([]byte, 32)), wantErr: ErrEmpty},
		"padding alone":          {secret: "====", wantErr: ErrNotBase64},
		"too little padding":     {secret: "QQ=", wantErr: ErrNotBase64},
		"too much padding":       {secret: "QUJD=", wantErr: ErrNotBase64},
		"half a byte":            {secret: "Q", wantErr: ErrNotBase64},
		"line break inside":      {secret: "QUJD\nQUJD", wantErr: ErrNotBase64},
		"carriage return inside": {secret: "QUJD\rQUJD", wantErr: ErrNotBase64},
		"space inside":           {secret: "QUJD QUJD", wantErr: ErrNotBase64},
		"URL-safe alphabet":      {secret: "QUJ-QU_D", wantErr: ErrNotBase64},
		"quoted":                 {secret: `"QUJD"`, wantErr: ErrNotBase64},
		"prefixed":               {secret: "whsec_QUJD", wantErr: ErrNotBase64},
		"non-breaking space":     {secret: "QUJD\u00a0", wantErr: ErrNotBase64},
		"two secrets":            {secret: "QQ==QQ==", wantErr: ErrNotBase64},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key, err := ParseKey([]byte(tc.secret))
			if !errors.Is(err, tc.wantErr) {
				t.Fatalf("got error %v, want %v", err, tc.wantErr)
			}
			if err != nil && (key.mac != nil || len(tc.secret) > 2 && strings.Contains(err.Error(), tc.secret)) {
				t.Errorf("a refused secret left a usable key, or its text in %q", err)
			}
			if err == nil && !key.Equal(mustKey(t, fixtures.SigningSecret)) {
				t.Error("got another key than that of the secret as shown")
			}
		})
	}
}

func TestWeakIsBelow16Bytes(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]bool{1: true, 15: true, 16: false, 32: false} {
		key := mustKey(t, base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("k"), n)))
		if got := key.Weak(); got != want {
			t.Errorf("%d bytes: got weak %v, want %v", n, got, want)
		}
	}
}

func TestFingerprintIsTheDocumentedOne(t *testing.T) {
	t.Parallel()
	secret, err := base64.StdEncoding.DecodeString(fixtures.SigningSecret)
	if err != nil {
		t.Fatal(err)
	}
	h := hmac.New(sha256.New, secret)
	h.Write([]byte("fastpix-fingerprint-v1"))
	want := hex.EncodeToString(h.Sum(nil))[:8]
	if got := mustKey(t, fixtures.SigningSecret).Fingerprint(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := (Key{}).Fingerprint(); got != "" {
		t.Errorf("the zero Key has fingerprint %q", got)
	}
}

func TestVerifyTriesEveryKey(t *testing.T) {
	t.Parallel()
	body := []byte(`{"type":"video.media.ready"}`)
	a, b := fixtures.SigningSecret, base64.StdEncoding.EncodeToString([]byte("another secret, of no weak length"))
	keyA, keyB := mustKey(t, a), mustKey(t, b)
	for name, tc := range map[string]struct {
		keys      []Key
		header    string
		wantIndex int
		wantErr   error
	}{
		"the first":             {keys: []Key{keyA, keyB}, header: fixtures.Sign(a, body), wantIndex: 0},
		"the last":              {keys: []Key{keyA, keyB}, header: fixtures.Sign(b, body), wantIndex: 1},
		"twice the same":        {keys: []Key{keyB, keyA, keyA}, header: fixtures.Sign(a, body), wantIndex: 1},
		"past a zero Key":       {keys: []Key{{}, keyA}, header: fixtures.Sign(a, body), wantIndex: 1},
		"none of them":          {keys: []Key{keyB}, header: fixtures.Sign(a, body), wantIndex: -1, wantErr: ErrMismatch},
		"no key":                {header: fixtures.Sign(a, body), wantIndex: -1, wantErr: ErrMismatch},
		"no signature":          {keys: []Key{keyA}, wantIndex: -1, wantErr: ErrMissing},
		"the zero Key":          {keys: []Key{{}}, header: fixtures.Sign("", body), wantIndex: -1, wantErr: ErrMismatch},
		"comma-joined headers":  {keys: []Key{keyA}, header: fixtures.Sign(a, body) + "," + fixtures.Sign(a, body), wantIndex: -1, wantErr: ErrMismatch},
		"44 characters of junk": {keys: []Key{keyA}, header: strings.Repeat("\x00", 44), wantIndex: -1, wantErr: ErrMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			index, err := Verify(tc.keys, tc.header, body)
			if index != tc.wantIndex || !errors.Is(err, tc.wantErr) {
				t.Errorf("got (%d, %v), want (%d, %v)", index, err, tc.wantIndex, tc.wantErr)
			}
		})
	}
}

func TestEveryAlteredSignatureIsRefused(t *testing.T) {
	t.Parallel()
	body, key := []byte("{}"), mustKey(t, fixtures.SigningSecret)
	right := fixtures.Sign(fixtures.SigningSecret, body)
	for i := range len(right) {
		for c := range 256 {
			altered := right[:i] + string([]byte{byte(c)}) + right[i+1:]
			if _, err := Verify([]Key{key}, altered, body); (err == nil) != (altered == right) {
				t.Fatalf("byte %#x at %d: got %v", c, i, err)
			}
		}
	}
}

func TestKeyNeverShowsItsSecret(t *testing.T) {
	t.Parallel()
	const plain = "a secret in plain text"
	secret := base64.StdEncoding.EncodeToString([]byte(plain))
	key := mustKey(t, secret)
	holder := struct {
		Public  Key
		private Key
		Pointer *Key
		List    []Key
	}{key, key, &key, []Key{key}}

	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%b", "%o", "%c", "%U", "%t", "%e", "%p", "%w"} {
		for _, v := range []any{key, &key, holder, &holder, []Key{key}, map[string]Key{"k": key}} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
	}
	encoded, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(encoded)
	slog.New(slog.NewTextHandler(&out, nil)).Info("keys", "key", key, "holder", holder)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("keys", "key", key, "holder", holder)
	fmt.Fprint(&out, key.MarshalLog(), key.String(), key.GoString())

	var decimals []string
	for _, c := range []byte(plain) {
		decimals = append(decimals, strconv.Itoa(int(c)))
	}
	for _, canary := range []string{plain, secret, hex.EncodeToString([]byte(plain)), strings.Join(decimals, " "), strings.ToUpper(hex.EncodeToString([]byte(plain)))} {
		if strings.Contains(out.String(), canary) {
			t.Errorf("%q is shown", canary)
		}
	}
	if !strings.Contains(out.String(), key.Fingerprint()) {
		t.Error("the fingerprint is not shown")
	}
}

func FuzzVerify(f *testing.F) {
	vectors, err := fixtures.LoadVectors()
	if err != nil {
		f.Fatal(err)
	}
	for _, v := range vectors {
		body, err := base64.StdEncoding.DecodeString(v.BodyBase64)
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(v.SecretBase64), v.Signature, body)
	}
	f.Fuzz(func(t *testing.T, secret []byte, header string, body []byte) {
		key, err := ParseKey(secret)
		if err != nil {
			if index, err := Verify([]Key{key}, header, body); err == nil || index != -1 {
				t.Fatal("a refused secret verifies")
			}
			return
		}
		raw, err := base64.RawStdEncoding.DecodeString(string(bytes.TrimRight(bytes.Trim(secret, asciiSpace), "=")))
		if err != nil || len(raw) == 0 {
			t.Fatalf("a secret was accepted that decodes to %d bytes with error %v", len(raw), err)
		}
		h := hmac.New(sha256.New, raw)
		h.Write(body)
		right := base64.StdEncoding.EncodeToString(h.Sum(nil))
		if index, err := Verify([]Key{{}, key}, right, body); index != 1 || err != nil {
			t.Fatalf("the exact signature does not pass: (%d, %v)", index, err)
		}
		if _, err := Verify([]Key{{}, key}, header, body); (err == nil) != (header == right) {
			t.Fatalf("another text than the exact signature decides: %v", err)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	body := bytes.Repeat([]byte("x"), 1700)
	keys := []Key{mustKey(b, fixtures.SigningSecret)}
	header := fixtures.Sign(fixtures.SigningSecret, body)
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := Verify(keys, header, body); err != nil {
			b.Fatal(err)
		}
	}
}

func mustKey(tb testing.TB, secret string) Key {
	tb.Helper()
	key, err := ParseKey([]byte(secret))
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// TestEncodedKeysAreNoticed protects users from a common mistake: the data of a Secret is encoded once more than it should be. A key as
// FastPix makes it must never be reported.
func TestEncodedKeysAreNoticed(t *testing.T) {
	t.Parallel()
	random := rand.NewChaCha8([32]byte{1})
	for size := weakBytes; size <= maxPlausibleBytes; size++ {
		for range 200 {
			secret := make([]byte, size)
			_, _ = random.Read(secret)
			shown := base64.StdEncoding.EncodeToString(secret)
			for text, want := range map[string]bool{
				shown: false,
				base64.StdEncoding.EncodeToString([]byte(shown)):                               true,
				base64.StdEncoding.EncodeToString([]byte(shown + "\n")):                        true, // echo without -n
				base64.StdEncoding.EncodeToString([]byte(strings.TrimRight(shown, "="))):       true,
				"\n" + base64.RawStdEncoding.EncodeToString([]byte(shown)) + "\n":              true,
				base64.StdEncoding.EncodeToString([]byte("a secret sentence of many letters")): false,
			} {
				key, err := ParseKey([]byte(text))
				if err != nil {
					t.Fatal(err)
				}
				if key.Encoded() != want {
					t.Fatalf("a key of %d bytes: got %t, want %t", size, key.Encoded(), want)
				}
			}
		}
	}
}
