package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

const (
	// Version is the version of the records of events.
	Version = 1
	// ObservationVersion is the version of observations, and the newest version that this binary reads. Controllers that do not know observations keep
	// them until they are upgraded.
	ObservationVersion = 2
	// MaxBytes bounds one encoded record.
	MaxBytes = 16 << 10
	// MaxChanges is the most objects that one event touches.
	MaxChanges = 2
	// MaxFuture is how far the time of an event may be ahead of its receipt to be credible. Two clocks that NTP synchronizes differ by much less. An event
	// with an absurd time would otherwise win over every later event.
	MaxFuture = 5 * time.Minute
)

var (
	// ErrNewerVersion means that a newer operator wrote the record. The record must be kept until the operator is upgraded.
	ErrNewerVersion = errors.New("record has a newer version than this operator knows")
	// ErrTooLarge means that a record has more than MaxBytes although its lists and texts were cut.
	ErrTooLarge = errors.New("record too large")
)

// Record is one verified event or one observation, normalised and redacted. It holds only what the projection needs. The journal keeps records, so their encoding is a
// contract with every later version of the operator.
type Record struct {
	// Version of the encoding.
	Version int `json:"v"`
	// ID is the event's id, or "digest:" and the SHA-256 of the body of an event that has none. The id of an observation follows from its content.
	ID string `json:"id"`
	// Type is the catalogue's spelling of the event's type, or the type of an observation.
	Type string `json:"type"`
	// Time is when the event happened, cut to microseconds; nil if the event does not say.
	Time *metav1.MicroTime `json:"time,omitempty"`
	// Untimed is the result of the function Untimed in the receiver. The record keeps it, so that no later clock can change it.
	Untimed bool `json:"untimed,omitempty"`
	// Received is when the delivery was received, by the receiver's clock. It is never before the creation of the endpoint.
	Received metav1.MicroTime `json:"received"`
	// Namespace of the endpoint, and of the objects that mirror the event.
	Namespace string `json:"ns"`
	// Endpoint is the name of the WebhookEndpoint.
	Endpoint string `json:"ep"`
	// EndpointUID is the UID of the WebhookEndpoint.
	EndpointUID types.UID `json:"uid"`
	// Fingerprint identifies the signing secret that verified the delivery. See fastpixv1.SigningSecretStatus.
	Fingerprint string `json:"fp,omitempty"`
	// Changes holds a change for each object that the event touches: one, or MaxChanges of them.
	Changes []Change `json:"changes"`
}

// Untimed reports whether the time of an event is missing, or too far ahead of its receipt to be credible.
func Untimed(at *metav1.MicroTime, received metav1.MicroTime) bool {
	return at == nil || at.After(received.Add(MaxFuture))
}

// Change is what one event says about one object.
type Change struct {
	// Kind of the object.
	Kind Kind `json:"kind"`
	// ID is the platform's id of it, normalised by NormalizeID.
	ID string `json:"id"`
	// Media holds the facts about a media; nil for a stream.
	Media *MediaChange `json:"media,omitempty"`
	// Stream holds the facts about a stream; nil for a media.
	Stream *StreamChange `json:"stream,omitempty"`
}

// MediaChange holds the facts about a media that one event carries. A nil or empty field means that the event does not carry it. A pointer to an empty
// string clears a text.
type MediaChange struct {
	// State is the platform's word for the state, as StateWord spells it; empty if the event does not carry the state.
	State            string                              `json:"state,omitempty"`
	Title            *string                             `json:"title,omitempty"`
	CreatorID        *string                             `json:"creatorID,omitempty"`
	Metadata         *map[string]fastpixv1.MetadataValue `json:"metadata,omitempty"`
	WorkspaceID      *string                             `json:"workspaceID,omitempty"`
	UploadID         *string                             `json:"uploadID,omitempty"`
	BecameMediaID    *string                             `json:"becameMediaID,omitempty"`
	StreamID         *string                             `json:"streamID,omitempty"`
	MaxResolution    *string                             `json:"maxResolution,omitempty"`
	SourceResolution *string                             `json:"sourceResolution,omitempty"`
	AspectRatio      *string                             `json:"aspectRatio,omitempty"`
	FrameRate        *string                             `json:"frameRate,omitempty"`
	Duration         *metav1.Duration                    `json:"duration,omitempty"`
	MediaQuality     *string                             `json:"mediaQuality,omitempty"`
	AudioOnly        *bool                               `json:"audioOnly,omitempty"`
	SourceAccess     *bool                               `json:"sourceAccess,omitempty"`
	MP4Support       *string                             `json:"mp4Support,omitempty"`
	Thumbnail        *string                             `json:"thumbnail,omitempty"`
	CreatedTime      *metav1.MicroTime                   `json:"createdTime,omitempty"`
	UpdatedTime      *metav1.MicroTime                   `json:"updatedTime,omitempty"`
	PlaybackIDs      ListChange[fastpixv1.PlaybackID]    `json:"playbackIDs,omitzero"`
	Tracks           ListChange[fastpixv1.Track]         `json:"tracks,omitzero"`
	Subtitles        ListChange[fastpixv1.Subtitle]      `json:"subtitles,omitzero"`
	// AI holds what AI events and full objects carry. An empty word, text or list in it means that the event does not carry it.
	AI *fastpixv1.MediaAI `json:"ai,omitempty"`
}

// StreamChange holds the facts about a live stream that one event carries; nil and empty as in MediaChange.
type StreamChange struct {
	// State is the state that the event's type sets, such as Active; empty if the type sets none.
	State            string                                `json:"state,omitempty"`
	Metadata         *map[string]fastpixv1.MetadataValue   `json:"metadata,omitempty"`
	WorkspaceID      *string                               `json:"workspaceID,omitempty"`
	MaxResolution    *string                               `json:"maxResolution,omitempty"`
	MaxDuration      *metav1.Duration                      `json:"maxDuration,omitempty"`
	ReconnectWindow  *metav1.Duration                      `json:"reconnectWindow,omitempty"`
	DVRMode          *bool                                 `json:"dvrMode,omitempty"`
	LowLatency       *bool                                 `json:"lowLatency,omitempty"`
	RecordingEnabled *bool                                 `json:"recordingEnabled,omitempty"`
	ClosedCaptions   *bool                                 `json:"closedCaptions,omitempty"`
	MediaPolicy      *string                               `json:"mediaPolicy,omitempty"`
	CreatedTime      *metav1.MicroTime                     `json:"createdTime,omitempty"`
	PlaybackIDs      ListChange[fastpixv1.PlaybackID]      `json:"playbackIDs,omitzero"`
	SimulcastTargets ListChange[fastpixv1.SimulcastTarget] `json:"simulcastTargets,omitzero"`
	Recordings       ListChange[fastpixv1.MediaReference]  `json:"recordings,omitzero"`
	Clips            ListChange[fastpixv1.MediaReference]  `json:"clips,omitzero"`
}

// ListChange is what one event says about a list whose elements have ids.
type ListChange[T any] struct {
	// Snapshot is the whole list of a full object. An empty list means that the event does not carry it.
	Snapshot []T `json:"snapshot,omitempty"`
	// Set holds single elements that the event sets, with the attributes that it carries.
	Set []T `json:"set,omitempty"`
	// Remove holds the ids of elements that the event removes.
	Remove []string `json:"remove,omitempty"`
	// Truncated means that the event's list had more elements than fit.
	Truncated bool `json:"truncated,omitempty"`
}

// IsZero reports whether the event says nothing about the list.
func (c ListChange[T]) IsZero() bool {
	return len(c.Snapshot) == 0 && len(c.Set) == 0 && len(c.Remove) == 0 && !c.Truncated
}

// Key identifies one mirror in the cluster.
type Key struct {
	Kind      Kind
	Namespace string
	Name      string
}

// String returns kind/namespace/name.
func (k Key) String() string { return string(k.Kind) + "/" + k.Namespace + "/" + k.Name }

// Key returns the key of the mirror of the i-th object that the event touches.
func (r *Record) Key(i int) Key {
	return Key{Kind: r.Changes[i].Kind, Namespace: r.Namespace, Name: ObjectName(r.Changes[i].ID)}
}

// Encode returns the record's compact JSON, or ErrTooLarge.
func Encode(r *Record) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // records are never shown on a web page, and escapes make them longer
	if err := e.Encode(r); err != nil {
		return "", fmt.Errorf("encode record: %w", err)
	}
	if b.Len()-1 > MaxBytes {
		return "", fmt.Errorf("%w: %d bytes", ErrTooLarge, b.Len()-1)
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
}

// Decode reads a record and validates it as if an attacker had written it. The result names only objects that the catalogue allows its type to touch,
// and holds only text that a receiver would keep. Decode returns ErrNewerVersion for a record of a newer operator. Errors never quote the record.
func Decode(s string) (*Record, error) {
	if len(s) > MaxBytes {
		return nil, fmt.Errorf("%w: %d bytes", ErrTooLarge, len(s))
	}
	d := json.NewDecoder(strings.NewReader(s))
	d.DisallowUnknownFields() // an unknown field must not be dropped silently
	var r Record
	if err := d.Decode(&r); err != nil {
		return nil, misfit(s)
	}
	if r.Version > ObservationVersion {
		return nil, fmt.Errorf("%w: %d", ErrNewerVersion, r.Version)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("record has text after its end")
	}
	if err := r.validate(); err != nil {
		return &r, err
	}
	for i := range r.Changes {
		r.Changes[i].filter()
	}
	return &r, nil
}

// EndpointOf returns the endpoint that the text of a record names, for a record that Decode refuses, such as that of a newer operator; empty if the text
// does not say. The caller may use it only to report that the record could not be read.
func EndpointOf(s string) (namespace, name string) {
	var head struct {
		Namespace string `json:"ns"`
		Endpoint  string `json:"ep"`
	}
	if json.Unmarshal([]byte(s), &head) != nil || len(validation.IsDNS1123Label(head.Namespace)) > 0 || len(validation.IsDNS1123Subdomain(head.Endpoint)) > 0 {
		return "", ""
	}
	return head.Namespace, head.Endpoint
}

// misfit returns why a record does not have the form of a known version.
func misfit(s string) error {
	var head struct {
		Version int `json:"v"`
	}
	switch err := json.Unmarshal([]byte(s), &head); {
	case err != nil:
		return errors.New("record is not a JSON object")
	case head.Version > ObservationVersion:
		return fmt.Errorf("%w: %d", ErrNewerVersion, head.Version)
	}
	return errors.New("record has a field of an unknown name or a wrong type")
}

func (r *Record) validate() error {
	typ, known := LookupRecord(r.Type)
	switch {
	case r.Version < 1:
		return errors.New("record has no version")
	case IsObservation(r.Type) && r.Version < ObservationVersion:
		return errors.New("record of an observation has the version of an event")
	case !UsableID(r.ID):
		return errors.New("record has no usable event id")
	case !known || typ.Name != r.Type:
		return errors.New("record has a type that is not in the catalogue")
	case r.Received.IsZero():
		return errors.New("record has no time of receipt")
	case !r.Untimed && r.Time == nil:
		return errors.New("record has neither a time nor the mark untimed")
	case !r.Untimed && Untimed(r.Time, r.Received):
		return errors.New("record has a time that is too far ahead of its receipt")
	case len(validation.IsDNS1123Label(r.Namespace)) > 0:
		return errors.New("record has no valid namespace")
	case len(validation.IsDNS1123Subdomain(r.Endpoint)) > 0:
		return errors.New("record has no valid endpoint name")
	case len(r.Changes) == 0 || len(r.Changes) > MaxChanges:
		return errors.New("record touches no object, or too many")
	}
	for i := range r.Changes {
		if err := r.Changes[i].validate(typ); err != nil {
			return err
		}
	}
	if len(r.Changes) == 2 && r.Key(0) == r.Key(1) {
		return errors.New("record touches one object twice")
	}
	return nil
}

func (c *Change) validate(typ Type) error {
	switch {
	case !UsableID(c.ID) || NormalizeID(c.ID) != c.ID:
		return errors.New("record touches an object without a usable id")
	case c.Kind == MediaAsset && (c.Media == nil || c.Stream != nil || !typ.TouchesMedia):
		return errors.New("record does not fit the media it touches")
	case c.Kind == LiveStream && (c.Stream == nil || c.Media != nil || !typ.TouchesStream):
		return errors.New("record does not fit the stream it touches")
	case c.Kind != MediaAsset && c.Kind != LiveStream:
		return errors.New("record touches an object of an unknown kind")
	}
	return nil
}
