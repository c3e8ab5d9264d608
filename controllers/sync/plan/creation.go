package plan

import (
	"time"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// DefaultMaxObjects is the default of spec.sync.maxObjects.
const DefaultMaxObjects = 50_000

// Creation decides which objects without a mirror get one.
type Creation struct {
	Spec *fastpixv1.WebhookEndpointSpec
	// PurgedThrough is the newest event time of a purged mirror of the namespace; nil if there is none.
	PurgedThrough *time.Time
}

// Object is what the API says of an object that has no mirror. A time that the API does not say is zero.
type Object struct {
	State            string
	Created, Updated time.Time
}

// changed returns when the object changed last, as far as the API says.
func (o Object) changed() time.Time {
	if o.Updated.After(o.Created) {
		return o.Updated
	}
	return o.Created
}

// Allows reports whether an object without a mirror gets one.
//
// An object that has not changed since its mirror was purged gets none, and neither does one whose retention has passed: its mirror would be purged
// again.
func (c Creation) Allows(o Object, now time.Time) bool {
	sync := c.Spec.Sync
	switch {
	case sync.Backfill == fastpixv1.BackfillExisting:
		return false
	case sync.CreatedWithin != nil && now.Sub(o.Created) > sync.CreatedWithin.Duration:
		return false
	case c.PurgedThrough != nil && !o.changed().IsZero() && !o.changed().After(*c.PurgedThrough):
		return false
	}
	retention := c.Spec.Retention.Ready
	switch o.State {
	case record.StateReady:
	case record.StateFailed:
		retention = c.Spec.Retention.Failed
	default:
		return true
	}
	return retention == nil || now.Sub(o.changed()) <= retention.Duration
}

// TooManyObjects reports whether a workspace holds more objects than the endpoint mirrors.
func TooManyObjects(sync *fastpixv1.SyncSpec, objects int64) bool {
	limit := sync.MaxObjects
	if limit == 0 {
		limit = DefaultMaxObjects
	}
	return objects > limit
}
