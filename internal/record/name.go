package record

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/fastpix-operator/fastpix-operator/internal/text"
)

// Kind is the kind of a mirror.
type Kind string

const (
	// MediaAsset mirrors a media or an upload.
	MediaAsset Kind = "MediaAsset"
	// LiveStream mirrors a live stream.
	LiveStream Kind = "LiveStream"
)

// MaxIDBytes bounds the JSON of every id that is mirrored. The ids of FastPix have at most 36 bytes.
const MaxIDBytes = 128

// UsableID reports whether s can be an id: UTF-8 without invisible characters, one to MaxIDBytes bytes in JSON, and unlike a secret. The CRDs refuse the
// same characters in a spec, so that the API server accepts every usable id.
func UsableID(s string) bool {
	return s != "" && jsonBytes(s) <= MaxIDBytes && utf8.ValidString(s) && !strings.ContainsFunc(s, isInvisible) && !text.LooksSecret(s)
}

// isInvisible reports whether r is a control character, a format character such as U+202E, or a separator of lines or paragraphs. Two ids that differ
// only by such a character look the same to a person.
func isInvisible(r rune) bool {
	if r <= unicode.MaxASCII {
		return unicode.IsControl(r) // the tables are slower, and nearly every id is ASCII
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

// jsonBytes returns the length of the JSON of a text without invisible characters. A status contains an id up to four times for each element of its
// lists, so the length matters.
func jsonBytes(s string) int {
	n := len(s)
	for i := range len(s) {
		switch s[i] {
		case '"', '\\':
			n++
		case '<', '>', '&':
			n += len(`\u003c`) - 1
		}
	}
	return n
}

// NormalizeID converts an id that is a UUID or hexadecimal to lower case, because the platform may use either case. It returns other ids unchanged.
func NormalizeID(id string) string {
	if isHex(id) || IsUUID(id) {
		return strings.ToLower(id)
	}
	return id
}

// ObjectName returns the name of the object that mirrors an id: the id itself if it is a DNS label, else "x-" and the first 40 hex digits of its SHA-256.
// An id that has the second form is hashed, too, so that two ids never share a name.
func ObjectName(id string) string {
	id = NormalizeID(id)
	if isLabel(id) && !IsHashName(id) {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return "x-" + hex.EncodeToString(sum[:])[:40]
}

// The following functions run for every id of every event. Regular expressions took a third of the time of decoding an event.

func isHex(s string) bool {
	for i := range len(s) {
		if !isHexDigit(s[i]) {
			return false
		}
	}
	return s != ""
}

// IsUUID reports whether s is 32 hex digits in groups of 8, 4, 4, 4 and 12, separated by dashes.
func IsUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash && s[i] != '-' || !dash && !isHexDigit(s[i]) {
			return false
		}
	}
	return true
}

func isHexDigit(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// isLabel reports whether s is a DNS label by RFC 1123: at most 63 lower-case letters, digits and dashes, with no dash at either end.
func isLabel(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && (c != '-' || i == 0 || i == len(s)-1) {
			return false
		}
	}
	return s != "" && len(s) <= 63
}

// IsHashName reports whether a name has the form of a hash that ObjectName returns.
func IsHashName(label string) bool {
	digits, ok := strings.CutPrefix(label, "x-")
	return ok && len(digits) == 40 && isHex(digits)
}
