package event

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

var (
	// ErrRowNotObject means that a row of the management API is not a JSON object.
	ErrRowNotObject = errors.New("the row is not a JSON object")
	// ErrRowNoID means that a row has no usable id.
	ErrRowNoID = errors.New("the row has no usable id")
)

// observationIDDigits is how many hex digits of a hash the id of an observation has.
const observationIDDigits = 24

// streamWords are the states of a stream that the management API knows.
var streamWords = []string{record.StateIdle, record.StatePreparing, record.StateActive, record.StateDisabled}

// Observation is what the management API says about one object.
type Observation struct {
	// Type is the type of the record.
	Type string
	// Change is what the API says; only kind and id if the API does not have the object.
	Change record.Change
	// Skipped names the known fields without a usable value.
	Skipped []string
}

// Observe decodes a row of the management API. It reads the same fields as Decode reads from a full object of an event: a row holds stream keys, SRT
// secrets and URLs, which no field here can keep. An error is ErrRowNotObject or ErrRowNoID.
func Observe(kind record.Kind, row []byte) (*Observation, error) {
	root, ok := parse(row)
	if !ok {
		return nil, ErrRowNotObject
	}
	d := &decoder{}
	d.fill("row", root, &d.payload)
	d.workspaceID = d.id("workspaceId", d.payload.workspaceID)
	change := d.mediaRow
	if kind == record.LiveStream {
		change = d.streamRow
	}
	o := &Observation{Type: record.Observed(kind), Change: change()}
	if o.Change.ID == "" {
		return nil, ErrRowNoID
	}
	o.Skipped = d.skipped
	return o, nil
}

func (d *decoder) mediaRow() record.Change {
	m := d.mediaFacts()
	m.State = d.state("status", d.payload.status)
	m.UploadID = notEmpty(d.id("uploadId", d.payload.uploadID))
	m.StreamID = notEmpty(first(d.id("streamId", d.payload.streamID), d.id("livestreamId", d.payload.livestreamID)))
	return mediaChange(d.id("id", d.payload.id), m)
}

func (d *decoder) streamRow() record.Change {
	s := d.streamFacts()
	if word := d.state("status", d.payload.status); slices.Contains(streamWords, word) {
		s.State = word
	}
	return streamChange(d.id("streamId", d.payload.streamID), s)
}

// Absent returns the observation that the API does not have an object.
func Absent(kind record.Kind, id string) *Observation {
	id = record.NormalizeID(id)
	o := &Observation{Type: record.Missing(kind), Change: mediaChange(id, &record.MediaChange{})}
	if kind == record.LiveStream {
		o.Change = streamChange(id, &record.StreamChange{})
	}
	return o
}

// DropText removes the customer's own text from a change, so that it says nothing about it. The metadata policy Omit clears a text that a mirror has: if an
// observation cleared it, too, it would differ from the mirrors of an endpoint with another policy for ever.
func DropText(c *record.Change) {
	if m := c.Media; m != nil {
		m.Title, m.CreatorID, m.Metadata = nil, nil, nil
	}
	if s := c.Stream; s != nil {
		s.Metadata = nil
	}
}

// WorkspaceID returns the workspace that the row names; empty if it names none.
func (o *Observation) WorkspaceID() string {
	var id *string
	if o.Change.Media != nil {
		id = o.Change.Media.WorkspaceID
	} else if o.Change.Stream != nil {
		id = o.Change.Stream.WorkspaceID
	}
	if id == nil {
		return ""
	}
	return *id
}

// Reply says when the management API gave an answer.
type Reply struct {
	// Date is the API's clock when it answered.
	Date time.Time
	// Received is when the answer was received, by the clock of this process.
	Received time.Time
	// Grace is the margin of the observation's time: an event that FastPix sent about when the API was read wins over the answer.
	Grace time.Duration
}

// Record returns the journal's record of an observation. Its time is the date of the answer minus the grace; for a media the later of that and updatedAt.
// Both are FastPix's clock, as the times of events are. Its id follows from its content, so that the same answer is the same record.
func (o *Observation) Record(reply Reply, endpoint types.NamespacedName, uid types.UID) *record.Record {
	at := reply.Date.Add(-reply.Grace)
	if m := o.Change.Media; m != nil && m.UpdatedTime != nil && m.UpdatedTime.After(at) {
		at = m.UpdatedTime.Time
	}
	when := &metav1.MicroTime{Time: at.UTC().Truncate(time.Microsecond)}
	receipt := metav1.NewMicroTime(reply.Received.UTC().Truncate(time.Microsecond))
	return &record.Record{
		Version:     record.ObservationVersion,
		ID:          o.id(when.Time),
		Type:        o.Type,
		Time:        when,
		Untimed:     record.Untimed(when, receipt),
		Received:    receipt,
		Namespace:   endpoint.Namespace,
		Endpoint:    endpoint.Name,
		EndpointUID: uid,
		Changes:     []record.Change{o.Change},
	}
}

// id returns an id that follows from what was observed and its time.
func (o *Observation) id(at time.Time) string {
	content, err := json.Marshal(o.Change)
	if err != nil {
		content = []byte(o.Change.ID) // cannot happen: a change always has a JSON form
	}
	sum := sha256.Sum256(fmt.Appendf(content, " %s %d", o.Type, at.UnixMicro()))
	return "sync-" + hex.EncodeToString(sum[:])[:observationIDDigits]
}
