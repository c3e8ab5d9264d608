package webhookserver

import (
	"context"
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/clock"
	"github.com/fastpix-operator/fastpix-operator/internal/event"
	"github.com/fastpix-operator/fastpix-operator/internal/journal"
	"github.com/fastpix-operator/fastpix-operator/webhookserver/endpoint"
)

// journalTimeout is how long a verified delivery waits for the journal. It outlasts a slow disk and one failed attempt. It is short because
// FastPix does not document its own timeout: when the API server is unavailable, FastPix should get the answer 503 before it gives up.
const journalTimeout = 3 * time.Second

// maxWaitingBytes bounds the records that wait for the journal. It is enough for as many records as may wait, of 4 KiB each: three
// times their usual length.
const maxWaitingBytes = 8 << 20

// appender keeps verified events until they are mirrored. The receiver's appender is a journal.Journal.
type appender interface {
	// Append returns nil only when the event can no longer be lost. After an error the event may or may not be in the journal; appending an
	// event twice changes nothing. Append returns soon after the context ends.
	Append(ctx context.Context, endpoint types.NamespacedName, record string) error
}

// append appends an event to the journal if the limits allow it.
func (h *handler) append(ctx context.Context, d *delivery, ev *event.Event) outcome {
	release, o := h.admit(d.endpoint)
	defer release()
	if o.final() {
		return o
	}
	text, untimed, o := h.record(d, ev)
	if o.final() {
		return o
	}
	eventType, skipped := ev.Type.Name, len(ev.Skipped) // the event itself is not held in memory while its record waits
	free, o := h.reserve(d.endpoint, int64(len(text)))
	defer free()
	if o.final() {
		return o
	}
	ctx, cancel := context.WithTimeout(ctx, journalTimeout)
	defer cancel()
	switch err := h.journal.Append(ctx, d.endpoint.Name, text); {
	case errors.Is(err, journal.ErrRefused):
		// Do not log err itself: the API server quotes what it refuses.
		h.log.Error(journal.ErrRefused, "The API server refused an event, FastPix is asked to send it again",
			"WebhookEndpoint", d.endpoint.Name.String(), "eventType", eventType, "reason", apierrors.ReasonForError(err))
		return outcome{result: resultRefused}
	case err != nil:
		return outcome{result: resultUnavailable}
	}
	skippedFields.Add(float64(skipped))
	if untimed {
		untimedEvents.Inc()
	}
	return outcome{}
}

// admit counts a delivery as in flight. Its outcome is final if too many deliveries are in flight or too many events wait to be mirrored.
// The caller calls release in any case.
func (h *handler) admit(e *endpoint.Endpoint) (release func(), _ outcome) {
	inFlight := h.inFlight.Add(1)
	ofEndpoint, ofNamespace := e.AddInFlight()
	inFlightDeliveries.Inc()
	release = func() {
		h.inFlight.Add(-1)
		e.RemoveInFlight()
		inFlightDeliveries.Dec()
	}
	o, d := h.options, h.directory
	pendingOfEndpoint, pendingOfNamespace := e.Pending()
	switch {
	case ofEndpoint > int64(o.MaxInFlightPerEndpoint) || inFlight > int64(o.MaxInFlight) ||
		ofNamespace > d.Share(int64(o.MaxInFlight), int64(o.MaxInFlightPerEndpoint)):
		return release, outcome{result: resultBusy, detail: "in flight"}
	case pendingOfEndpoint >= o.MaxPendingPerEndpoint:
		return release, outcome{result: resultBacklog, detail: "endpoint"}
	case pendingOfNamespace >= d.Share(o.MaxPendingTotal, o.MaxPendingPerEndpoint):
		return release, outcome{result: resultBacklog, detail: "namespace"}
	case d.Pending() >= o.MaxPendingTotal:
		return release, outcome{result: resultBacklog, detail: "total"}
	}
	return release, outcome{}
}

// reserve counts the bytes of a record that waits for the journal. Its outcome is final if such records have too many bytes. The caller calls
// free in any case.
func (h *handler) reserve(e *endpoint.Endpoint, bytes int64) (free func(), _ outcome) {
	total, ofNamespace := h.waitingBytes.Add(bytes), e.AddWaitingBytes(bytes)
	free = func() {
		h.waitingBytes.Add(-bytes)
		e.AddWaitingBytes(-bytes)
	}
	if total > maxWaitingBytes || ofNamespace > h.directory.Share(maxWaitingBytes, 0) {
		return free, outcome{result: resultBusy, detail: "bytes in flight"}
	}
	return free, outcome{}
}

// record encodes an event for the journal. It reports whether the event has no credible time.
func (h *handler) record(d *delivery, ev *event.Event) (text string, untimed bool, o outcome) {
	if d.object.Spec.MetadataPolicy == fastpixv1.MetadataOmit {
		ev.OmitText()
	}
	// The receipt is never before the endpoint was created. The controllers assign a record that is older than its namespace to another
	// namespace of the same name.
	received := clock.Latest(d.signed.arrived, d.object.CreationTimestamp.Time)
	rec := ev.Record(received, d.endpoint.Name, d.object.UID, d.fingerprint)
	text, err := event.Fit(rec)
	if err != nil {
		h.log.Error(err, "An event does not fit into a record, FastPix is asked to send it again",
			"WebhookEndpoint", d.endpoint.Name.String(), "eventType", rec.Type)
		return "", false, outcome{result: resultRefused, detail: "too large for a record"}
	}
	return text, rec.Untimed, outcome{}
}
