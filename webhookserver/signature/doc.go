// Package signature proves that a delivery comes from FastPix: FastPix-Signature is the standard base64 text of the HMAC-SHA256 of the
// body, byte for byte, under the base64-decoded signing secret. It is pure: no client, no clock, no logger, no goroutine; it may import the
// standard library and the API types. Start with Verify.
//
// FastPix signs the body alone, without a time, so a captured delivery stays valid. The projection of the controllers makes a replay
// harmless, not this package.
package signature
