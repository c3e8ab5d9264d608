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

// maxKeyChanges bounds the queue of endpoints whose keys have changed. The controller reconciles an endpoint that does not fit at its usual
// interval.
const maxKeyChanges = 1024

// Endpoint is the state that this receiver keeps of one WebhookEndpoint. It belongs to one UID: a WebhookEndpoint that is deleted and
// created again gets a new Endpoint.
type Endpoint struct {
	// Name is the name of the WebhookEndpoint.
	Name types.NamespacedName
	// Keys holds its signing keys.
	Keys *keys.Keyring

	tenant            *tenant
	backlog           backlog
	writes            statusWrites
	inFlight          atomic.Int64
	fingerprints      []string     // of its keys; guarded by the directory
	malformedReported atomic.Int64 // when ReportMalformed last recorded a Kubernetes Event, in Unix seconds

	object          atomic.Pointer[fastpixv1.WebhookEndpoint]
	specObserved    atomic.Int64 // when the current spec was first observed, in Unix nanoseconds
	versionObserved atomic.Int64 // when the current version was first observed, in Unix nanoseconds
}

// Current returns the newest version that the informer has observed. It is shared and must not be changed.
func (e *Endpoint) Current() *fastpixv1.WebhookEndpoint { return e.object.Load() }

// changedAt returns when the current spec, or the current content of the Secrets, was first observed.
func (e *Endpoint) changedAt() time.Time {
	return clock.Latest(time.Unix(0, e.specObserved.Load()), e.Keys.ChangedAt())
}

// observedAt returns when the current version was first observed. The content of that version was written before.
func (e *Endpoint) observedAt() time.Time { return time.Unix(0, e.versionObserved.Load()) }

// AddInFlight counts a delivery as in flight. It returns the number of deliveries in flight for the endpoint and for its namespace.
func (e *Endpoint) AddInFlight() (own, ofNamespace int64) {
	return e.inFlight.Add(1), e.tenant.inFlight.Add(1)
}

// AddWaitingBytes adds to the length of the namespace's records that wait for the journal, and returns it.
func (e *Endpoint) AddWaitingBytes(bytes int64) (ofNamespace int64) {
	return e.tenant.waitingBytes.Add(bytes)
}

// RemoveInFlight ends what AddInFlight began.
func (e *Endpoint) RemoveInFlight() {
	e.inFlight.Add(-1)
	e.tenant.inFlight.Add(-1)
}

// Pending returns how many events wait to be mirrored, for the endpoint and for its namespace. Events that failed to be mirrored count
// against their endpoint alone.
func (e *Endpoint) Pending() (own, ofNamespace int64) {
	return e.backlog.waiting(), e.tenant.waiting.Load()
}

// tenant counts what the endpoints of one namespace use together.
type tenant struct {
	endpoints int          // number of endpoints; guarded by the directory
	waiting   atomic.Int64 // events that wait to be mirrored, without those that failed
	inFlight  atomic.Int64
	// waitingBytes is the length of the records that wait for the journal.
	waitingBytes atomic.Int64
}

// Directory holds every WebhookEndpoint. An informer feeds it (see watch). Requests look up endpoints without copying them.
type Directory struct {
	secrets    client.Reader // reads from the API server, never from a cache
	readLimit  *keys.ReadLimit
	keyChanges chan reconcile.Request // endpoints whose keys have changed, for the controller
	now        func() time.Time

	synced  atomic.Bool
	waiting atomic.Int64 // events of all endpoints that wait to be mirrored

	mu            sync.RWMutex
	endpoints     map[types.NamespacedName]*Endpoint
	tenants       map[string]*tenant            // by namespace
	byFingerprint map[string]map[*Endpoint]bool // endpoints by the fingerprints of the keys that they accept
}

// NewDirectory returns an empty directory. It reads the signing secrets of its endpoints by the given reader, which must not cache.
func NewDirectory(secrets client.Reader, now func() time.Time) *Directory {
	return &Directory{
		secrets: secrets, readLimit: keys.NewReadLimit(), keyChanges: make(chan reconcile.Request, maxKeyChanges), now: now,
		endpoints: map[types.NamespacedName]*Endpoint{}, tenants: map[string]*tenant{}, byFingerprint: map[string]map[*Endpoint]bool{},
	}
}

// Get returns the endpoint of that name, or nil. Only after the directory has synced does nil mean that the endpoint does not exist.
func (d *Directory) Get(name types.NamespacedName) *Endpoint {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.endpoints[name]
}

// Set stores a new version of a WebhookEndpoint.
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
		e.specObserved.Store(now)
	}
	if last == nil || last.ResourceVersion != object.ResourceVersion {
		e.versionObserved.Store(now)
	}
	d.mu.Unlock()
	e.backlog.observe(&object.Status, d.now())
}

// Remove removes a WebhookEndpoint and its keys.
func (d *Directory) Remove(object *fastpixv1.WebhookEndpoint) {
	name := client.ObjectKeyFromObject(object)
	d.mu.Lock()
	defer d.mu.Unlock()
	if e := d.endpoints[name]; e != nil && e.Current().UID == object.UID {
		d.drop(e)
	}
}

// add adds an endpoint without an object. The caller holds the lock.
func (d *Directory) add(name types.NamespacedName) *Endpoint {
	t := d.tenants[name.Namespace]
	if t == nil {
		t = &tenant{}
		d.tenants[name.Namespace] = t
	}
	t.endpoints++
	e := &Endpoint{
		Name: name, tenant: t, Keys: d.newKeyring(name), backlog: backlog{total: &d.waiting, tenant: &t.waiting}, writes: newStatusWrites(),
	}
	d.endpoints[name] = e
	return e
}

// newKeyring returns the keyring of an endpoint. A change of the keys enqueues the endpoint for the controller.
func (d *Directory) newKeyring(name types.NamespacedName) *keys.Keyring {
	return keys.NewKeyring(d.secrets, name.Namespace, d.readLimit, d.now, func() {
		select {
		case d.keyChanges <- reconcile.Request{NamespacedName: name}:
		default:
		}
	})
}

// MarkSynced records that the directory holds every endpoint.
func (d *Directory) MarkSynced() { d.synced.Store(true) }

// Synced reports that the directory holds every endpoint.
func (d *Directory) Synced() bool { return d.synced.Load() }

// drop removes an endpoint; nil is allowed. The caller holds the lock.
func (d *Directory) drop(e *Endpoint) {
	if e == nil {
		return
	}
	e.backlog.drop()
	d.unindexKeys(e)
	delete(d.endpoints, e.Name)
	if e.tenant.endpoints--; e.tenant.endpoints == 0 {
		delete(d.tenants, e.Name.Namespace)
	}
}

// endpointsOf returns how many endpoints a tenant has.
func (d *Directory) endpointsOf(t *tenant) int {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return t.endpoints
}

// Share returns how much of a limit the endpoints of one namespace may use together: half, so that a namespace with many endpoints cannot
// use up the limit, but never less than one endpoint may use. If no other namespace has endpoints, it is the whole limit.
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

// AddCommitted counts events that were committed just now, by endpoint.
func (d *Directory) AddCommitted(counts map[types.NamespacedName]int64) {
	for name, events := range counts {
		if e := d.Get(name); e != nil {
			e.backlog.addCommitted(events, d.now())
		}
	}
}
