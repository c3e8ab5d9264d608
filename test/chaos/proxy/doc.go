// Package proxy forwards TCP connections and fails as networks do: resets, delays and black holes. It imports only the standard library.
package proxy
