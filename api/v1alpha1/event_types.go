package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// EventReference names one FastPix event.
type EventReference struct {
	// id is the event's id, or "digest:" and the SHA-256 of its body when it came without one.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	ID string `json:"id,omitempty"`

	// type is the event's type as docs/events.md spells it.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Type string `json:"type,omitempty"`

	// time is when the event happened, as FastPix says; absent when the event does not say.
	// +optional
	Time *metav1.MicroTime `json:"time,omitempty"`

	// untimed is true when the event's time is missing or was more than five minutes ahead of its receipt: such an
	// event loses to every event with a credible time.
	// +optional
	Untimed bool `json:"untimed,omitempty"`
}

// EndpointReference names a WebhookEndpoint of the same namespace.
type EndpointReference struct {
	// name is the name of the WebhookEndpoint.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
}

// PlaybackID is an id by which a media or a stream can be played.
type PlaybackID struct {
	// id is the playback id.
	// +required
	// +kubebuilder:validation:MaxLength=128
	ID string `json:"id"`

	// accessPolicy says who may play: public, private or drm.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	AccessPolicy string `json:"accessPolicy,omitempty"`

	// accessRestrictions limit where it may be played. A rule that allows everyone is left out.
	// +optional
	AccessRestrictions *AccessRestrictions `json:"accessRestrictions,omitempty"`
}

// AccessRestrictions limit playback by the page's domain and by the player's user agent.
type AccessRestrictions struct {
	// domains limit by domain.
	// +optional
	Domains *AccessRule `json:"domains,omitempty"`

	// userAgents limit by user agent.
	// +optional
	UserAgents *AccessRule `json:"userAgents,omitempty"`
}

// AccessRule allows or denies by default, with exceptions.
type AccessRule struct {
	// defaultPolicy is allow or deny.
	// +optional
	// +kubebuilder:validation:MaxLength=32
	DefaultPolicy string `json:"defaultPolicy,omitempty"`

	// allow lists what is allowed, at most 16 entries.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=128
	Allow []string `json:"allow,omitempty"`

	// deny lists what is denied, at most 16 entries.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=128
	Deny []string `json:"deny,omitempty"`
}
