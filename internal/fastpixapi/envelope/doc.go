// Package envelope reads what FastPix's management API wraps each answer in. It is pure and may import the standard library only, so that
// fuzzing it is cheap. Start with Read.
package envelope
