package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// LiveStreamSpec identifies a live stream on FastPix.
type LiveStreamSpec struct {
	// streamID is FastPix's id of the stream. Immutable. At most 128 bytes, without invisible characters. The object's name
	// follows from it: a UUID or hexadecimal id in lower case is the name, and so is any other DNS label; for all other ids the
	// name is x- and the first 40 hex digits of the id's SHA-256.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="streamID is immutable"
	// +kubebuilder:validation:XValidation:rule="!self.matches(r'[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]')",message="streamID must not contain invisible characters: control characters, format characters such as U+200B or U+202E, line or paragraph separators"
	// +kubebuilder:validation:XValidation:rule="size(bytes(self)) <= 128",message="streamID must have at most 128 bytes in UTF-8"
	StreamID string `json:"streamID"`

	// endpointRef names the WebhookEndpoint that received the first event. It is informational.
	// +optional
	EndpointRef EndpointReference `json:"endpointRef,omitzero"`
}

// SimulcastTarget is another platform that the stream is sent on to. Its URL and key are never mirrored.
type SimulcastTarget struct {
	// id is the target's id.
	// +required
	// +kubebuilder:validation:MaxLength=128
	ID string `json:"id"`

	// state is Created, Starting or Broadcasting, after the newest event about the target's state.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	State string `json:"state,omitempty"`

	// enabled is false while the target is switched off.
	// +optional
	Enabled *bool `json:"enabled,omitempty"`
}

// MediaReference names a media of the same workspace, and thereby a MediaAsset.
type MediaReference struct {
	// mediaID is the media's id.
	// +required
	// +kubebuilder:validation:MaxLength=128
	MediaID string `json:"mediaID"`
}

// LiveStreamStatus is the state of the stream as the events describe it.
type LiveStreamStatus struct {
	// observedGeneration is the generation of the spec that this status was written for; -1 before the first event.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions of the stream: Ready means "the stream exists and may be used", Live "viewers can watch now"; Reconciling and Stalled
	// follow kstatus.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// state is Idle, Connected, Preparing, Active, Disconnected, Disabled or Deleted; empty while only events about
	// parts of the stream were received.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	State string `json:"state,omitempty"`

	// recording is true while the platform records.
	// +optional
	Recording *bool `json:"recording,omitempty"`

	// activeSince is when the stream last went on air.
	// +optional
	ActiveSince *metav1.MicroTime `json:"activeSince,omitempty"`

	// lastActiveTime is the newest time at which the stream is known to have been on air.
	// +optional
	LastActiveTime *metav1.MicroTime `json:"lastActiveTime,omitempty"`

	// reconnectDeadline is when the reconnect window of a disconnected stream ends.
	// +optional
	ReconnectDeadline *metav1.MicroTime `json:"reconnectDeadline,omitempty"`

	// metadata is the customer's own text by key, at most 32 keys of at most 128 characters.
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	Metadata map[string]MetadataValue `json:"metadata,omitempty"`

	// workspaceID is the FastPix workspace that the stream belongs to.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	WorkspaceID string `json:"workspaceID,omitempty"`

	// playbackIDs are the ids under which the stream can be played.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	PlaybackIDs []PlaybackID `json:"playbackIDs,omitempty"`

	// maxResolution is the highest available resolution, such as 1080p.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	MaxResolution string `json:"maxResolution,omitempty"`

	// maxDuration is how long one broadcast may last; 0s means no limit.
	// +optional
	MaxDuration *metav1.Duration `json:"maxDuration,omitempty"`

	// reconnectWindow is how long the platform waits for an encoder to reconnect.
	// +optional
	ReconnectWindow *metav1.Duration `json:"reconnectWindow,omitempty"`

	// dvrMode is true when viewers can seek back in a running broadcast.
	// +optional
	DVRMode *bool `json:"dvrMode,omitempty"`

	// lowLatency is true when the stream is delivered with low latency.
	// +optional
	LowLatency *bool `json:"lowLatency,omitempty"`

	// recordingEnabled is true when broadcasts are recorded.
	// +optional
	RecordingEnabled *bool `json:"recordingEnabled,omitempty"`

	// closedCaptions is true when closed captions are available.
	// +optional
	ClosedCaptions *bool `json:"closedCaptions,omitempty"`

	// mediaPolicy is the access policy of recordings: public, private or drm.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	MediaPolicy string `json:"mediaPolicy,omitempty"`

	// simulcastTargets are the platforms that the stream is sent on to.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	SimulcastTargets []SimulcastTarget `json:"simulcastTargets,omitempty"`

	// recordings of the stream's broadcasts.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Recordings []MediaReference `json:"recordings,omitempty"`

	// clips cut from the stream.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Clips []MediaReference `json:"clips,omitempty"`

	// createdTime is when the stream was created on the platform.
	// +optional
	CreatedTime *metav1.MicroTime `json:"createdTime,omitempty"`

	// deletedTime is when the stream was deleted on the platform.
	// +optional
	DeletedTime *metav1.MicroTime `json:"deletedTime,omitempty"`

	// timer says why the operator reconciles the object without an event: Reconnect, Retention, or empty when no timer runs.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Timer string `json:"timer,omitempty"`

	// timerTime is when the timer is due.
	// +optional
	TimerTime *metav1.MicroTime `json:"timerTime,omitempty"`

	// lastEvent is the newest event by the platform's time.
	// +optional
	LastEvent *EventReference `json:"lastEvent,omitempty"`

	// recentEvents are the newest 10 events by the platform's time, newest first, each as "TIME TYPE ID". A question mark before TIME says that
	// the time is missing or not credible.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=10
	RecentEvents []EventLine `json:"recentEvents,omitempty"`

	// provenance says which event set which field, newest first, each as "TIME TYPE ID: FIELD FIELD ...": a name as in status; "tracks" for the
	// last full list, "tracks[ID]" for an element, "tracks[ID].state" for one of its attributes set by another event, "-tracks[ID]" for an
	// element that was removed, "^tracks" for the bound below which a list that was too long is not known, "~tracks" for a list that was too
	// long already when it arrived.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1024
	Provenance []ProvenanceLine `json:"provenance,omitempty"`
}

// LiveStream mirrors one live stream of FastPix, under the platform's id. The operator writes it; an object that a user applies
// with the right name and streamID is adopted.
//
// +kubebuilder:object:root=true
// +kubebuilder:validation:XValidation:rule="oldSelf.hasValue() || !(self.spec.streamID.matches('^([0-9A-Fa-f]{1,63}|[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)$') && !self.spec.streamID.matches('^x-[0-9a-f]{40}$')) || self.metadata.name == self.spec.streamID.lowerAscii()",optionalOldSelf=true,fieldPath=".spec.streamID",messageExpression="'metadata.name follows from spec.streamID and must be ' + self.spec.streamID.lowerAscii()"
// +kubebuilder:validation:XValidation:rule="oldSelf.hasValue() || (self.spec.streamID.matches('^([0-9A-Fa-f]{1,63}|[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)$') && !self.spec.streamID.matches('^x-[0-9a-f]{40}$')) || self.metadata.name.matches('^x-[0-9a-f]{40}$')",optionalOldSelf=true,fieldPath=".spec.streamID",message="metadata.name follows from spec.streamID and must be x- and the first 40 hex digits of the SHA-256 of this id, because the id cannot be a name; this prints it: echo \"x-$(printf %s \"$ID\" | sha256sum | cut -c1-40)\""
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=lvs,categories=fastpix
// +kubebuilder:selectablefield:JSONPath=`.status.state`
// +kubebuilder:selectablefield:JSONPath=`.status.timer`
// +kubebuilder:selectablefield:JSONPath=`.spec.endpointRef.name`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Live",type=string,JSONPath=`.status.conditions[?(@.type=="Live")].status`
// +kubebuilder:printcolumn:name="Active since",type=date,JSONPath=`.status.activeSince`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`,priority=1
// +kubebuilder:printcolumn:name="Recording",type=boolean,JSONPath=`.status.recording`,priority=1
// +kubebuilder:printcolumn:name="Last event",type=string,JSONPath=`.status.lastEvent.type`,priority=1
type LiveStream struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec identifies the stream on FastPix.
	// +required
	Spec LiveStreamSpec `json:"spec"`

	// status is the state of the stream as the events describe it.
	// +optional
	// +kubebuilder:default:={"observedGeneration":-1}
	Status LiveStreamStatus `json:"status,omitzero"`
}

// LiveStreamList is a list of LiveStreams.
//
// +kubebuilder:object:root=true
type LiveStreamList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []LiveStream `json:"items"`
}
