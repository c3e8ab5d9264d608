package webhookserver

import (
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/clock"
)

// endpoint is what this receiver holds of one WebhookEndpoint. It ends with the object's UID: a WebhookEndpoint that is deleted
// and created again starts from nothing.
type endpoint struct {
	name      types.NamespacedName
	tenant    *tenant
	keys      *keyring
	backlog   backlog
	inFlight  atomic.Int64
	malformed atomic.Int64 // when a malformed delivery was last told of, in Unix seconds
	held      []string     // fingerprints of its keys; guarded by the directory
	reports   reports

	object  atomic.Pointer[fastpixv1.WebhookEndpoint]
	changed atomic.Int64 // when its spec was first seen as it is, in Unix nanoseconds
	seen    atomic.Int64 // when its current version was first seen, in Unix nanoseconds
}

// current is the endpoint's newest version that the informer has seen. It is shared and must not be changed.
func (e *endpoint) current() *fastpixv1.WebhookEndpoint { return e.object.Load() }

// changedAt is when the spec, or what was read of the Secrets, was first seen as it is.
func (e *endpoint) changedAt() time.Time {
	return clock.Latest(time.Unix(0, e.changed.Load()), e.keys.newsAt())
}

// seenAt is when the current version was first seen: whatever it says was written before.
func (e *endpoint) seenAt() time.Time { return time.Unix(0, e.seen.Load()) }

// tenant is what the endpoints of one namespace take together.
type tenant struct {
	endpoints int          // how many there are; guarded by the directory
	waiting   atomic.Int64 // events that wait to be mirrored; those that failed count against their endpoint alone
	inFlight  atomic.Int64
}

// directory knows every WebhookEndpoint. An informer feeds it (see follow); requests look up in it without copying.
type directory struct {
	newKeys func(name types.NamespacedName) *keyring
	now     func() time.Time

	synced  atomic.Bool
	pending atomic.Int64 // events of all endpoints that wait to be mirrored

	mu        sync.RWMutex
	endpoints map[types.NamespacedName]*endpoint
	tenants   map[string]*tenant            // by namespace
	holders   map[string]map[*endpoint]bool // by the fingerprints of keys that they accept
}

func newDirectory(newKeys func(types.NamespacedName) *keyring, now func() time.Time) *directory {
	return &directory{
		newKeys: newKeys, now: now,
		endpoints: map[types.NamespacedName]*endpoint{}, tenants: map[string]*tenant{}, holders: map[string]map[*endpoint]bool{},
	}
}

// get returns the endpoint of that name, or nil. That it is nil means that there is none only if the directory has synced.
func (d *directory) get(name types.NamespacedName) *endpoint {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.endpoints[name]
}

// set takes over a new version of a WebhookEndpoint.
func (d *directory) set(object *fastpixv1.WebhookEndpoint) {
	name := client.ObjectKeyFromObject(object)
	d.mu.Lock()
	e := d.endpoints[name]
	if e == nil || e.current().UID != object.UID {
		d.drop(e)
		e = d.add(name)
	}
	last, now := e.object.Swap(object), d.now().UnixNano()
	if last == nil || last.Generation != object.Generation {
		e.changed.Store(now)
	}
	if last == nil || last.ResourceVersion != object.ResourceVersion {
		e.seen.Store(now)
	}
	d.mu.Unlock()
	e.backlog.observe(&object.Status, d.now())
}

// remove forgets a WebhookEndpoint, its keys among all else.
func (d *directory) remove(object *fastpixv1.WebhookEndpoint) {
	name := client.ObjectKeyFromObject(object)
	d.mu.Lock()
	defer d.mu.Unlock()
	if e := d.endpoints[name]; e != nil && e.current().UID == object.UID {
		d.drop(e)
	}
}

// add makes an endpoint that holds nothing yet. The caller holds the lock.
func (d *directory) add(name types.NamespacedName) *endpoint {
	t := d.tenants[name.Namespace]
	if t == nil {
		t = &tenant{}
		d.tenants[name.Namespace] = t
	}
	t.endpoints++
	e := &endpoint{
		name: name, tenant: t, keys: d.newKeys(name), backlog: backlog{total: &d.pending, tenant: &t.waiting}, reports: newReports(),
	}
	d.endpoints[name] = e
	return e
}

// drop forgets an endpoint, if there is one. The caller holds the lock.
func (d *directory) drop(e *endpoint) {
	if e == nil {
		return
	}
	e.backlog.drop()
	d.letGo(e)
	delete(d.endpoints, e.name)
	if e.tenant.endpoints--; e.tenant.endpoints == 0 {
		delete(d.tenants, e.name.Namespace)
	}
}

// share is how much of a bound on all endpoints those of one namespace may take: half, so that many endpoints of one tenant leave room
// for others, unless there are no others; and never less than one endpoint may.
func (d *directory) share(ofAll, ofOne int64) int64 {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if len(d.tenants) < 2 {
		return ofAll
	}
	return max(ofAll/2, min(ofOne, ofAll))
}

// committed notes events that are in the journal now.
func (d *directory) committed(counts map[types.NamespacedName]int64) {
	for name, events := range counts {
		if e := d.get(name); e != nil {
			e.backlog.committed(events, d.now())
		}
	}
}
