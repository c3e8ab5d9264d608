package webhookserver

import "net/http"

// result says what became of a delivery; it is a metric's label and what the log tells of refusals.
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
	resultIncomplete       result = "incomplete"  // the body did not arrive, or not in time
	resultNotSynced        result = "not_synced"  // the endpoints are not known yet
	resultSuspended        result = "suspended"   // spec.suspend
	resultNoKey            result = "no_key"      // no signing secret is usable
	resultKeyUnread        result = "key_unread"  // not verified, and some signing secret is not usable
	resultBacklog          result = "backlog"     // too many events wait to be mirrored
	resultBusy             result = "busy"        // too many deliveries wait for the journal or for memory
	resultUnavailable      result = "unavailable" // the journal did not commit in time
	resultRefused          result = "refused"     // the API server refuses the record, or it does not fit
	resultPanic            result = "panic"       // a defect of the receiver
)

// outcome says what became of a delivery. The zero value means that the delivery goes on.
type outcome struct {
	result result
	// detail is a constant of this package that says more in the log.
	detail string
}

func (o outcome) final() bool { return o.result != "" }

// statuses is the one table of status codes; see the package comment for what each promises. What is not in it is 503: the
// sender is asked to come again.
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

// retryAfterSeconds is what 503 asks for: about how long a restart of the API server takes.
const retryAfterSeconds = "5"

func (r result) status() int {
	if code, ok := statuses[r]; ok {
		return code
	}
	return http.StatusServiceUnavailable
}

// write answers a delivery. The body depends on nothing but the status code.
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

// lastOfConnection reports that no other request is to be read from an HTTP/1 connection after this one: the rest of its body is not
// worth reading; or the length of its body is one that a server in front may have understood otherwise, which would then take what
// comes next for somebody else's answer. A chunked body may have come with a Content-Length that net/http has dropped, and HTTP/1.0 knows
// no chunks.
func lastOfConnection(r *http.Request, o result) bool {
	return r.ProtoMajor == 1 &&
		(o == resultTooLarge || o == resultIncomplete || len(r.TransferEncoding) > 0 || !r.ProtoAtLeast(1, 1))
}
