// Package event turns the bytes of a verified delivery into one normalised, redacted event. It is pure: no client, no clock, no logger, no
// goroutine; it may import the standard library, the API types, internal/record, internal/text and apimachinery's metadata types. Start
// with Decode in event.go.
//
// It is the only package that knows the dialects of FastPix. It tolerates mistakes: it skips and counts a field of a wrong type, but never
// refuses the event for it.
//
// Redaction is by construction: a field that the wire structs of wire.go do not name cannot be read. They do not name stream keys, SRT
// secrets, upload, input and simulcast URLs, or delivery URLs. A second check drops any text that looks like such a secret (see
// internal/text). No error quotes a delivery.
package event
