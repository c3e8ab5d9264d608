package signature

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"slices"
)

// Header carries the signature of a delivery.
const Header = "FastPix-Signature"

var (
	// ErrMissing means that the delivery has no signature.
	ErrMissing = errors.New("the delivery has no " + Header)
	// ErrMismatch means that no key made the signature.
	ErrMismatch = errors.New("the " + Header + " fits none of the signing secrets")
)

// textLen is the length of every signature: padded base64 of a SHA-256.
var textLen = base64.StdEncoding.EncodedLen(sha256.Size)

// Verify returns the index of the first key that signed the body, or -1 with ErrMissing or ErrMismatch. Only the exact text that FastPix
// writes passes: no prefix, no white space, no other alphabet or encoding, and no other text that decodes to the same bytes.
//
// It takes the same time whether a key fits and whichever does: it tries every key, and compares in constant time. Only a signature of a
// wrong length is refused early, and its sender knows the length anyway.
func Verify(keys []Key, header string, body []byte) (int, error) {
	if header == "" {
		return -1, ErrMissing
	}
	if len(header) != textLen {
		return -1, ErrMismatch
	}
	index, given := -1, []byte(header)
	for i, key := range slices.Backward(keys) { // backwards, so that index ends as the first key that fits
		if key.mac == nil {
			continue
		}
		index = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare([]byte(key.Sign(body)), given), i, index)
	}
	if index < 0 {
		return -1, ErrMismatch
	}
	return index, nil
}

// Sign returns the signature of a body under a key, as FastPix writes it; empty for the zero Key.
func (k Key) Sign(body []byte) string {
	if k.mac == nil {
		return ""
	}
	sum := k.mac(body)
	return base64.StdEncoding.EncodeToString(sum[:])
}
