package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fastpix-operator/fastpix-operator/internal/apiserver"
)

// errNameTaken means that an object of the right name has another id.
var errNameTaken = errors.New("an object of this name has another id")

// Why records were discarded.
const (
	droppedNamespaceGone = "namespace is gone"
	droppedNamespaceNew  = "namespace is younger than the event's receipt"
	droppedExpired       = "not newer than what was purged"
)

// verdict says what a namespace means for the records that are to be mirrored in it.
type verdict struct {
	gone    bool
	created time.Time
}

// filter returns the entries that may be folded, and why the others may not. Deleting a namespace is an order to forget what is in
// it: its pending records go too, and never land in a namespace of the same name that another team makes later.
func (v verdict) filter(entries []entry) (kept []entry, why string) {
	if v.gone {
		return nil, droppedNamespaceGone
	}
	kept = make([]entry, 0, len(entries))
	for _, e := range entries {
		if e.record.Received.Time.Before(v.created) {
			why = droppedNamespaceNew
			continue
		}
		kept = append(kept, e)
	}
	return kept, why
}

// namespaces gives verdicts from a cache of the namespaces' metadata.
type namespaces struct {
	cached client.Reader
	live   client.Reader
}

func (n namespaces) verdict(ctx context.Context, name string) (verdict, error) {
	meta, err := n.get(ctx, n.cached, name)
	if apiserver.IsGone(err) || err == nil && meta.DeletionTimestamp != nil {
		meta, err = n.get(ctx, n.live, name) // discarding records needs a live read
	}
	switch {
	case apiserver.IsGone(err):
		return verdict{gone: true}, nil
	case err != nil:
		return verdict{}, fmt.Errorf("read namespace: %w", err)
	}
	return verdict{gone: meta.DeletionTimestamp != nil, created: meta.CreationTimestamp.Time}, nil
}

func (n namespaces) get(ctx context.Context, from client.Reader, name string) (*metav1.PartialObjectMetadata, error) {
	meta := &metav1.PartialObjectMetadata{}
	meta.SetGroupVersionKind(namespaceKind)
	return meta, from.Get(ctx, types.NamespacedName{Name: name}, meta)
}
