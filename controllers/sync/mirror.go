package sync

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/projection"
	"github.com/fastpix-operator/fastpix-operator/controllers/projection/merge"
	"github.com/fastpix-operator/fastpix-operator/controllers/sync/plan"
	"github.com/fastpix-operator/fastpix-operator/internal/apiserver"
	"github.com/fastpix-operator/fastpix-operator/internal/clock"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// mirror is a MediaAsset or a LiveStream, as sync reads it.
type mirror struct {
	plan.Mirror
	namespace, name string
	// newest is the time of the newest event, by FastPix's clock; zero if there is none. heard is newest, or when the mirror was created.
	newest, heard time.Time
	// differs reports whether folding a record changes what users see.
	differs func(*record.Record) bool
}

// isNamedAs reports whether the mirror is that of an object: users may have given a mirror another id.
func (m *mirror) isNamedAs(id string) bool { return record.NormalizeID(m.ID) == id }

func mirrorOf(object runtime.Object) *mirror {
	switch o := object.(type) {
	case *fastpixv1.MediaAsset:
		m := &mirror{Mirror: plan.Mirror{
			Kind: record.MediaAsset, ID: o.Spec.MediaID, State: o.Status.State, BecameMediaID: o.Status.BecameMediaID,
			WorkspaceID: o.Status.WorkspaceID, Endpoint: o.Spec.EndpointRef.Name,
		}}
		m.differs = func(r *record.Record) bool {
			return projection.MediaDiffers(o.Status, record.NormalizeID(o.Spec.MediaID), r)
		}
		m.setMeta(o, o.Status.RecentEvents)
		return m
	case *fastpixv1.LiveStream:
		m := &mirror{Mirror: plan.Mirror{
			Kind: record.LiveStream, ID: o.Spec.StreamID, State: o.Status.State, WorkspaceID: o.Status.WorkspaceID, Endpoint: o.Spec.EndpointRef.Name,
		}}
		m.differs = func(r *record.Record) bool {
			return projection.StreamDiffers(o.Status, record.NormalizeID(o.Spec.StreamID), r)
		}
		m.setMeta(o, o.Status.RecentEvents)
		return m
	}
	return nil
}

func (m *mirror) setMeta(o client.Object, recent []fastpixv1.EventLine) {
	m.namespace, m.name, m.heard = o.GetNamespace(), o.GetName(), o.GetCreationTimestamp().Time
	if newest := merge.NewestEventTime(recent); newest != nil {
		m.newest, m.heard = newest.Time, clock.Latest(newest.Time, m.heard)
	}
}

func newList(kind record.Kind) client.ObjectList {
	if kind == record.LiveStream {
		return &fastpixv1.LiveStreamList{}
	}
	return &fastpixv1.MediaAssetList{}
}

func newObject(kind record.Kind) client.Object {
	if kind == record.LiveStream {
		return &fastpixv1.LiveStream{}
	}
	return &fastpixv1.MediaAsset{}
}

// forEachMirror calls do for each mirror.
func forEachMirror(ctx context.Context, live client.Reader, kind record.Kind, do func(*mirror) error, options ...client.ListOption) error {
	return apiserver.ForEach(ctx, live, func() client.ObjectList { return newList(kind) }, func(object runtime.Object) error {
		return do(mirrorOf(object))
	}, options...)
}

// readMirror reads one mirror; nil if it does not exist.
func readMirror(ctx context.Context, live client.Reader, kind record.Kind, name types.NamespacedName) (*mirror, error) {
	object := newObject(kind)
	switch err := live.Get(ctx, name, object); {
	case apiserver.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read mirror: %w", err)
	}
	return mirrorOf(object), nil
}
