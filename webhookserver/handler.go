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
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/clock"
	"github.com/fastpix-operator/fastpix-operator/internal/connlimit"
	"github.com/fastpix-operator/fastpix-operator/webhookserver/endpoint"
	"github.com/fastpix-operator/fastpix-operator/webhookserver/event"
	"github.com/fastpix-operator/fastpix-operator/webhookserver/journal"
	"github.com/fastpix-operator/fastpix-operator/webhookserver/signature"
)

// requestTimeout is how long a delivery may take from its header to its answer.
const requestTimeout = 10 * time.Second

// journalTimeout is how long a genuine delivery waits for the journal. It outlasts a slow disk and a failed attempt; when the
// API server is away its sender should soon hear that it is to come again, since nobody knows how long FastPix waits.
const journalTimeout = 3 * time.Second

// handler answers deliveries.
type handler struct {
	directory *endpoint.Directory
	journal   appender
	memory    *journal.DedupeCache
	bodies    *bodies
	refusals  *refusalLog
	options   *Options
	now       func() time.Time
	log       logr.Logger
	// malformed tells the endpoint's owner of a genuine delivery that is not an event.
	malformed func(*endpoint.Endpoint, error)

	inFlight atomic.Int64
	// draining says that the process is about to stop.
	draining atomic.Bool
}

// outcome says what became of a delivery; its zero value, that it goes on.
type outcome struct {
	result result
	// detail is a constant that tells more in the log.
	detail string
}

func (o outcome) final() bool { return o.result != "" }

// delivery is one request on its way.
type delivery struct {
	name      types.NamespacedName
	endpoint  *endpoint.Endpoint         // nil until it is found
	object    *fastpixv1.WebhookEndpoint // one version of it for the whole delivery
	claim     claim
	typeLabel string // empty until it is verified and decoded
}

// ServeHTTP takes one delivery.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := h.now()
	// The request's context ends when net/http reads the end of the connection, which is legal after a whole request: such a client still
	// waits for its answer. What arrived whole is decided whatever the client does next; the timeout bounds it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), requestTimeout)
	defer cancel()
	d := &delivery{claim: claim{headers: r.Header.Values(signature.Header), arrived: start}}
	o := h.deliver(ctx, w, r, d)
	// A client that keeps its connection to a receiver that drains would send the next delivery here just when the server closes it. Told
	// now, it takes another one, to a receiver that stays.
	if h.draining.Load() || lastOfConnection(r, o.result) {
		w.Header().Set("Connection", "close")
	}
	o.result.write(w)
	h.tell(d, o, h.now().Sub(start))
}

// tell counts what became of a delivery, and has it logged if it was refused.
func (h *handler) tell(d *delivery, o outcome, took time.Duration) {
	deliveries.WithLabelValues(string(o.result), d.typeLabel).Inc()
	deliverySeconds.WithLabelValues(strconv.Itoa(o.result.status())).Observe(took.Seconds())
	if o.result.status() == http.StatusOK {
		return
	}
	name := ""
	if d.endpoint != nil { // a name that does not exist is the sender's text
		name = d.endpoint.Name.String()
	}
	h.refusals.note(refusal{endpoint: name, reason: o.result, detail: o.detail})
}

// deliver takes a delivery through the checks, in the order that the package comment gives.
func (h *handler) deliver(ctx context.Context, w http.ResponseWriter, r *http.Request, d *delivery) (o outcome) {
	defer func() {
		if p := recover(); p != nil {
			h.log.Error(fmt.Errorf("panic of type %T", p), "A delivery met a defect", "stack", string(debug.Stack()))
			o = outcome{result: resultPanic}
		}
	}()
	if o := h.find(r, d); o.final() {
		return o
	}
	body, release, err := h.bodies.read(w, r)
	defer release()
	if err != nil {
		return unread(err)
	}
	d.claim.body = body
	switch {
	case d.claim.unsigned() && event.IsEmptyProbe(body):
		return outcome{result: resultProbe}
	case d.object.Spec.Suspend:
		return outcome{result: resultSuspended}
	}
	fingerprint, o := verify(ctx, d.endpoint.Keys, &d.object.Spec, d.claim)
	if o.final() {
		return o
	}
	connlimit.Authenticated(ctx)
	return h.take(ctx, d, fingerprint)
}

// find checks the method and finds the endpoint.
func (h *handler) find(r *http.Request, d *delivery) outcome {
	if r.Method != http.MethodPost {
		return outcome{result: resultMethod}
	}
	name, ok := endpoint.ParsePath(r.URL.EscapedPath())
	if !ok {
		return outcome{result: resultNotFound, detail: "path"}
	}
	// Asked before looking: what is found is right either way, what is missing is not.
	synced := h.directory.Synced()
	d.name, d.endpoint = name, h.directory.Get(name)
	switch {
	case d.endpoint != nil:
		d.object = d.endpoint.Current()
		return outcome{}
	case !synced:
		return outcome{result: resultNotSynced}
	}
	return outcome{result: resultNotFound, detail: "endpoint"}
}

func unread(err error) outcome {
	switch {
	case errors.Is(err, errBodyTooLarge):
		return outcome{result: resultTooLarge}
	case errors.Is(err, errNoMemory):
		return outcome{result: resultBusy, detail: "large bodies"}
	}
	return outcome{result: resultIncomplete}
}

// take decodes a delivery that is genuine and has it journaled.
func (h *handler) take(ctx context.Context, d *delivery, fingerprint string) outcome {
	ev, err := event.Decode(d.claim.body)
	switch {
	case errors.Is(err, event.ErrProbe):
		return outcome{result: resultProbe}
	case err != nil:
		h.malformed(d.endpoint, err)
		return outcome{result: resultMalformed, detail: err.Error()}
	}
	d.typeLabel = typeLabel(ev.Type, ev.Known)
	switch {
	case isForeign(&d.object.Spec, ev):
		return outcome{result: resultForeign}
	case !ev.Known:
		unknownEvents.WithLabelValues(string(ev.Family)).Inc()
		return outcome{result: resultUnknown}
	}
	digest := journal.DigestOf(d.object, ev.ID, d.claim.body)
	if h.memory.Has(digest) {
		return outcome{result: resultDuplicate}
	}
	if o := h.append(ctx, d, ev, fingerprint); o.final() {
		return o
	}
	h.memory.Add(digest)
	return outcome{result: resultAccepted}
}

// isForeign reports that an event is of another workspace than the endpoint's. An event that does not name its workspace is not: the
// signing secret belongs to one webhook of one workspace, and to drop what was acknowledged takes more than silence.
func isForeign(spec *fastpixv1.WebhookEndpointSpec, ev *event.Event) bool {
	return spec.WorkspaceID != "" && ev.WorkspaceID != "" && !strings.EqualFold(spec.WorkspaceID, ev.WorkspaceID)
}

// append journals an event if the bounds allow it.
func (h *handler) append(ctx context.Context, d *delivery, ev *event.Event, fingerprint string) outcome {
	leave, o := h.admit(d.endpoint)
	defer leave()
	if o.final() {
		return o
	}
	text, untimed, o := h.record(d, ev, fingerprint)
	if o.final() {
		return o
	}
	ctx, cancel := context.WithTimeout(ctx, journalTimeout)
	defer cancel()
	switch err := h.journal.Append(ctx, d.endpoint.Name, text); {
	case errors.Is(err, journal.ErrRefused):
		// Not the error itself: the API server quotes what it refuses.
		h.log.Error(journal.ErrRefused, "An event was refused, its sender is asked to come again",
			"WebhookEndpoint", d.endpoint.Name.String(), "eventType", ev.Type.Name, "reason", apierrors.ReasonForError(err))
		return outcome{result: resultRefused}
	case err != nil:
		return outcome{result: resultNoJournal}
	}
	skippedFields.Add(float64(len(ev.Skipped)))
	if untimed {
		untimedEvents.Inc()
	}
	return outcome{}
}

// admit counts a delivery as in flight, unless there are too many or too much of the endpoint waits to be mirrored.
func (h *handler) admit(e *endpoint.Endpoint) (leave func(), _ outcome) {
	all := h.inFlight.Add(1)
	own, tenant := e.Enter()
	inFlightDeliveries.Inc()
	leave = func() {
		h.inFlight.Add(-1)
		e.Leave()
		inFlightDeliveries.Dec()
	}
	o, d := h.options, h.directory
	pending, tenantPending := e.Pending()
	switch {
	case own > int64(o.MaxInFlightPerEndpoint) || all > int64(o.MaxInFlight) ||
		tenant > d.Share(int64(o.MaxInFlight), int64(o.MaxInFlightPerEndpoint)):
		return leave, outcome{result: resultBusy, detail: "in flight"}
	case pending >= o.MaxPendingPerEndpoint:
		return leave, outcome{result: resultBacklog, detail: "endpoint"}
	case tenantPending >= d.Share(o.MaxPendingTotal, o.MaxPendingPerEndpoint):
		return leave, outcome{result: resultBacklog, detail: "namespace"}
	case d.Pending() >= o.MaxPendingTotal:
		return leave, outcome{result: resultBacklog, detail: "total"}
	}
	return leave, outcome{}
}

// record makes the journal's record of an event, and says whether its time is not credible.
func (h *handler) record(d *delivery, ev *event.Event, fingerprint string) (text string, untimed bool, o outcome) {
	if d.object.Spec.MetadataPolicy == fastpixv1.MetadataOmit {
		ev.OmitText()
	}
	// Never before the endpoint was created: the controllers take what is older than a namespace for another one's.
	received := clock.Latest(d.claim.arrived, d.object.CreationTimestamp.Time)
	rec := ev.Record(received, d.endpoint.Name, d.object.UID, fingerprint)
	text, err := event.Fit(rec)
	if err != nil {
		h.log.Error(err, "An event does not fit into a record, its sender is asked to come again",
			"WebhookEndpoint", d.endpoint.Name.String(), "eventType", rec.Type)
		return "", false, outcome{result: resultRefused, detail: "too large for a record"}
	}
	return text, rec.Untimed, outcome{}
}

// appender keeps verified events until they are mirrored.
type appender interface {
	// Append returns nil only when the event can no longer be lost. After an error it may or may not be in the journal;
	// appending an event twice changes nothing. It returns soon after the context ends.
	Append(ctx context.Context, endpoint types.NamespacedName, record string) error
}
