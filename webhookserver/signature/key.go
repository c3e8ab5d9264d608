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
	"io"
)

const (
	// fingerprintLabel is the message whose HMAC is the fingerprint; a body cannot be mistaken for it, as it is no JSON.
	fingerprintLabel = "fastpix-fingerprint-v1"
	// fingerprintBytes are enough to tell a handful of secrets apart, and far too few to guess one from.
	fingerprintBytes = 4
	// weakBytes is the length below which a user should be warned: FastPix's own secrets are longer.
	weakBytes = 16
	// maxPlausibleBytes is the block size of SHA-256: HMAC hashes longer keys first, so nobody makes them.
	maxPlausibleBytes = 64
	// asciiSpace is what copying, editors and shells leave around a secret.
	asciiSpace = " \t\r\n\v\f"
)

var (
	// ErrNotBase64 means that a signing secret was not copied as the dashboard shows it.
	ErrNotBase64 = errors.New("the signing secret is not base64: store it exactly as FastPix's dashboard shows it, " +
		"in the standard alphabet, without quotes or line breaks, neither decoded nor encoded again")
	// ErrEmpty means that a signing secret holds nothing. It is refused because anybody can sign with an empty key.
	ErrEmpty = errors.New("the signing secret is empty: store the one that FastPix's dashboard shows for this webhook")
)

// Key is a decoded signing secret. Only ParseKey makes one that verifies anything; the zero Key never does. A Key prints, logs
// and marshals as its fingerprint. It may be used by several goroutines.
type Key struct {
	// mac returns the HMAC-SHA256 of a message. The secret itself lives in this closure alone, where no printer finds it,
	// not even one that walks unexported fields.
	mac         func(message []byte) [sha256.Size]byte
	fingerprint string
	weak        bool
	encoded     bool
}

// ParseKey decodes a signing secret as the dashboard shows it: base64 in the standard alphabet, padded or not, with white space
// around it. Its errors are ErrNotBase64 and ErrEmpty and never quote the secret.
func ParseKey(secret []byte) (Key, error) {
	text := bytes.Trim(secret, asciiSpace)
	if len(text) == 0 {
		return Key{}, ErrEmpty
	}
	if bytes.ContainsAny(text, "\r\n") { // the decoder would skip them
		return Key{}, ErrNotBase64
	}
	encoding := base64.StdEncoding
	if text[len(text)-1] != '=' {
		encoding = base64.RawStdEncoding
	}
	decoded := make([]byte, encoding.DecodedLen(len(text)))
	n, err := encoding.Decode(decoded, text)
	if err != nil {
		return Key{}, ErrNotBase64 // the decoder's own error tells a position, and nothing that helps
	}
	decoded = decoded[:n]
	if len(bytes.Trim(decoded, "\x00")) == 0 { // HMAC fills a key up with zeros: one of zeros alone is the empty one
		return Key{}, ErrEmpty
	}
	return newKey(decoded), nil
}

func newKey(secret []byte) Key {
	mac := func(message []byte) (sum [sha256.Size]byte) {
		h := hmac.New(sha256.New, secret)
		h.Write(message)
		h.Sum(sum[:0])
		return sum
	}
	id := mac([]byte(fingerprintLabel))
	return Key{
		mac: mac, fingerprint: hex.EncodeToString(id[:fingerprintBytes]),
		weak: len(secret) < weakBytes, encoded: isEncodedKey(secret),
	}
}

// isEncodedKey reports that the bytes of a key are themselves base64 text of a key of 16 to 64 bytes. Of random keys of 22 bytes or more, fewer
// than one in 2^43 are.
func isEncodedKey(secret []byte) bool {
	text := bytes.Trim(secret, asciiSpace)
	encoding := base64.StdEncoding
	if !bytes.HasSuffix(text, []byte("=")) {
		encoding = base64.RawStdEncoding
	}
	decoded, err := encoding.DecodeString(string(text))
	return err == nil && !bytes.ContainsAny(text, "\r\n") && len(decoded) >= weakBytes && len(decoded) <= maxPlausibleBytes
}

// Weak reports that the secret has fewer than 16 bytes: it works, but its user should be warned.
func (k Key) Weak() bool { return k.weak }

// Encoded reports that the signing secret looks as if it was encoded to base64 once more than FastPix shows it: then no delivery verifies.
func (k Key) Encoded() bool { return k.encoded }

// Fingerprint returns 8 hex digits that tell secrets apart and say nothing else about them; empty for the zero Key.
func (k Key) Fingerprint() string { return k.fingerprint }

// Equal reports whether both keys verify the same deliveries. The zero Key equals only itself.
func (k Key) Equal(other Key) bool {
	if k.mac == nil || other.mac == nil {
		return k.mac == nil && other.mac == nil
	}
	if k.fingerprint != other.fingerprint { // which is no secret, and spares nearly every comparison its HMACs
		return false
	}
	a, b := k.mac([]byte(fingerprintLabel)), other.mac([]byte(fingerprintLabel))
	return hmac.Equal(a[:], b[:])
}

// String returns the fingerprint, marked as such.
func (k Key) String() string { return "Key(" + k.fingerprint + ")" }

// GoString is String, for %#v.
func (k Key) GoString() string { return k.String() }

// Format writes String whatever the verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// MarshalJSON returns String as a JSON string.
func (k Key) MarshalJSON() ([]byte, error) { return json.Marshal(k.String()) }

// MarshalLog is what structured loggers print.
func (k Key) MarshalLog() any { return k.String() }
