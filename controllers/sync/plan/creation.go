package plan

import (
	"time"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// DefaultMaxObjects is the default of spec.sync.maxObjects.
const DefaultMaxObjects = 50_000

// Object is what the API says of an object that has no mirror. Created is zero if the API does not say it.
type Object struct {
	State   string
	Created time.Time
}

// Creates reports whether an object without a mirror gets one.
//
// An object whose retention has passed since it was created gets none: its mirror was purged, or would be purged soon. The controllers count the retention
// from when the mirror became ready or failed, which is later.
func Creates(spec *fastpixv1.WebhookEndpointSpec, o Object, now time.Time) bool {
	switch {
	case spec.Sync.Backfill == fastpixv1.BackfillExisting:
		return false
	case spec.Sync.CreatedWithin != nil && now.Sub(o.Created) > spec.Sync.CreatedWithin.Duration:
		return false
	}
	retention := spec.Retention.Ready
	switch o.State {
	case record.StateReady:
	case record.StateFailed:
		retention = spec.Retention.Failed
	default:
		return true
	}
	return retention == nil || now.Sub(o.Created) <= retention.Duration
}

// TooManyObjects reports whether a workspace holds so many objects that none gets a mirror.
func TooManyObjects(sync *fastpixv1.SyncSpec, objects int64) bool {
	if sync.Backfill == fastpixv1.BackfillExisting {
		return false
	}
	limit := sync.MaxObjects
	if limit == 0 {
		limit = DefaultMaxObjects
	}
	return objects > limit
}
