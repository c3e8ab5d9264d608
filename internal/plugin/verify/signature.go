package verify

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// minCut is the least length of the beginning of a signature that proves the rest: 12 characters are 72 bits.
const minCut = 12

// compare compares a header with the right signature. It returns the mistakes in the header that explain the difference, and whether some do.
func compare(h Header, signed string) (mistakes []Mistake, ok bool) {
	if !isSignatureHeader(h) {
		mistakes = append(mistakes, headerNamed(h.Name))
	}
	text := strings.Trim(h.Value, " \t\r\n\"'")
	if text != h.Value {
		mistakes = append(mistakes, signatureQuoted)
	}
	m, ok := compareText(text, signed)
	if !ok {
		if _, rest, found := strings.Cut(text, "="); found && rest != "" {
			if m, ok = compareText(rest, signed); ok {
				mistakes = append(mistakes, signaturePrefixed)
			}
		}
	}
	return with(mistakes, m), ok
}

// compareText compares a text with the right signature, and returns the mistake that explains the difference.
func compareText(text, signed string) (Mistake, bool) {
	switch {
	case text == signed:
		return none, true
	case strings.NewReplacer("-", "+", "_", "/").Replace(text) == signed:
		return signatureAlphabet, true
	case text+"=" == signed:
		return signatureUnpadded, true
	case strings.EqualFold(text, signed):
		return signatureCase, true
	case len(text) >= minCut && strings.HasPrefix(signed, text):
		return signatureCut, true
	}
	if mac, err := hex.DecodeString(text); err == nil && base64.StdEncoding.EncodeToString(mac) == signed {
		return signatureHex, true
	}
	return none, false
}

// looksLikeSignature reports whether a text has the form of a signature.
func looksLikeSignature(text string) bool {
	mac, err := base64.StdEncoding.DecodeString(text)
	return err == nil && len(mac) == sha256.Size
}
