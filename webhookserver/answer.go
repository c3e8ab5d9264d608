package webhookserver

import "net/http"

// result is what became of a delivery. It is a label of metrics, and the reason in the log of refusals.
type result string

const (
	resultAccepted         result = "accepted"
	resultDuplicate        result = "duplicate"
	resultProbe            result = "probe"
	resultUnknownType      result = "unknown_type"
	resultForeignWorkspace result = "foreign_workspace"
	resultMalformed        result = "malformed"
	resultUnauthorized     result = "unauthorized"
	resultNotFound         result = "not_found"
	resultMethod           result = "method"
	resultTooLarge         result = "too_large"
	resultIncomplete       result = "incomplete"  // the body did not arrive in time
	resultNotSynced        result = "not_synced"  // the receiver does not know all endpoints yet
	resultSuspended        result = "suspended"   // spec.suspend is set
	resultNoKey            result = "no_key"      // no signing secret is usable
	resultKeyUnread        result = "key_unread"  // not verified, and some signing secret is not usable
	resultBacklog          result = "backlog"     // too many events wait to be mirrored
	resultBusy             result = "busy"        // too many deliveries wait for the journal, or too many large bodies are in memory
	resultUnavailable      result = "unavailable" // the journal did not commit in time
	resultRefused          result = "refused"     // the API server refuses the record, or the event does not fit into a record
	resultPanic            result = "panic"       // a defect of the receiver
)

// outcome says what became of a delivery. The zero value means that the delivery goes on.
type outcome struct {
	result result
	// detail is a constant of this package that says more in the log.
	detail string
}

func (o outcome) final() bool { return o.result != "" }

// statuses is the one table of status codes. The package comment says what each code promises. A result that is not in the table is
// answered 503: the sender sends the delivery again.
var statuses = map[result]int{
	resultAccepted:         http.StatusOK,
	resultDuplicate:        http.StatusOK,
	resultProbe:            http.StatusOK,
	resultUnknownType:      http.StatusOK,
	resultForeignWorkspace: http.StatusOK,
	resultMalformed:        http.StatusBadRequest,
	resultUnauthorized:     http.StatusUnauthorized,
	resultNotFound:         http.StatusNotFound,
	resultMethod:           http.StatusMethodNotAllowed,
	resultTooLarge:         http.StatusRequestEntityTooLarge,
}

// retryAfterSeconds is the Retry-After of 503: about as long as a restart of the API server takes.
const retryAfterSeconds = "5"

func (r result) status() int {
	if code, ok := statuses[r]; ok {
		return code
	}
	return http.StatusServiceUnavailable
}

// write answers a delivery. The body of the answer depends on the status code alone.
func (r result) write(w http.ResponseWriter) {
	header, code := w.Header(), r.status()
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
	switch code {
	case http.StatusServiceUnavailable:
		header.Set("Retry-After", retryAfterSeconds)
	case http.StatusMethodNotAllowed:
		header.Set("Allow", http.MethodPost)
	}
	w.WriteHeader(code)
	_, _ = w.Write([]byte(http.StatusText(code) + "\n"))
}

// lastOfConnection reports that the server must not read another request from this HTTP/1 connection. Either the rest of the body is not
// worth reading, or a proxy in front may have understood the length of the body differently: it would then take the answer to the next
// request for the answer to another one. The length is unsafe if the body is chunked, because net/http drops a Content-Length that comes
// with it, or if the request is HTTP/1.0, which has no chunks.
func lastOfConnection(r *http.Request, o result) bool {
	return r.ProtoMajor == 1 &&
		(o == resultTooLarge || o == resultIncomplete || len(r.TransferEncoding) > 0 || !r.ProtoAtLeast(1, 1))
}
