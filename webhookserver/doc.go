// Package webhookserver is the receiver. It accepts what FastPix posts to /webhooks/{namespace}/{endpoint}, verifies it, and appends one
// record of it to the journal of EventBatches. It may import its own subpackages, the API types and the packages of internal/; it never
// imports the controllers. Start with handler.go.
//
//	bounded read -> endpoint -> verify raw bytes -> decode (allow-list) -> record -> Journal.Append -> 200
//
// Each status code is a promise to the sender:
//
//	200  The event cannot be lost any more: it is committed in the API server, or it is a duplicate of a committed one. Also the
//	     answer to what has nothing to mirror: probes of the dashboard, unknown event types, events of other workspaces.
//	400  The signature is valid, and the body is not an event. Sending it again is useless.
//	401  The signature is missing or wrong, and every signing secret of the endpoint was read within the last minute.
//	404  The endpoint does not exist, and the receiver knows all endpoints; or it has no signing secret and takes no webhooks.
//	405  The method is not POST.
//	413  The body has more than 1 MiB.
//	503  Send it again after Retry-After. The endpoint is suspended; a signing secret cannot be read; too many forged deliveries ask
//	     for another read of the signing secrets, and the last read is more than two seconds old; too many events wait to be
//	     mirrored; the API server is unavailable; or the receiver does not know the endpoints yet.
//
// The order of the checks is method, path, endpoint, size, unsigned probe, suspended, keys, signature, shape. All answers with one code
// have the same body: metrics, conditions and the log say which check failed, the answer does not.
//
// An unverified request changes no state and takes no resources from a verified one. A request counts against the limits of its endpoint
// only after its signature is verified. Until then its connection shares a memory budget with those of all other unauthenticated clients
// (see internal/connlimit).
//
// Every replica of the receiver works alone, without leader election. It reads WebhookEndpoints through an informer. It reads Secrets by
// live get alone, never by list or watch. It creates EventBatches in the operator's own namespace, and it writes conditions and
// fingerprints of WebhookEndpoints that have signing secrets. It does not know MediaAssets and LiveStreams.
package webhookserver
