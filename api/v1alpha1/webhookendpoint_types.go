package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

const (
	// SigningSecretType is the type that a Secret must have before the receiver uses it. So an endpoint cannot use a Secret that was created for another
	// purpose.
	SigningSecretType = "video.fastpix.com/signing-secret"
	// DefaultSigningSecretKey is the default of SigningSecretReference.Key.
	DefaultSigningSecretKey = "signing-secret"
)

const (
	// APICredentialsType is the type that a Secret must have before its access token of the management API is used.
	APICredentialsType = "video.fastpix.com/api-credentials"
	// APICredentialsTokenIDKey is the key in that Secret that holds the id of the access token.
	APICredentialsTokenIDKey = "token-id"
	// APICredentialsSecretKeyKey is the key in that Secret that holds the secret key of the access token.
	APICredentialsSecretKeyKey = "secret-key"
)

const (
	// SyncRequestedAtAnnotation requests a run of sync: a new value starts one at once.
	SyncRequestedAtAnnotation = "video.fastpix.com/sync-requested-at"
	// SyncConfirmMissingAnnotation confirms that just as many missing objects as its value says were deleted on FastPix. See ReasonTooManyMissing.
	SyncConfirmMissingAnnotation = "video.fastpix.com/sync-confirm-missing"
	// MaxHandledRequest is the maximum number of characters of SyncStatus.HandledRequest.
	MaxHandledRequest = 256
)

// MetadataPolicy says whether customers' text is mirrored.
// +kubebuilder:validation:Enum=Mirror;Omit
type MetadataPolicy string

const (
	// MetadataMirror mirrors title, creator and metadata.
	MetadataMirror MetadataPolicy = "Mirror"
	// MetadataOmit omits title, creator and metadata, and clears them where they were mirrored before.
	MetadataOmit MetadataPolicy = "Omit"
)

// SigningSecretReference names the signing secret of one FastPix webhook.
type SigningSecretReference struct {
	// name is the name of a Secret of this namespace, of type video.fastpix.com/signing-secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Name string `json:"name"`

	// key is the key in the Secret that holds the signing secret as the FastPix dashboard shows it (base64).
	// Default: signing-secret.
	// +optional
	// +kubebuilder:default="signing-secret"
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[.]?[-_a-zA-Z0-9][-._a-zA-Z0-9]*$`
	Key string `json:"key,omitempty"`
}

// RetentionPolicy says how long the operator keeps mirrors that are no longer needed. Each duration has hours (h), minutes (m) and
// seconds (s), such as 168h or 1h30m, and is at most 876000h (100 years). There is no unit for days: 7 days are 168h.
type RetentionPolicy struct {
	// deleted is how long the tombstone of an object that was deleted on FastPix stays, and the mirror of an upload that was
	// cancelled, expired or became another media. At least 0s. Default: 168h (7 days).
	// +optional
	// +kubebuilder:default="168h"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}([.][0-9]+)?h)?([0-9]{1,7}([.][0-9]+)?m)?([0-9]{1,9}([.][0-9]+)?s)?([0-9]{1,9}([.][0-9]+)?(ms|us|µs|ns))?$') && self != '' && duration(self) >= duration('0s') && duration(self) <= duration('876000h')",message="must be a duration from 0s to 876000h in hours (h), minutes (m) and seconds (s), such as 168h or 1h30m; there is no unit for days: 7 days are 168h"
	Deleted *metav1.Duration `json:"deleted,omitempty"`

	// ready is how long the mirror of a media in state Ready stays. At least 1m. Default: it is never removed.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}([.][0-9]+)?h)?([0-9]{1,7}([.][0-9]+)?m)?([0-9]{1,9}([.][0-9]+)?s)?([0-9]{1,9}([.][0-9]+)?(ms|us|µs|ns))?$') && self != '' && duration(self) >= duration('1m') && duration(self) <= duration('876000h')",message="must be a duration from 1m to 876000h in hours (h), minutes (m) and seconds (s), such as 168h or 1h30m; there is no unit for days: 7 days are 168h"
	Ready *metav1.Duration `json:"ready,omitempty"`

	// failed is how long the mirror of a media in state Failed stays. At least 1m. Default: it is never removed.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}([.][0-9]+)?h)?([0-9]{1,7}([.][0-9]+)?m)?([0-9]{1,9}([.][0-9]+)?s)?([0-9]{1,9}([.][0-9]+)?(ms|us|µs|ns))?$') && self != '' && duration(self) >= duration('1m') && duration(self) <= duration('876000h')",message="must be a duration from 1m to 876000h in hours (h), minutes (m) and seconds (s), such as 168h or 1h30m; there is no unit for days: 7 days are 168h"
	Failed *metav1.Duration `json:"failed,omitempty"`
}

// Backfill says what sync does about objects on FastPix that have no mirror.
// +kubebuilder:validation:Enum=All;Existing
type Backfill string

const (
	// BackfillAll creates the mirrors that are missing.
	BackfillAll Backfill = "All"
	// BackfillExisting creates no mirrors, and repairs those that exist.
	BackfillExisting Backfill = "Existing"
)

// APICredentialsReference names the access token of FastPix's management API.
type APICredentialsReference struct {
	// name is the name of a Secret of this namespace, of type video.fastpix.com/api-credentials, with the keys token-id and secret-key.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Name string `json:"name"`
}

// SyncSpec defines how the mirrors are compared with what FastPix's management API says. Each duration has hours (h), minutes (m) and seconds (s), such
// as 1h or 1h30m. There is no unit for days: 7 days are 168h.
type SyncSpec struct {
	// credentialsSecret names the access token of the workspace. The operator only reads with it.
	// +required
	CredentialsSecret APICredentialsReference `json:"credentialsSecret"`

	// interval is the time between two complete runs, from 5m to 168h (7 days). Default: 1h.
	// +optional
	// +kubebuilder:default="1h"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}([.][0-9]+)?h)?([0-9]{1,7}([.][0-9]+)?m)?([0-9]{1,9}([.][0-9]+)?s)?([0-9]{1,9}([.][0-9]+)?(ms|us|µs|ns))?$') && self != '' && duration(self) >= duration('5m') && duration(self) <= duration('168h')",message="must be a duration from 5m to 168h in hours (h), minutes (m) and seconds (s), such as 168h or 1h30m; there is no unit for days: 7 days are 168h"
	Interval *metav1.Duration `json:"interval,omitempty"`

	// backfill says what happens to objects on FastPix that have no mirror. All: they get one. Existing: they get none, and only the mirrors that exist are
	// repaired. Default: All.
	// +optional
	// +kubebuilder:default=All
	Backfill Backfill `json:"backfill,omitempty"`

	// createdWithin limits backfill All to objects that FastPix created within this time before now. More than 0s, and at most 876000h (100 years).
	// Default: objects of every age.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}([.][0-9]+)?h)?([0-9]{1,7}([.][0-9]+)?m)?([0-9]{1,9}([.][0-9]+)?s)?([0-9]{1,9}([.][0-9]+)?(ms|us|µs|ns))?$') && self != '' && duration(self) > duration('0s') && duration(self) <= duration('876000h')",message="must be a duration of more than 0s and at most 876000h in hours (h), minutes (m) and seconds (s), such as 168h or 1h30m; there is no unit for days: 7 days are 168h"
	CreatedWithin *metav1.Duration `json:"createdWithin,omitempty"`

	// maxObjects is how many media and live streams the workspace may hold. If it holds more, no mirror is created, and those that exist are still
	// repaired. At least 1. Default: 50000.
	// +optional
	// +kubebuilder:default=50000
	// +kubebuilder:validation:Minimum=1
	MaxObjects int64 `json:"maxObjects,omitempty"`
}

// WebhookEndpointSpec defines how deliveries to one URL are verified and which of their data is mirrored.
// +kubebuilder:validation:XValidation:rule="has(self.sync) || has(self.signingSecrets) && self.signingSecrets.size() > 0",fieldPath=".signingSecrets",reason="FieldValueRequired",message="name at least one signing secret, or set spec.sync: without both the endpoint gets no data"
type WebhookEndpointSpec struct {
	// signingSecrets are the signing secrets whose signatures are accepted: at least one, and two or more while a secret is being rotated. A secret that
	// is removed from the list stops verifying at once. The list may be empty if sync is set: the endpoint then takes no webhooks.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +listMapKey=key
	// +kubebuilder:validation:MaxItems=8
	SigningSecrets []SigningSecretReference `json:"signingSecrets,omitempty"`

	// sync compares the mirrors with FastPix's management API, and so finds what webhooks did not tell. Default: it is never done.
	// +optional
	Sync *SyncSpec `json:"sync,omitempty"`

	// workspaceID limits the endpoint to events of one FastPix workspace; events of others are acknowledged, counted
	// and not mirrored. Default: every workspace.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9-]*$`
	WorkspaceID string `json:"workspaceID,omitempty"`

	// suspend makes the endpoint answer 503, so that FastPix sends its events again later.
	// +optional
	Suspend bool `json:"suspend,omitempty"`

	// metadataPolicy says whether title, creator and metadata (customers' text) are mirrored. Default: Mirror.
	// +optional
	// +kubebuilder:default=Mirror
	MetadataPolicy MetadataPolicy `json:"metadataPolicy,omitempty"`

	// retention says how long the operator keeps mirrors that are no longer needed.
	// +optional
	// +kubebuilder:default={}
	Retention RetentionPolicy `json:"retention,omitzero"`
}

// PollsOnly reports that the endpoint takes no webhooks, because the spec names no signing secret. The management API is then the only source of its
// mirrors.
func (s *WebhookEndpointSpec) PollsOnly() bool { return len(s.SigningSecrets) == 0 }

// SigningSecretStatus describes one signing secret. It never holds the value of the secret.
type SigningSecretStatus struct {
	// name is the name of the Secret.
	// +required
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// key is the key in the Secret.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Key string `json:"key,omitempty"`

	// fingerprint identifies a signing secret: the first 8 hex digits of
	// HMAC-SHA256(decoded secret, "fastpix-fingerprint-v1"). Empty while the secret is not usable.
	// +optional
	// +kubebuilder:validation:MaxLength=16
	Fingerprint string `json:"fingerprint,omitempty"`

	// lastVerifiedTime is approximately when a delivery was last verified with this secret.
	// +optional
	LastVerifiedTime *metav1.MicroTime `json:"lastVerifiedTime,omitempty"`
}

// SyncStatus describes the runs of sync. The counts are those of the last complete run.
type SyncStatus struct {
	// lastStartedTime is when the last run started.
	// +optional
	LastStartedTime *metav1.MicroTime `json:"lastStartedTime,omitempty"`

	// lastCompletedTime is when the last complete run ended.
	// +optional
	LastCompletedTime *metav1.MicroTime `json:"lastCompletedTime,omitempty"`

	// handledRequest is the value of the annotation video.fastpix.com/sync-requested-at, or its first 256 characters, that the last requested run was for.
	// It is set when that run has ended, whether it succeeded or not.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	HandledRequest string `json:"handledRequest,omitempty"`

	// workspaceID is the workspace that the credentials belong to.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	WorkspaceID string `json:"workspaceID,omitempty"`

	// mediaAssets counts the media of the workspace.
	// +optional
	MediaAssets int64 `json:"mediaAssets,omitempty"`

	// liveStreams counts the live streams of the workspace.
	// +optional
	LiveStreams int64 `json:"liveStreams,omitempty"`

	// created counts the objects without a mirror that get one.
	// +optional
	Created int64 `json:"created,omitempty"`

	// repaired counts the mirrors that differed from FastPix and are corrected.
	// +optional
	Repaired int64 `json:"repaired,omitempty"`

	// deleted counts the mirrors whose object does not exist on FastPix any more.
	// +optional
	Deleted int64 `json:"deleted,omitempty"`
}

// WebhookEndpointStatus says whether events are accepted, and how many are not mirrored yet.
type WebhookEndpointStatus struct {
	// observedGeneration is the generation of the spec that the conditions are about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions say whether events are accepted (Ready), whether the mirrors are compared with FastPix (Synced), and what to do if not.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// path is the path to register with FastPix, behind the host that reaches the receiver.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Path string `json:"path,omitempty"`

	// url is the URL to register with FastPix, when the operator knows its external URL.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	URL string `json:"url,omitempty"`

	// signingSecrets says for each signing secret its fingerprint and when it last verified a delivery.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	SigningSecrets []SigningSecretStatus `json:"signingSecrets,omitempty"`

	// lastEventTime is approximately when the last event was received.
	// +optional
	LastEventTime *metav1.MicroTime `json:"lastEventTime,omitempty"`

	// pendingEvents counts the events that are acknowledged and not yet mirrored.
	// +optional
	PendingEvents int64 `json:"pendingEvents,omitempty"`

	// pendingTime is when pendingEvents was counted.
	// +optional
	PendingTime *metav1.MicroTime `json:"pendingTime,omitempty"`

	// failedEvents counts the events that could not be mirrored and are retried.
	// +optional
	FailedEvents int64 `json:"failedEvents,omitempty"`

	// purgedThrough is the newest event time of a tombstone that was purged in the namespace: an event not newer than it never
	// creates a mirror again, by whichever endpoint of the namespace it comes.
	// +optional
	PurgedThrough *metav1.MicroTime `json:"purgedThrough,omitempty"`

	// sync says when the mirrors were compared with FastPix's management API, and what was found. Absent until the first run starts.
	// +optional
	Sync *SyncStatus `json:"sync,omitempty"`
}

// WebhookEndpoint is a URL to which FastPix posts the events of one workspace. The media assets and live streams of these events appear in the
// endpoint's namespace.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=whe,categories=fastpix
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Synced",type=string,JSONPath=`.status.conditions[?(@.type=="Synced")].reason`
// +kubebuilder:printcolumn:name="Last event",type=date,JSONPath=`.status.lastEventTime`
// +kubebuilder:printcolumn:name="URL",type=string,JSONPath=`.status.url`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Pending",type=integer,JSONPath=`.status.pendingEvents`,priority=1
// +kubebuilder:printcolumn:name="Failed",type=integer,JSONPath=`.status.failedEvents`,priority=1
// +kubebuilder:printcolumn:name="Path",type=string,JSONPath=`.status.path`,priority=1
type WebhookEndpoint struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says how deliveries are verified and what is mirrored.
	// +required
	Spec WebhookEndpointSpec `json:"spec"`

	// status says whether events are accepted, and how many are not mirrored yet.
	// +optional
	// +kubebuilder:default:={"observedGeneration":-1}
	Status WebhookEndpointStatus `json:"status,omitzero"`
}

// WebhookEndpointList is a list of WebhookEndpoints.
//
// +kubebuilder:object:root=true
type WebhookEndpointList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []WebhookEndpoint `json:"items"`
}
