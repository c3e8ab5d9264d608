// Package redaction holds what the tests of the third promise share: secrets as FastPix writes them, bodies with a secret in every position, and
// a walk through the Go types that carry data of a body to an object, a log line or a metric. It imports the standard library only. Start reading
// at Places.
package redaction
