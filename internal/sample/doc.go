// Package sample holds a body for every event type, as FastPix would send it, and bodies in other spellings and shapes. Tests, the demo and the
// benchmark send them, and kubectl fastpix simulate does. No secret in them is real: they hold marked fake secrets, so that a test can search for
// a leak.
//
// The package imports the standard library only. Start reading at OfType.
package sample
