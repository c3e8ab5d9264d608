package webhookserver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/connlimit"
	"github.com/fastpix-operator/fastpix-operator/internal/event"
	"github.com/fastpix-operator/fastpix-operator/internal/journal"
	"github.com/fastpix-operator/fastpix-operator/webhookserver/endpoint"
	"github.com/fastpix-operator/fastpix-operator/webhookserver/signature"
)

// requestTimeout is how long a delivery may take from its header to its answer.
const requestTimeout = 10 * time.Second

// maxDecoding is how many large bodies are decoded at once.
const maxDecoding = 4

// handler answers deliveries. A delivery passes three steps: gather finds its endpoint and reads its body, decide verifies and decodes it,
// and act appends its event to the journal. Each step may be the last one.
type handler struct {
	directory *endpoint.Directory
	journal   appender
	committed *journal.DedupeCache
	bodies    *bodies
	refusals  *refusalLog
	options   *Options
	now       func() time.Time
	log       logr.Logger
	trace     logr.Logger // follows single verified events
	// reportMalformed reports a delivery with a valid signature that is not an event to the owner of the endpoint.
	reportMalformed func(*endpoint.Endpoint, error)

	// decoding has an element for each large body that is being decoded.
	decoding chan struct{}
	// inFlight counts the verified deliveries that wait for their commit.
	inFlight atomic.Int64
	// waitingBytes is the length of the records that wait for the journal.
	waitingBytes atomic.Int64
	// draining is true once the process is about to stop.
	draining atomic.Bool
}

// delivery is one request while it is handled.
type delivery struct {
	endpoint    *endpoint.Endpoint         // nil until it is found
	object      *fastpixv1.WebhookEndpoint // one version of it for the whole delivery
	signed      signedBody
	release     func() // frees the memory of the body; it may be called twice
	fingerprint string // of the key that verified the delivery
	typeLabel   string // empty until the delivery is verified and decoded
	eventID     string // of a verified event; empty while the log has no traces
}

// releaseBody frees the memory of the body when it is no longer used.
func (d *delivery) releaseBody() {
	d.signed.body = nil
	d.release()
}

// endpointName returns the name of the endpoint; empty if it does not exist, because the name is the sender's text then.
func (d *delivery) endpointName() string {
	if d.endpoint == nil {
		return ""
	}
	return d.endpoint.Name.String()
}

// ServeHTTP answers one delivery.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := h.now()
	// The context of the request ends when the client closes its sending side, which is legal after a whole request: the client still waits
	// for its answer. A delivery that arrived whole is handled whatever the client does next. The timeout bounds it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), requestTimeout)
	defer cancel()
	d := &delivery{signed: signedBody{signatures: r.Header.Values(signature.Header), arrived: start}, release: func() {}}
	o := h.deliver(ctx, w, r, d)
	// While the receiver drains, a client that keeps this connection would send its next delivery just when the server closes it. After
	// this header the client opens a new connection, to another replica.
	if h.draining.Load() || lastOfConnection(r, o.result) {
		w.Header().Set("Connection", "close")
	}
	o.result.write(w)
	h.report(d, o, h.now().Sub(start))
}

// deliver takes a delivery through the checks in the order of the package comment.
func (h *handler) deliver(ctx context.Context, w http.ResponseWriter, r *http.Request, d *delivery) (o outcome) {
	defer h.recoverPanic(d, &o)
	o = h.gather(w, r, d)
	defer d.releaseBody()
	if o.final() {
		return o
	}
	ev, o := h.decide(ctx, d)
	if o.final() {
		return o
	}
	return h.act(ctx, d, ev)
}

// gather finds the endpoint of a delivery and reads its body.
func (h *handler) gather(w http.ResponseWriter, r *http.Request, d *delivery) outcome {
	if o := h.findEndpoint(r, d); o.final() {
		return o
	}
	body, release, err := h.bodies.read(w, r)
	d.signed.body, d.release = body, release
	switch {
	case errors.Is(err, errBodyTooLarge):
		return outcome{result: resultTooLarge}
	case errors.Is(err, errNoMemory):
		return outcome{result: resultBusy, detail: "large bodies"}
	case err != nil:
		return outcome{result: resultIncomplete}
	}
	return outcome{}
}

// findEndpoint checks the method and finds the endpoint.
func (h *handler) findEndpoint(r *http.Request, d *delivery) outcome {
	if r.Method != http.MethodPost {
		return outcome{result: resultMethod}
	}
	name, ok := endpoint.ParsePath(r.URL.EscapedPath())
	if !ok {
		return outcome{result: resultNotFound, detail: "path"}
	}
	synced := h.directory.Synced() // read before the lookup: an endpoint that is missing now may be added before the directory is synced
	d.endpoint = h.directory.Get(name)
	switch {
	case d.endpoint != nil:
		d.object = d.endpoint.Current()
		if d.object.Spec.PollsOnly() {
			return outcome{result: resultNotFound, detail: "polling only"}
		}
		return outcome{}
	case !synced:
		return outcome{result: resultNotSynced}
	}
	return outcome{result: resultNotFound, detail: "endpoint"}
}

// decide verifies and decodes a delivery. It returns the event to append, or the final outcome.
func (h *handler) decide(ctx context.Context, d *delivery) (_ *event.Event, o outcome) {
	switch {
	case d.signed.unsigned() && event.IsEmptyProbe(d.signed.body):
		return nil, outcome{result: resultProbe}
	case d.object.Spec.Suspend:
		return nil, outcome{result: resultSuspended}
	}
	d.fingerprint, o = verify(ctx, d.endpoint.Keys, &d.object.Spec, d.signed)
	if o.final() {
		return nil, o
	}
	connlimit.Authenticated(ctx)
	ev, err := h.decode(d.signed.body)
	switch {
	case errors.Is(err, event.ErrProbe):
		return nil, outcome{result: resultProbe}
	case err != nil:
		h.reportMalformed(d.endpoint, err)
		return nil, outcome{result: resultMalformed, detail: err.Error()}
	}
	d.typeLabel = typeLabel(ev.Type, ev.Known)
	if h.trace.Enabled() {
		d.eventID = strings.Clone(ev.ID)
	}
	switch {
	case isForeign(&d.object.Spec, ev):
		return nil, outcome{result: resultForeignWorkspace}
	case !ev.Known:
		unknownEvents.WithLabelValues(string(ev.Family)).Inc()
		return nil, outcome{result: resultUnknownType}
	}
	return ev, outcome{}
}

// decode decodes an event. Decoding may copy a text of a large body several times, so few large bodies are decoded at once.
func (h *handler) decode(body []byte) (*event.Event, error) {
	if len(body) > smallBodyBytes {
		h.decoding <- struct{}{}
		defer func() { <-h.decoding }()
	}
	return event.Decode(body)
}

// isForeign reports that an event belongs to another workspace than the endpoint. An event that does not name its workspace is not foreign:
// the signing secret belongs to one webhook of one workspace.
func isForeign(spec *fastpixv1.WebhookEndpointSpec, ev *event.Event) bool {
	return spec.WorkspaceID != "" && ev.WorkspaceID != "" && !strings.EqualFold(spec.WorkspaceID, ev.WorkspaceID)
}

// act appends an event to the journal, unless the same delivery was committed recently.
func (h *handler) act(ctx context.Context, d *delivery, ev *event.Event) outcome {
	digest := journal.DigestOf(d.object, ev.ID, d.signed.body)
	if h.committed.Has(digest) {
		return outcome{result: resultDuplicate}
	}
	d.releaseBody() // thousands of deliveries may wait for the journal, each for seconds
	if o := h.append(ctx, d, ev); o.final() {
		return o
	}
	h.committed.Add(digest)
	return outcome{result: resultAccepted}
}

// report counts the outcome of a delivery, and logs a refusal.
func (h *handler) report(d *delivery, o outcome, took time.Duration) {
	deliveries.WithLabelValues(string(o.result), d.typeLabel).Inc()
	deliverySeconds.WithLabelValues(strconv.Itoa(o.result.status())).Observe(took.Seconds())
	if d.eventID != "" {
		h.trace.Info("Answered a verified event", "eventID", d.eventID, "eventType", d.typeLabel, "WebhookEndpoint", d.endpoint.Name.String(),
			"result", o.result, "status", o.result.status())
	}
	if o.result.status() == http.StatusOK {
		return
	}
	h.refusals.add(refusal{endpoint: d.endpointName(), reason: o.result, detail: o.detail})
}

// recoverPanic answers 503 after a panic. The value of the panic may quote the delivery, so only its type is logged.
func (h *handler) recoverPanic(d *delivery, o *outcome) {
	if p := recover(); p != nil {
		h.log.Error(fmt.Errorf("panic of type %T", p), "Handling a delivery panicked, FastPix is asked to send it again",
			"WebhookEndpoint", d.endpointName(), "stack", string(debug.Stack()))
		*o = outcome{result: resultPanic}
	}
}
