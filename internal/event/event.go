package event

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

var (
	// ErrNotObject means that the body is not a JSON object. Sending it again is useless.
	ErrNotObject = errors.New("the body is not a JSON object")
	// ErrProbe means that the body is a JSON object with neither a type nor the id of a resource, in any known spelling: the dashboard
	// checks whether the endpoint answers.
	ErrProbe = errors.New("the body is a validation probe")
	// ErrNoID means that an event of a known type names no resource in a usable form.
	ErrNoID = errors.New("the event names no resource with a usable id")
)

// Event is one event, normalised and redacted.
type Event struct {
	// ID is the event's id, or "digest:" and the SHA-256 of the body of an event that has none.
	ID string
	// Type is the catalogue's entry; zero when the type is unknown.
	Type record.Type
	// Known says that the type is in the catalogue. An event of any other type has no changes.
	Known bool
	// Family is the family of the type; of an unknown type the family of its prefix.
	Family record.Family
	// WorkspaceID is the workspace that sent the event; empty if the body names none.
	WorkspaceID string
	// Time is when the event happened, cut to microseconds; nil if the body has no readable time.
	Time *metav1.MicroTime
	// Changes is what the event says about each object that it concerns.
	Changes []record.Change
	// Skipped names the known fields without a usable value: a wrong type, an absurd number, a text that looks like a secret. The names are
	// constants of this package, never text of the body.
	Skipped []string
}

// Decode reads the body of a verified delivery. It does not keep the body. Its errors are ErrNotObject, ErrProbe and ErrNoID. An unknown or
// missing type is not an error, because FastPix adds types.
func Decode(body []byte) (*Event, error) {
	root, ok := parse(body)
	if !ok {
		return nil, ErrNotObject
	}
	d := read(root)
	if d.isProbe() {
		return nil, ErrProbe
	}
	e := &Event{ID: d.eventID(body), Family: record.FamilyOther, WorkspaceID: d.workspaceID, Time: d.time()}
	if spelling := d.spelling(); spelling != "" {
		e.Type, e.Known = record.Lookup(spelling)
		e.Family = record.FamilyOf(spelling)
	}
	if e.Known {
		d.typ = e.Type
		if e.Changes = d.changes(); len(e.Changes) == 0 {
			return nil, ErrNoID
		}
	}
	e.Skipped = d.skipped
	return e, nil
}

// OmitText clears the customer's own text: title, creator and metadata of every object that the event concerns. It implements the metadata
// policy Omit.
func (e *Event) OmitText() {
	for i := range e.Changes {
		none := map[string]fastpixv1.MetadataValue{}
		if m := e.Changes[i].Media; m != nil {
			m.Title, m.CreatorID, m.Metadata = new(""), new(""), &none
		}
		if s := e.Changes[i].Stream; s != nil {
			s.Metadata = &none
		}
	}
}

// Record returns the journal's record of an event of a known type. It decides for good whether the event's time is credible.
func (e *Event) Record(received time.Time, endpoint types.NamespacedName, uid types.UID, fingerprint string) *record.Record {
	receipt := metav1.NewMicroTime(received.UTC().Truncate(time.Microsecond))
	return &record.Record{
		Version:     record.Version,
		ID:          e.ID,
		Type:        e.Type.Name,
		Time:        e.Time,
		Untimed:     record.Untimed(e.Time, receipt),
		Received:    receipt,
		Namespace:   endpoint.Namespace,
		Endpoint:    endpoint.Name,
		EndpointUID: uid,
		Fingerprint: fingerprint,
		Changes:     e.Changes,
	}
}

// digest returns the id of an event that has none: the same bytes are the same event.
func digest(body []byte) string {
	sum := sha256.Sum256(body)
	return "digest:" + hex.EncodeToString(sum[:])
}

// IsEmptyProbe reports whether a body is empty or {}. The dashboard sends such a body, unsigned, to check whether an endpoint answers.
func IsEmptyProbe(body []byte) bool {
	body = trim(body)
	return len(body) == 0 || string(body) == "{}"
}

// LooksLikeProbe reports whether a body is empty, {}, or a JSON object with neither a type nor the id of a resource. The newer dashboard
// sends and signs such an object.
func LooksLikeProbe(body []byte) bool {
	if IsEmptyProbe(body) {
		return true
	}
	root, ok := parse(body)
	return ok && read(root).isProbe()
}

// isProbe reports that the body has neither a type nor the id of a resource. The id of the event does not count.
func (d *decoder) isProbe() bool {
	for _, v := range []value{
		d.envelope.typ, d.envelope.event, d.envelope.eventType, d.envelope.streamID, d.envelope.uploadID, d.envelope.mediaID,
		d.object.id, d.payload.id, d.payload.mediaID, d.payload.uploadID, d.payload.streamID, d.payload.livestreamID, d.payload.simulcastID,
	} {
		if v != nil && string(v) != `""` {
			return false
		}
	}
	return true
}
