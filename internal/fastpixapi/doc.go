// Package fastpixapi reads media and live streams from FastPix's management API: pages of them, and single ones by id. It sends GET requests
// only, to the configured host only. It may import the standard library, golang.org/x/time/rate, apimachinery's cache, internal/clock and the
// metrics registry; it does not know Kubernetes objects, and does not decode media or streams (internal/event does). Start with Client.
//
// The facts of the API come from captured replies, published with FastPix's Node SDK in May 2026, and from the API's OpenAPI document. The
// client is lenient to what it does not know and strict about the envelope, because an observation decides whether a mirror is right.
package fastpixapi
