package mirror

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fastpix-operator/fastpix-operator/controllers/journal"
	"github.com/fastpix-operator/fastpix-operator/internal/apiserver"
)

// errNameTaken means that the object with the mirror's name has another id.
var errNameTaken = errors.New("an object of this name has another id")

// Reasons for discarding records. When a reconciliation has several, Outcome keeps the greatest.
const (
	discardedNamespaceDeleted = "namespace deleted"
	discardedNamespaceNewer   = "namespace is newer than the event's receipt"
	discardedExpired          = "not newer than what was purged"
)

// NamespaceState says what a namespace means for the records that are to be mirrored in it.
type NamespaceState struct {
	deleted bool
	created time.Time
}

// filter returns the entries that may be folded, and why the others may not. When a user deletes a namespace, its pending records are
// discarded, too. They must not appear in a namespace of the same name that another team creates later.
func (s NamespaceState) filter(entries []journal.Entry) (kept []journal.Entry, discardReason string) {
	if s.deleted {
		return nil, discardedNamespaceDeleted
	}
	kept = make([]journal.Entry, 0, len(entries))
	for _, e := range entries {
		if e.Record.Received.Time.Before(s.created) {
			discardReason = discardedNamespaceNewer
			continue
		}
		kept = append(kept, e)
	}
	return kept, discardReason
}

// NamespaceReader reads the state of namespaces from a cache of their metadata.
type NamespaceReader struct {
	Cached client.Reader
	Live   client.Reader
}

// State returns the state of a namespace.
func (n NamespaceReader) State(ctx context.Context, name string) (NamespaceState, error) {
	meta, err := n.get(ctx, n.Cached, name)
	if apiserver.IsNotFound(err) || err == nil && meta.DeletionTimestamp != nil {
		meta, err = n.get(ctx, n.Live, name) // discarding records needs a live read
	}
	switch {
	case apiserver.IsNotFound(err):
		return NamespaceState{deleted: true}, nil
	case err != nil:
		return NamespaceState{}, fmt.Errorf("read namespace: %w", err)
	}
	return NamespaceState{deleted: meta.DeletionTimestamp != nil, created: meta.CreationTimestamp.Time}, nil
}

func (n NamespaceReader) get(ctx context.Context, from client.Reader, name string) (*metav1.PartialObjectMetadata, error) {
	meta := &metav1.PartialObjectMetadata{}
	meta.SetGroupVersionKind(namespaceKind)
	return meta, from.Get(ctx, types.NamespacedName{Name: name}, meta)
}

// The rights of the controllers. config/rbac/controllers is generated from them. The controllers never read a Secret.
//
// +kubebuilder:rbac:groups=video.fastpix.com,namespace=fastpix-system,resources=eventbatches,verbs=get;list;watch;create;delete
// +kubebuilder:rbac:groups=video.fastpix.com,namespace=fastpix-system,resources=eventbatches/status,verbs=update
// +kubebuilder:rbac:groups=video.fastpix.com,resources=mediaassets;livestreams,verbs=get;list;watch;create;delete
// +kubebuilder:rbac:groups=video.fastpix.com,resources=mediaassets/status;livestreams/status,verbs=update
// +kubebuilder:rbac:groups=video.fastpix.com,resources=webhookendpoints,verbs=get;list;watch
// +kubebuilder:rbac:groups=video.fastpix.com,resources=webhookendpoints/status,verbs=update
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get;list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch
// +kubebuilder:rbac:groups=coordination.k8s.io,namespace=fastpix-system,resources=leases,verbs=get;create;update
// +kubebuilder:rbac:groups=authentication.k8s.io,resources=tokenreviews,verbs=create
// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create

var namespaceKind = corev1.SchemeGroupVersion.WithKind("Namespace")
