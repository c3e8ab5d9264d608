package sync

// The rights of the identity fastpix-syncer. It has no right to read Secrets: a namespace lets it read one Secret by a RoleBinding.

// +kubebuilder:rbac:groups=video.fastpix.com,resources=webhookendpoints,verbs=get;list;watch
// +kubebuilder:rbac:groups=video.fastpix.com,resources=webhookendpoints/status,verbs=get;update
// +kubebuilder:rbac:groups=video.fastpix.com,resources=mediaassets;livestreams,verbs=get;list
// +kubebuilder:rbac:groups=video.fastpix.com,namespace=fastpix-system,resources=eventbatches,verbs=create
// +kubebuilder:rbac:groups=coordination.k8s.io,namespace=fastpix-system,resources=leases,verbs=get;create;update
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch
// +kubebuilder:rbac:groups=authentication.k8s.io,resources=tokenreviews,verbs=create
// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create
