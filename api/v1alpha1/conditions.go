package v1alpha1

// Condition types. Ready is present on every object of this group that a user looks at; Reconciling and Stalled follow
// kstatus: present only while true, so that Flux, Argo CD and kubectl wait know whether waiting makes sense.
const (
	// ConditionReady says on a MediaAsset "this media can be played", on a LiveStream "the stream exists and may be
	// used", on a WebhookEndpoint "events are accepted", or "FastPix is polled" if it takes no webhooks.
	ConditionReady = "Ready"
	// ConditionLive says on a LiveStream "viewers can watch now".
	ConditionLive = "Live"
	// ConditionReconciling is true while the object is expected to change by itself.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is true when waiting for Ready is useless.
	ConditionStalled = "Stalled"
	// ConditionTruncated is true after a list had more elements than the mirror holds.
	ConditionTruncated = "Truncated"
	// ConditionTooManyAssets is true on a WebhookEndpoint that mirrors more assets than is advisable.
	ConditionTooManyAssets = "TooManyAssets"
	// ConditionWeakKey is true on a WebhookEndpoint while a signing key has fewer than 16 bytes.
	ConditionWeakKey = "WeakKey"
	// ConditionKeyEncodedTwice is true on a WebhookEndpoint while a signing key looks as if it was encoded to base64 once more than FastPix shows it. The
	// endpoint then answers 401 to every delivery.
	ConditionKeyEncodedTwice = "KeyEncodedTwice"
	// ConditionSharedKey is true on a WebhookEndpoint while another one accepts the same signing key. A client with the key can then write to both.
	ConditionSharedKey = "SharedKey"
	// ConditionSynced says on a WebhookEndpoint with spec.sync "the last run compared the mirrors with FastPix to the end".
	ConditionSynced = "Synced"
)

// Reasons of a WebhookEndpoint's Ready condition.
const (
	// ReasonAccepting: at least one signing key is usable.
	ReasonAccepting = "Accepting"
	// ReasonSecretNotFound: a Secret that the spec names does not exist, and no other key is usable.
	ReasonSecretNotFound = "SecretNotFound"
	// ReasonSecretForbidden: the receiver may not read the Secret; a RoleBinding is missing.
	ReasonSecretForbidden = "SecretForbidden"
	// ReasonSecretInvalid: the Secret exists but holds no usable signing secret.
	ReasonSecretInvalid = "SecretInvalid"
	// ReasonSecretUnreadable: the receiver could not read the Secret within the last minute.
	ReasonSecretUnreadable = "SecretUnreadable"
	// ReasonSuspended: spec.suspend is set.
	ReasonSuspended = "Suspended"
	// ReasonPollingOnly: the endpoint has no signing secret and takes no webhooks. Its mirrors come from sync alone.
	ReasonPollingOnly = "PollingOnly"
)

// Reasons of a WebhookEndpoint's Synced condition.
const (
	// ReasonSynced: the last run was complete.
	ReasonSynced = "Synced"
	// ReasonSyncing: the first run is not complete yet.
	ReasonSyncing = "Syncing"
	// ReasonCredentialsNotFound: the Secret that spec.sync names does not exist.
	ReasonCredentialsNotFound = "CredentialsNotFound"
	// ReasonCredentialsForbidden: the syncer may not read the Secret; a RoleBinding is missing.
	ReasonCredentialsForbidden = "CredentialsForbidden"
	// ReasonCredentialsInvalid: the Secret holds no access token, or FastPix does not know it.
	ReasonCredentialsInvalid = "CredentialsInvalid"
	// ReasonAccessDenied: FastPix does not let the access token read media or live streams.
	ReasonAccessDenied = "AccessDenied"
	// ReasonRateLimited: FastPix asks for fewer requests.
	ReasonRateLimited = "RateLimited"
	// ReasonAPIUnavailable: FastPix's management API gives no usable answer.
	ReasonAPIUnavailable = "APIUnavailable"
	// ReasonWorkspaceMismatch: the access token belongs to another workspace than spec.workspaceID, or than in the run before.
	ReasonWorkspaceMismatch = "WorkspaceMismatch"
	// ReasonTooManyMissing: so many mirrors have no object on FastPix any more that it may be an accident. SyncConfirmMissingAnnotation confirms it.
	ReasonTooManyMissing = "TooManyMissing"
	// ReasonTooManyObjects: the workspace holds more objects than spec.sync.maxObjects, and no mirror is created.
	ReasonTooManyObjects = "TooManyObjects"
)

// Reasons of a MediaAsset's Ready condition.
const (
	// ReasonReady: the platform says that the media can be played.
	ReasonReady = "Ready"
	// ReasonAwaitingUpload: a direct upload was opened, no media exists yet.
	ReasonAwaitingUpload = "AwaitingUpload"
	// ReasonProcessing: the platform works on the media.
	ReasonProcessing = "Processing"
	// ReasonFailed: processing failed on the platform; a retry there is a new media.
	ReasonFailed = "Failed"
	// ReasonCancelled: the upload was cancelled.
	ReasonCancelled = "Cancelled"
	// ReasonBecameMedia: the upload became a media with another id, see status.becameMediaID.
	ReasonBecameMedia = "BecameMedia"
	// ReasonUploadExpired: the upload URL expired before it was used.
	ReasonUploadExpired = "UploadExpired"
	// ReasonDeleted: deleted on the platform; the object is a tombstone.
	ReasonDeleted = "Deleted"
	// ReasonNotSeen: only events about parts of the object were received so far.
	ReasonNotSeen = "NotSeen"
	// ReasonNameMismatch: the object's name does not follow from the id in its spec, so that no event can reach it. LiveStreams have
	// it as well.
	ReasonNameMismatch = "NameMismatch"
)

// Reasons of a LiveStream's Ready and Live conditions, beside ReasonReady, ReasonDeleted and ReasonNotSeen.
const (
	// ReasonDisabled: the stream was disabled on the platform.
	ReasonDisabled = "Disabled"
	// ReasonActive: viewers can watch.
	ReasonActive = "Active"
	// ReasonReconnecting: the encoder has disconnected, and the reconnect window runs.
	ReasonReconnecting = "Reconnecting"
	// ReasonWindowPassed: the encoder has disconnected and did not reconnect within the reconnect window.
	ReasonWindowPassed = "WindowPassed"
	// ReasonNotActive: the stream is not on air.
	ReasonNotActive = "NotActive"
)

// ReasonListTooLong is the reason of Truncated: a list had more elements than the mirror holds.
const ReasonListTooLong = "ListTooLong"

// Timers, the values of status.timer: why the operator must reconcile an object without an event.
const (
	// TimerNone: no timer runs.
	TimerNone = ""
	// TimerReconnect: the reconnect window of a live stream runs.
	TimerReconnect = "Reconnect"
	// TimerRetention: the object is removed when the time has passed.
	TimerRetention = "Retention"
	// TimerUpload: an upload URL expires.
	TimerUpload = "Upload"
)
