// Package webhookserver is the receiving half of the operator: it takes what FastPix posts to
// /webhooks/{namespace}/{endpoint}, proves that it is genuine, and writes one record of it to the journal of EventBatches.
//
//	bounded read -> endpoint -> verify raw bytes -> decode (allow-list) -> record -> Journal.Append -> 200
//
// What each status code promises the sender:
//
//	200  the event cannot be lost any more: it is committed in the API server, or it is a duplicate of one that is. Also for
//	     what there is nothing to keep of: the dashboard's probes, unknown event types, other workspaces.
//	400  the signature is right, and the body is not an event; sending it again is useless.
//	401  the signature is missing or wrong, and every signing secret of the endpoint was read within the last minute.
//	404  there is no such endpoint, and the receiver would know.
//	405  not a POST.
//	413  the body has more than 1 MiB.
//	503  send it again, after Retry-After: suspended, a signing secret cannot be read, or so many forgeries ask for it to be read again that
//	     this delivery could not and the last read is more than two seconds old, the backlog is full, the API server is
//	     away, or the receiver does not know the endpoints yet.
//
// The order of checks is method, path, endpoint, size, unsigned probe, suspended, keys, signature, shape. Answers have a
// constant body for each code: which check failed is told in metrics, in conditions and in the log, not to the sender.
//
// Nothing that was not verified moves state, and nothing that was not verified takes the place of something that was: a request
// counts against the bounds of its endpoint only once its signature is right, and before that its connection shares a budget of memory
// with those of all other unauthenticated clients (internal/connlimit).
//
// Every replica of the receiver does all of this by itself, without leader election. It reads WebhookEndpoints through an
// informer and Secrets by live get alone, never by list or watch; creates EventBatches in the operator's own namespace; and
// writes conditions and fingerprints of WebhookEndpoints. It knows nothing of mirrors and never imports the controllers.
package webhookserver
