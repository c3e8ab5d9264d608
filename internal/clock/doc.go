// Package clock holds the helpers for time that the receiver and the controllers share. It may import the standard library alone.
// Start with Sleep.
package clock
