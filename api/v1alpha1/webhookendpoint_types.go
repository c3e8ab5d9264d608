package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

const (
	// SigningSecretType is the type that a Secret must have before the receiver uses it. So an endpoint cannot use a Secret that was created for another
	// purpose.
	SigningSecretType = "video.fastpix.com/signing-secret"
	// DefaultSigningSecretKey is the default of SigningSecretReference.Key.
	DefaultSigningSecretKey = "signing-secret"
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

// WebhookEndpointSpec defines how deliveries to one URL are verified and which of their data is mirrored.
type WebhookEndpointSpec struct {
	// signingSecrets are the signing secrets whose signatures are accepted: at least one, and two or more while a secret is being rotated. A secret that
	// is removed from the list stops verifying at once.
	// +required
	// +listType=map
	// +listMapKey=name
	// +listMapKey=key
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	SigningSecrets []SigningSecretReference `json:"signingSecrets"`

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

// WebhookEndpointStatus says whether events are accepted, and how many are not mirrored yet.
type WebhookEndpointStatus struct {
	// observedGeneration is the generation of the spec that the conditions are about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions say whether events are accepted (Ready), and what to do if not.
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
}

// WebhookEndpoint is a URL to which FastPix posts the events of one workspace. The media assets and live streams of these events appear in the
// endpoint's namespace.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=whe,categories=fastpix
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
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
