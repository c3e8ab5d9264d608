// Package v1alpha1 holds the kinds of the API group video.fastpix.com: what users write (WebhookEndpoint), what the
// operator mirrors (MediaAsset, LiveStream) and its journal (EventBatch).
//
// Specs are validated strictly, because users write them. Statuses carry lengths but no closed enums over the
// platform's words: a new word must never make a status write fail.
//
// Other projects import this package. It needs apimachinery only. Start reading at WebhookEndpointSpec.
//
// +kubebuilder:object:generate=true
// +groupName=video.fastpix.com
package v1alpha1
