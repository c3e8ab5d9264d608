package endpoint

import (
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/clock"
	"github.com/fastpix-operator/fastpix-operator/webhookserver/keys"
)

// maxNews bounds the endpoints whose keys have news for the controller; beyond, they are told at the usual pace.
const maxNews = 1024

// Endpoint is what this receiver holds of one WebhookEndpoint. It ends with the object's UID: a WebhookEndpoint that is deleted
// and created again starts from nothing.
type Endpoint struct {
	Name      types.NamespacedName
	tenant    *tenant
	Keys      *keys.Keyring
	backlog   backlog
	inFlight  atomic.Int64
	malformed atomic.Int64 // when a malformed delivery was last told of, in Unix seconds
	held      []string     // fingerprints of its keys; guarded by the directory
	reports   reports

	object  atomic.Pointer[fastpixv1.WebhookEndpoint]
	changed atomic.Int64 // when its spec was first seen as it is, in Unix nanoseconds
	seen    atomic.Int64 // when its current version was first seen, in Unix nanoseconds
}

// Current is the endpoint's newest version that the informer has seen. It is shared and must not be changed.
func (e *Endpoint) Current() *fastpixv1.WebhookEndpoint { return e.object.Load() }

// changedAt is when the spec, or what was read of the Secrets, was first seen as it is.
func (e *Endpoint) changedAt() time.Time {
	return clock.Latest(time.Unix(0, e.changed.Load()), e.Keys.NewsAt())
}

// seenAt is when the current version was first seen: whatever it says was written before.
func (e *Endpoint) seenAt() time.Time { return time.Unix(0, e.seen.Load()) }

// Enter counts a delivery as in flight, and returns how many are, of the endpoint and of its namespace.
func (e *Endpoint) Enter() (own, ofNamespace int64) {
	return e.inFlight.Add(1), e.tenant.inFlight.Add(1)
}

// Leave ends what enter began.
func (e *Endpoint) Leave() {
	e.inFlight.Add(-1)
	e.tenant.inFlight.Add(-1)
}

// Pending returns how many events wait to be mirrored, of the endpoint, where those that failed count too, and of its namespace.
func (e *Endpoint) Pending() (own, ofNamespace int64) {
	return e.backlog.waiting(), e.tenant.waiting.Load()
}

// tenant is what the endpoints of one namespace take together.
type tenant struct {
	endpoints int          // how many there are; guarded by the directory
	waiting   atomic.Int64 // events that wait to be mirrored; those that failed count against their endpoint alone
	inFlight  atomic.Int64
}

// Directory knows every WebhookEndpoint. An informer feeds it (see follow); requests look up in it without copying.
type Directory struct {
	secrets client.Reader // live
	reads   *keys.ReadLimit
	news    chan reconcile.Request // endpoints whose keys have news for the controller
	now     func() time.Time

	allKnown atomic.Bool
	waiting  atomic.Int64 // events of all endpoints that wait to be mirrored

	mu        sync.RWMutex
	endpoints map[types.NamespacedName]*Endpoint
	tenants   map[string]*tenant            // by namespace
	holders   map[string]map[*Endpoint]bool // by the fingerprints of keys that they accept
}

// NewDirectory makes a directory that holds nothing yet. The keys of its endpoints are read by that reader, which must not cache.
func NewDirectory(secrets client.Reader, now func() time.Time) *Directory {
	return &Directory{
		secrets: secrets, reads: keys.NewReadLimit(), news: make(chan reconcile.Request, maxNews), now: now,
		endpoints: map[types.NamespacedName]*Endpoint{}, tenants: map[string]*tenant{}, holders: map[string]map[*Endpoint]bool{},
	}
}

// Get returns the endpoint of that name, or nil. That it is nil means that there is none only if the directory has synced.
func (d *Directory) Get(name types.NamespacedName) *Endpoint {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.endpoints[name]
}

// Set takes over a new version of a WebhookEndpoint.
func (d *Directory) Set(object *fastpixv1.WebhookEndpoint) {
	name := client.ObjectKeyFromObject(object)
	d.mu.Lock()
	e := d.endpoints[name]
	if e == nil || e.Current().UID != object.UID {
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

// Remove forgets a WebhookEndpoint, its keys among all else.
func (d *Directory) Remove(object *fastpixv1.WebhookEndpoint) {
	name := client.ObjectKeyFromObject(object)
	d.mu.Lock()
	defer d.mu.Unlock()
	if e := d.endpoints[name]; e != nil && e.Current().UID == object.UID {
		d.drop(e)
	}
}

// add makes an endpoint that holds nothing yet. The caller holds the lock.
func (d *Directory) add(name types.NamespacedName) *Endpoint {
	t := d.tenants[name.Namespace]
	if t == nil {
		t = &tenant{}
		d.tenants[name.Namespace] = t
	}
	t.endpoints++
	e := &Endpoint{
		Name: name, tenant: t, Keys: d.newKeys(name), backlog: backlog{total: &d.waiting, tenant: &t.waiting}, reports: newReports(),
	}
	d.endpoints[name] = e
	return e
}

// newKeys makes the keyring of an endpoint, which has the endpoint reconciled when it has news.
func (d *Directory) newKeys(name types.NamespacedName) *keys.Keyring {
	return keys.NewKeyring(d.secrets, name.Namespace, d.reads, d.now, func() {
		select {
		case d.news <- reconcile.Request{NamespacedName: name}:
		default:
		}
	})
}

// MarkSynced says that every endpoint is in the directory.
func (d *Directory) MarkSynced() { d.allKnown.Store(true) }

// Synced reports that every endpoint is in the directory.
func (d *Directory) Synced() bool { return d.allKnown.Load() }

// drop forgets an endpoint, if there is one. The caller holds the lock.
func (d *Directory) drop(e *Endpoint) {
	if e == nil {
		return
	}
	e.backlog.drop()
	d.letGo(e)
	delete(d.endpoints, e.Name)
	if e.tenant.endpoints--; e.tenant.endpoints == 0 {
		delete(d.tenants, e.Name.Namespace)
	}
}

// Share is how much of a bound on all endpoints those of one namespace may take: half, so that many endpoints of one tenant leave room
// for others, unless there are no others; and never less than one endpoint may.
func (d *Directory) Share(ofAll, ofOne int64) int64 {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if len(d.tenants) < 2 {
		return ofAll
	}
	return max(ofAll/2, min(ofOne, ofAll))
}

// Pending returns how many events of all endpoints wait to be mirrored.
func (d *Directory) Pending() int64 { return d.waiting.Load() }

// Committed notes events that are in the journal now.
func (d *Directory) Committed(counts map[types.NamespacedName]int64) {
	for name, events := range counts {
		if e := d.Get(name); e != nil {
			e.backlog.committed(events, d.now())
		}
	}
}
