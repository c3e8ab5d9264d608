package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

const (
	// EventCountsAnnotation holds the number of records of a batch by endpoint, as "namespace/name=count" joined by commas. So the controllers can count
	// the backlog from metadata.
	EventCountsAnnotation = "video.fastpix.com/event-counts"
	// FailedLabel marks, with the value "true", a batch of records that could not be folded.
	FailedLabel = "video.fastpix.com/failed"
	// FailedChangesAnnotation marks a batch of failed records in which every change failed and none was folded. The other changes of the events are not
	// in the batch. The value is FailedChangesCreate or FailedChangesUpdate. Older controllers did not set it.
	FailedChangesAnnotation = "video.fastpix.com/failed-changes"
	// FailedChangesCreate marks changes that may create their mirror, whatever was purged since they failed.
	FailedChangesCreate = "create"
	// FailedChangesUpdate marks changes that were not newer than what was purged before they failed. They update an existing mirror and never create one.
	FailedChangesUpdate = "update"
	// JoinedFromAnnotation names the batches of failed records that a batch replaces: their UIDs, joined by commas. The batch is read only after they are
	// deleted.
	JoinedFromAnnotation = "video.fastpix.com/joined-from"
	// RetryRequestedAtAnnotation requests a retry of a batch of failed records: a new value starts one at once.
	RetryRequestedAtAnnotation = "video.fastpix.com/retry-requested-at"
	// MaxBatchEvents is the maximum number of records in one batch.
	MaxBatchEvents = 256
)

// EventBatchSpec holds records of events that are acknowledged and not yet mirrored.
type EventBatchSpec struct {
	// events are compact JSON records, one for each event. Their format belongs to the operator.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MaxLength=16384
	Events []string `json:"events"`
}

// FailedEvent says why one record of a batch could not be mirrored.
type FailedEvent struct {
	// index is the record's position in spec.events, from 0.
	// +required
	// +kubebuilder:validation:Minimum=0
	Index int32 `json:"index"`

	// eventID is the event's id.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	EventID string `json:"eventID,omitempty"`

	// object is the object that the record is about, as kind/namespace/name.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Object string `json:"object,omitempty"`

	// reason is the reason of the failure: NameTaken, Refused, NewerVersion, ReceivedLater or Unreadable.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Reason string `json:"reason,omitempty"`

	// message says what happened and what to do.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`
}

// EventBatchStatus says which records failed.
type EventBatchStatus struct {
	// failed lists the records that could not be mirrored. They are retried with back-off up to an hour and at every start.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=512
	Failed []FailedEvent `json:"failed,omitempty"`

	// lastAttemptTime is when the operator last tried to mirror the records.
	// +optional
	LastAttemptTime *metav1.Time `json:"lastAttemptTime,omitempty"`
}

// EventBatch is a part of the operator's journal: events that are acknowledged to FastPix and not yet mirrored. It is internal, and exists only in
// the operator's own namespace. A healthy operator deletes each EventBatch within moments.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=evb
// +kubebuilder:printcolumn:name="Failed",type=string,JSONPath=`.metadata.labels.video\.fastpix\.com/failed`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.failed[0].reason`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.failed[0].message`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.spec == oldSelf.spec",message="spec is immutable"
type EventBatch struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec holds the records; it is immutable.
	// +required
	Spec EventBatchSpec `json:"spec"`

	// status says which records failed.
	// +optional
	Status EventBatchStatus `json:"status,omitzero"`
}

// EventBatchList is a list of EventBatches.
//
// +kubebuilder:object:root=true
type EventBatchList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []EventBatch `json:"items"`
}
