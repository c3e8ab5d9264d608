// Package signature proves that a delivery comes from FastPix: FastPix-Signature is the standard base64 text of the
// HMAC-SHA256 of the body, byte for byte, under the base64-decoded signing secret. Neither a time nor anything but the body is
// signed, so a captured delivery stays valid: what makes replays harmless is the fold, not this package.
//
// It is pure: no client, no clock, no logger, no goroutine. It may import the standard library, api/... and apimachinery's
// metadata types.
package signature
