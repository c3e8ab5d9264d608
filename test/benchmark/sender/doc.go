// Package sender posts prepared requests as fast as the receiver answers them. It imports only the standard library.
package sender
