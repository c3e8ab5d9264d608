// Package event turns the bytes of a verified delivery into one normalised, redacted event: the single place that knows
// FastPix's dialects. It is generous in what it reads: a field of a wrong type is skipped and counted, never the event.
//
// Redaction is by construction: a field that the wire structs of wire.go do not name cannot be read. Stream keys, SRT secrets,
// upload, input and simulcast URLs, and delivery URLs are not among them. A second net drops any text that looks like such a
// secret, see secret.go. No error quotes a delivery.
//
// It is pure: no client, no clock, no logger, no goroutine. It may import the standard library, api/... and apimachinery's
// metadata types.
package event
