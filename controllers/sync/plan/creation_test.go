package plan

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// These tests protect a namespace from mirrors that nobody wants, and from mirrors that are purged and created again and again.

func TestCreation(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	duration := func(d time.Duration) *metav1.Duration { return &metav1.Duration{Duration: d} }
	within := func(d time.Duration) func(*fastpixv1.WebhookEndpointSpec) {
		return func(c *fastpixv1.WebhookEndpointSpec) { c.Sync.CreatedWithin = duration(d) }
	}
	retention := func(ready, failed time.Duration) func(*fastpixv1.WebhookEndpointSpec) {
		return func(c *fastpixv1.WebhookEndpointSpec) {
			c.Retention = fastpixv1.RetentionPolicy{Ready: duration(ready), Failed: duration(failed)}
		}
	}
	ready := Object{State: record.StateReady, Created: ago(10 * day)}
	failed := Object{State: record.StateFailed, Created: ago(10 * day)}
	working := Object{State: "Processing", Created: ago(10 * day)}
	stream := Object{Created: ago(10 * day)}
	for name, tc := range map[string]struct {
		object Object
		change func(*fastpixv1.WebhookEndpointSpec)
		want   bool
	}{
		"all":                                         {ready, func(*fastpixv1.WebhookEndpointSpec) {}, true},
		"all by default of an older API server":       {ready, func(c *fastpixv1.WebhookEndpointSpec) { c.Sync.Backfill = "" }, true},
		"existing only":                               {ready, func(c *fastpixv1.WebhookEndpointSpec) { c.Sync.Backfill = fastpixv1.BackfillExisting }, false},
		"created just in time":                        {ready, within(10 * day), true},
		"created too long ago":                        {ready, within(10*day - time.Second), false},
		"created too long ago, but updated since":     {ready, within(5 * day), false},
		"created when FastPix does not say":           {Object{State: record.StateReady}, within(5 * day), false},
		"created after now, by FastPix's clock":       {Object{Created: now.Add(time.Minute)}, within(time.Second), true},
		"ready within its retention":                  {ready, retention(10*day, time.Minute), true},
		"ready for longer than its retention":         {ready, retention(10*day-time.Second, 99*day), false},
		"failed within its retention":                 {failed, retention(time.Minute, 10*day), true},
		"failed for longer than its retention":        {failed, retention(99*day, 10*day-time.Second), false},
		"in work, whatever the retention":             {working, retention(time.Minute, time.Minute), true},
		"a stream, whatever the retention":            {stream, retention(time.Minute, time.Minute), true},
		"ready, and only a retention of failed media": {ready, func(c *fastpixv1.WebhookEndpointSpec) { c.Retention.Failed = duration(time.Minute) }, true},
		"failed, and only a retention of ready media": {failed, func(c *fastpixv1.WebhookEndpointSpec) { c.Retention.Ready = duration(time.Minute) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &fastpixv1.WebhookEndpointSpec{Sync: &fastpixv1.SyncSpec{Backfill: fastpixv1.BackfillAll}}
			tc.change(c)
			if got := Creates(c, tc.object, now); got != tc.want {
				t.Errorf("the object gets a mirror: %v, want %v", got, tc.want)
			}
		})
	}
}

// TestLimitsOnlyForbid checks that each limit can only take mirrors away, and that time does too: what got no mirror gets none later. Otherwise each run
// could create what the one before did not.
func TestLimitsOnlyForbid(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		o := Object{
			State:   rapid.SampledFrom([]string{"", "Processing", record.StateReady, record.StateFailed}).Draw(t, "state"),
			Created: ago(drawAge(t, "created")),
		}
		if !Creates(&fastpixv1.WebhookEndpointSpec{Sync: &fastpixv1.SyncSpec{Backfill: fastpixv1.BackfillAll}}, o, now) {
			t.Fatal("an object gets no mirror though nothing forbids it")
		}
		strict := drawSpec(t)
		if Creates(strict, o, now.Add(drawAge(t, "later"))) && !Creates(strict, o, now) {
			t.Fatal("the object gets a mirror only later")
		}
	})
}

func drawAge(t *rapid.T, name string) time.Duration {
	return time.Duration(rapid.Int64Range(0, 100).Draw(t, name)) * time.Hour
}

// drawSpec draws limits of every kind, each of which may be absent.
func drawSpec(t *rapid.T) *fastpixv1.WebhookEndpointSpec {
	limit := func(name string) *metav1.Duration {
		if !rapid.Bool().Draw(t, "has "+name) {
			return nil
		}
		return &metav1.Duration{Duration: drawAge(t, name)}
	}
	return &fastpixv1.WebhookEndpointSpec{
		Sync:      &fastpixv1.SyncSpec{Backfill: fastpixv1.BackfillAll, CreatedWithin: limit("createdWithin")},
		Retention: fastpixv1.RetentionPolicy{Ready: limit("retention of ready"), Failed: limit("retention of failed")},
	}
}

// TestTooManyObjects checks the bound that a user sets, and the default where an object of an older API server has none.
func TestTooManyObjects(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		limit, objects int64
		want           bool
	}{
		{10, 0, false}, {10, 10, false}, {10, 11, true},
		{0, 50_000, false}, {0, 50_001, true},
		{1_000_000, 50_001, false},
	} {
		if got := TooManyObjects(&fastpixv1.SyncSpec{MaxObjects: tc.limit}, tc.objects); got != tc.want {
			t.Errorf("%d objects with a limit of %d: too many is %v, want %v", tc.objects, tc.limit, got, tc.want)
		}
	}
}

// TestDefaultsAreThoseOfTheAPI protects objects without the field from another default than that of the CRD.
func TestDefaultsAreThoseOfTheAPI(t *testing.T) {
	t.Parallel()
	if DefaultInterval != time.Hour || DefaultMaxObjects != 50_000 {
		t.Errorf("the defaults are %s and %d", DefaultInterval, DefaultMaxObjects)
	}
	if TooManyObjects(&fastpixv1.SyncSpec{MaxObjects: 1, Backfill: fastpixv1.BackfillExisting}, 2) {
		t.Error("too many objects, although none gets a mirror")
	}
}
