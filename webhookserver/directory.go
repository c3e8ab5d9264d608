package webhookserver

import (
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/clock"
)

// maxNews bounds the endpoints whose keys have news for the controller; beyond, they are told at the usual pace.
const maxNews = 1024

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

// enter counts a delivery as in flight, and returns how many are, of the endpoint and of its namespace.
func (e *endpoint) enter() (own, ofNamespace int64) {
	return e.inFlight.Add(1), e.tenant.inFlight.Add(1)
}

// leave ends what enter began.
func (e *endpoint) leave() {
	e.inFlight.Add(-1)
	e.tenant.inFlight.Add(-1)
}

// pending returns how many events wait to be mirrored, of the endpoint, where those that failed count too, and of its namespace.
func (e *endpoint) pending() (own, ofNamespace int64) {
	return e.backlog.waiting(), e.tenant.waiting.Load()
}

// tenant is what the endpoints of one namespace take together.
type tenant struct {
	endpoints int          // how many there are; guarded by the directory
	waiting   atomic.Int64 // events that wait to be mirrored; those that failed count against their endpoint alone
	inFlight  atomic.Int64
}

// directory knows every WebhookEndpoint. An informer feeds it (see follow); requests look up in it without copying.
type directory struct {
	secrets client.Reader // live
	reads   *rereadLimit
	news    chan reconcile.Request // endpoints whose keys have news for the controller
	now     func() time.Time

	allKnown atomic.Bool
	waiting  atomic.Int64 // events of all endpoints that wait to be mirrored

	mu        sync.RWMutex
	endpoints map[types.NamespacedName]*endpoint
	tenants   map[string]*tenant            // by namespace
	holders   map[string]map[*endpoint]bool // by the fingerprints of keys that they accept
}

// newDirectory makes a directory that holds nothing yet. The keys of its endpoints are read by that reader, which must not cache.
func newDirectory(secrets client.Reader, now func() time.Time) *directory {
	return &directory{
		secrets: secrets, reads: newRereadLimit(), news: make(chan reconcile.Request, maxNews), now: now,
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
		name: name, tenant: t, keys: d.newKeys(name), backlog: backlog{total: &d.waiting, tenant: &t.waiting}, reports: newReports(),
	}
	d.endpoints[name] = e
	return e
}

// newKeys makes the keyring of an endpoint, which has the endpoint reconciled when it has news.
func (d *directory) newKeys(name types.NamespacedName) *keyring {
	return newKeyring(d.secrets, name.Namespace, d.reads, d.now, func() {
		select {
		case d.news <- reconcile.Request{NamespacedName: name}:
		default:
		}
	})
}

// markSynced says that every endpoint is in the directory.
func (d *directory) markSynced() { d.allKnown.Store(true) }

// synced reports that every endpoint is in the directory.
func (d *directory) synced() bool { return d.allKnown.Load() }

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

// pending returns how many events of all endpoints wait to be mirrored.
func (d *directory) pending() int64 { return d.waiting.Load() }

// committed notes events that are in the journal now.
func (d *directory) committed(counts map[types.NamespacedName]int64) {
	for name, events := range counts {
		if e := d.get(name); e != nil {
			e.backlog.committed(events, d.now())
		}
	}
}
