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
	// fingerprintLabel is the message whose HMAC is the fingerprint. It is not JSON, so no body is the same message.
	fingerprintLabel = "fastpix-fingerprint-v1"
	// fingerprintBytes are enough to distinguish a few secrets, and far too few to guess a secret from.
	fingerprintBytes = 4
	// weakBytes is the length below which a key is weak. FastPix's own secrets are longer.
	weakBytes = 16
	// maxPlausibleBytes is the block size of SHA-256. HMAC hashes a longer key first, so longer keys are useless.
	maxPlausibleBytes = 64
	// asciiSpace is the white space that copying, editors and shells leave around a secret.
	asciiSpace = " \t\r\n\v\f"
)

var (
	// ErrNotBase64 means that a signing secret was not copied as the dashboard shows it.
	ErrNotBase64 = errors.New("the signing secret is not base64: store it exactly as FastPix's dashboard shows it, " +
		"in the standard alphabet, without quotes or line breaks, neither decoded nor encoded again")
	// ErrEmpty means that a signing secret holds nothing. It is refused because everyone can sign with an empty key.
	ErrEmpty = errors.New("the signing secret is empty: store the one that FastPix's dashboard shows for this webhook")
)

// Key is a decoded signing secret. Only ParseKey returns a Key that verifies anything; the zero Key never does. A Key prints, logs and
// marshals as its fingerprint. Several goroutines may use it.
type Key struct {
	// mac returns the HMAC-SHA256 of a message. The secret lives in this closure alone: no printer finds it there, not even one that walks
	// unexported fields.
	mac         func(message []byte) [sha256.Size]byte
	fingerprint string
	weak        bool
	encoded     bool
}

// ParseKey decodes a signing secret as the dashboard shows it: base64 in the standard alphabet, padded or not, with white space around it.
// Its errors are ErrNotBase64 and ErrEmpty. They never quote the secret.
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
		return Key{}, ErrNotBase64 // the decoder's own error holds a position, which does not help
	}
	decoded = decoded[:n]
	if len(bytes.Trim(decoded, "\x00")) == 0 { // HMAC pads a key with zeros, so a key of zeros alone is the empty key
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

// isEncodedKey reports that the bytes of a key are themselves the base64 text of a key of 16 to 64 bytes. Fewer than one in 2^43 random
// keys of 22 bytes or more are.
func isEncodedKey(secret []byte) bool {
	text := bytes.Trim(secret, asciiSpace)
	encoding := base64.StdEncoding
	if !bytes.HasSuffix(text, []byte("=")) {
		encoding = base64.RawStdEncoding
	}
	decoded, err := encoding.DecodeString(string(text))
	return err == nil && !bytes.ContainsAny(text, "\r\n") && len(decoded) >= weakBytes && len(decoded) <= maxPlausibleBytes
}

// Weak reports that the secret has fewer than 16 bytes. It works, but the user should be warned.
func (k Key) Weak() bool { return k.weak }

// Encoded reports that the signing secret looks as if it was encoded to base64 once more than FastPix shows it. Then it verifies no
// delivery.
func (k Key) Encoded() bool { return k.encoded }

// Fingerprint returns 8 hex digits that distinguish secrets and reveal nothing else; empty for the zero Key.
func (k Key) Fingerprint() string { return k.fingerprint }

// Equal reports whether both keys verify the same deliveries. The zero Key equals only itself.
func (k Key) Equal(other Key) bool {
	if k.mac == nil || other.mac == nil {
		return k.mac == nil && other.mac == nil
	}
	if k.fingerprint != other.fingerprint { // the fingerprint is not secret; comparing it first saves most HMACs
		return false
	}
	a, b := k.mac([]byte(fingerprintLabel)), other.mac([]byte(fingerprintLabel))
	return hmac.Equal(a[:], b[:])
}

// String returns the fingerprint, marked as such.
func (k Key) String() string { return "Key(" + k.fingerprint + ")" }

// GoString is String, for %#v.
func (k Key) GoString() string { return k.String() }

// Format writes String for every verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// MarshalJSON returns String as a JSON string.
func (k Key) MarshalJSON() ([]byte, error) { return json.Marshal(k.String()) }

// MarshalLog is what structured loggers print.
func (k Key) MarshalLog() any { return k.String() }
