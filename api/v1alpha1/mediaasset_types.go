package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// MediaAssetSpec identifies a media on FastPix.
type MediaAssetSpec struct {
	// mediaID is FastPix's id of the media, or of the upload until it becomes a media. Immutable. At most 128 bytes, without
	// invisible characters. The object's name follows from it: a UUID or hexadecimal id in lower case is the name, and so is any
	// other DNS label; for all other ids the name is x- and the first 40 hex digits of the id's SHA-256.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="mediaID is immutable"
	// +kubebuilder:validation:XValidation:rule="!self.matches(r'[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]')",message="mediaID must not contain invisible characters: control characters, format characters such as U+200B or U+202E, line or paragraph separators"
	// +kubebuilder:validation:XValidation:rule="size(bytes(self)) <= 128",message="mediaID must have at most 128 bytes in UTF-8"
	MediaID string `json:"mediaID"`

	// endpointRef names the WebhookEndpoint that received the first event. It is informational.
	// +optional
	EndpointRef EndpointReference `json:"endpointRef,omitzero"`
}

// Track is one video, audio or subtitle track of a media.
type Track struct {
	// id is the track's id.
	// +required
	// +kubebuilder:validation:MaxLength=128
	ID string `json:"id"`

	// type is video, audio or subtitle.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Type string `json:"type,omitempty"`

	// state is the platform's word for the track's state, such as Preparing, Available or Failed.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	State string `json:"state,omitempty"`

	// languageCode is the track's language, such as en-US; und when the platform does not know it.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	LanguageCode string `json:"languageCode,omitempty"`

	// languageName is the language's name.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	LanguageName string `json:"languageName,omitempty"`

	// width of the picture in pixels.
	// +optional
	Width int64 `json:"width,omitempty"`

	// height of the picture in pixels.
	// +optional
	Height int64 `json:"height,omitempty"`

	// frameRate is the frame rate as the platform writes it, such as 30/1.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	FrameRate string `json:"frameRate,omitempty"`
}

// Subtitle is one generated subtitle of a media.
type Subtitle struct {
	// id is the subtitle track's id.
	// +required
	// +kubebuilder:validation:MaxLength=128
	ID string `json:"id"`

	// state is the platform's word for the subtitle's state.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	State string `json:"state,omitempty"`

	// languageCode is the subtitle's language, such as en-US.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	LanguageCode string `json:"languageCode,omitempty"`

	// languageName is the language's name.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	LanguageName string `json:"languageName,omitempty"`
}

// MediaAI is what in-video AI found.
type MediaAI struct {
	// summary of the media.
	// +optional
	Summary *AISummary `json:"summary,omitempty"`

	// chapters of the media.
	// +optional
	Chapters *AIChapters `json:"chapters,omitempty"`

	// namedEntities are the names that the media mentions.
	// +optional
	NamedEntities *AINamedEntities `json:"namedEntities,omitempty"`

	// moderation is what content moderation found.
	// +optional
	Moderation *AIModeration `json:"moderation,omitempty"`
}

// AISummary is a generated summary.
type AISummary struct {
	// availability is Available, Preparing or Failed, or another word of the platform.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Availability string `json:"availability,omitempty"`

	// text is the beginning of the summary.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	Text string `json:"text,omitempty"`
}

// AIChapters are generated chapters.
type AIChapters struct {
	// availability is Available, Preparing or Failed, or another word of the platform.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Availability string `json:"availability,omitempty"`

	// items are the first chapters, in order.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Items []AIChapter `json:"items,omitempty"`
}

// AIChapter is one generated chapter.
type AIChapter struct {
	// chapter is the chapter's number as the platform writes it.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Chapter string `json:"chapter,omitempty"`

	// startTime is where it starts, as HH:MM:SS.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	StartTime string `json:"startTime,omitempty"`

	// endTime is where it ends, as HH:MM:SS.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	EndTime string `json:"endTime,omitempty"`

	// title of the chapter.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Title string `json:"title,omitempty"`
}

// AINamedEntities are names found in the media.
type AINamedEntities struct {
	// availability is Available, Preparing or Failed, or another word of the platform.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Availability string `json:"availability,omitempty"`

	// items are the first entities.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Items []AINamedEntity `json:"items,omitempty"`
}

// AINamedEntity is one name found in the media.
type AINamedEntity struct {
	// entity is the name.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Entity string `json:"entity,omitempty"`

	// category such as LOCATION.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Category string `json:"category,omitempty"`

	// count is how often it was found.
	// +optional
	Count int64 `json:"count,omitempty"`
}

// AIModeration is what content moderation found.
type AIModeration struct {
	// availability is Available, Preparing or Failed, or another word of the platform.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Availability string `json:"availability,omitempty"`

	// items are the scores by category.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Items []AIModerationScore `json:"items,omitempty"`
}

// AIModerationScore is the score of one category.
type AIModerationScore struct {
	// category such as Violence.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Category string `json:"category,omitempty"`

	// score from 0 to 1, as a decimal number.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Score string `json:"score,omitempty"`
}

// MediaAssetStatus is the state of the media as the events describe it.
type MediaAssetStatus struct {
	// observedGeneration is the generation of the spec that this status was written for; -1 before the first event.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions of the media: Ready means "this media can be played"; Reconciling and Stalled follow kstatus.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// state is the platform's word: Waiting, Created, Downloading, Processing, Ready, Failed, Cancelled, Deleted, or
	// another; empty while only events about parts of the media were received.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	State string `json:"state,omitempty"`

	// title of the media.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Title string `json:"title,omitempty"`

	// creatorID is the creator's id as the customer gave it.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	CreatorID string `json:"creatorID,omitempty"`

	// metadata is the customer's own text by key, at most 32 keys of at most 128 characters.
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	Metadata map[string]MetadataValue `json:"metadata,omitempty"`

	// workspaceID is the FastPix workspace that the media belongs to.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	WorkspaceID string `json:"workspaceID,omitempty"`

	// uploadID is the id of the direct upload that created the media.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	UploadID string `json:"uploadID,omitempty"`

	// becameMediaID is the id of the media that this upload became, when it has another id.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	BecameMediaID string `json:"becameMediaID,omitempty"`

	// streamID is the live stream that this media is a recording or clip of.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	StreamID string `json:"streamID,omitempty"`

	// maxResolution is the highest available resolution, such as 1080p.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	MaxResolution string `json:"maxResolution,omitempty"`

	// sourceResolution is the resolution of the uploaded file, such as 1080p.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	SourceResolution string `json:"sourceResolution,omitempty"`

	// aspectRatio such as 16:9.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	AspectRatio string `json:"aspectRatio,omitempty"`

	// frameRate as the platform writes it, such as 30/1.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	FrameRate string `json:"frameRate,omitempty"`

	// duration of the media.
	// +optional
	Duration *metav1.Duration `json:"duration,omitempty"`

	// mediaQuality is standard, pro, premium or another word of the platform.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	MediaQuality string `json:"mediaQuality,omitempty"`

	// audioOnly is true when the media has no picture.
	// +optional
	AudioOnly *bool `json:"audioOnly,omitempty"`

	// sourceAccess is true while the uploaded file can be downloaded.
	// +optional
	SourceAccess *bool `json:"sourceAccess,omitempty"`

	// mp4Support says which MP4 renditions exist, such as capped_4k or audioOnly,capped_4k.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	MP4Support string `json:"mp4Support,omitempty"`

	// playbackIDs are the ids under which the media can be played.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	PlaybackIDs []PlaybackID `json:"playbackIDs,omitempty"`

	// tracks of the media.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Tracks []Track `json:"tracks,omitempty"`

	// subtitles that the platform generated.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Subtitles []Subtitle `json:"subtitles,omitempty"`

	// ai is what in-video AI found.
	// +optional
	AI *MediaAI `json:"ai,omitempty"`

	// thumbnail is the URL of a still picture, for public media.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Thumbnail string `json:"thumbnail,omitempty"`

	// createdTime is when the media was created on the platform.
	// +optional
	CreatedTime *metav1.MicroTime `json:"createdTime,omitempty"`

	// updatedTime is when the media was last updated on the platform.
	// +optional
	UpdatedTime *metav1.MicroTime `json:"updatedTime,omitempty"`

	// deletedTime is when the media was deleted on the platform.
	// +optional
	DeletedTime *metav1.MicroTime `json:"deletedTime,omitempty"`

	// timer says why the operator reconciles the object without an event: Upload, Retention, or empty when no timer runs.
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
	// +kubebuilder:validation:MaxItems=1280
	Provenance []ProvenanceLine `json:"provenance,omitempty"`
}

// MetadataValue is one value of a customer's metadata.
// +kubebuilder:validation:MaxLength=512
type MetadataValue string

// MediaAsset mirrors one media of FastPix, under the platform's id. The operator writes it; an object that a user applies with
// the right name and mediaID is adopted, so that a pipeline can apply it and wait for it.
//
// +kubebuilder:object:root=true
// +kubebuilder:validation:XValidation:rule="oldSelf.hasValue() || !(self.spec.mediaID.matches('^([0-9A-Fa-f]{1,63}|[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)$') && !self.spec.mediaID.matches('^x-[0-9a-f]{40}$')) || self.metadata.name == self.spec.mediaID.lowerAscii()",optionalOldSelf=true,fieldPath=".spec.mediaID",messageExpression="'metadata.name follows from spec.mediaID and must be ' + self.spec.mediaID.lowerAscii()"
// +kubebuilder:validation:XValidation:rule="oldSelf.hasValue() || (self.spec.mediaID.matches('^([0-9A-Fa-f]{1,63}|[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)$') && !self.spec.mediaID.matches('^x-[0-9a-f]{40}$')) || self.metadata.name.matches('^x-[0-9a-f]{40}$')",optionalOldSelf=true,fieldPath=".spec.mediaID",message="metadata.name follows from spec.mediaID and must be x- and the first 40 hex digits of the SHA-256 of this id, because the id cannot be a name; this prints it: echo \"x-$(printf %s \"$ID\" | sha256sum | cut -c1-40)\""
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=ma,categories=fastpix
// +kubebuilder:selectablefield:JSONPath=`.status.state`
// +kubebuilder:selectablefield:JSONPath=`.status.timer`
// +kubebuilder:selectablefield:JSONPath=`.spec.endpointRef.name`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Duration",type=string,JSONPath=`.status.duration`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,priority=1
// +kubebuilder:printcolumn:name="Title",type=string,JSONPath=`.status.title`,priority=1
// +kubebuilder:printcolumn:name="Resolution",type=string,JSONPath=`.status.maxResolution`,priority=1
// +kubebuilder:printcolumn:name="Last event",type=string,JSONPath=`.status.lastEvent.type`,priority=1
type MediaAsset struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec identifies the media on FastPix.
	// +required
	Spec MediaAssetSpec `json:"spec"`

	// status is the state of the media as the events describe it.
	// +optional
	// +kubebuilder:default:={"observedGeneration":-1}
	Status MediaAssetStatus `json:"status,omitzero"`
}

// MediaAssetList is a list of MediaAssets.
//
// +kubebuilder:object:root=true
type MediaAssetList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []MediaAsset `json:"items"`
}
