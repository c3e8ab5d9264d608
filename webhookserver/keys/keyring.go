package keys

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/util/flowcontrol"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/clock"
	"github.com/fastpix-operator/fastpix-operator/webhookserver/signature"
)

const (
	// Lifetime is how long a key verifies after it was read: what was replaced in its Secret ends with it, even if reads fail.
	Lifetime = time.Minute
	// secretTimeout bounds one read of all Secrets of an endpoint.
	secretTimeout = 5 * time.Second
	// rereadInterval is the least time between two reads of one endpoint's Secrets, however many deliveries ask for one.
	rereadInterval = time.Second
	// rereadTimeout is how long a delivery waits for a read: as long as for the journal.
	rereadTimeout = 3 * time.Second
	// recentRead is how old the last read may be, when a delivery arrives that may cause none, for its signature to be called wrong by it.
	recentRead = 2 * rereadInterval
	// maxRereadWaiters bounds the deliveries to one endpoint that wait for a read, and maxAllRereadWaiters those to all: each holds
	// its body meanwhile. Further ones are judged by the last read, if it is recent.
	maxRereadWaiters    = 256
	maxAllRereadWaiters = 1024
	// rereadsPerSecond and rereadBurst bound the reads that deliveries to all endpoints together cause; a namespace's share of them is a
	// rereadShare-th.
	rereadsPerSecond = 20
	rereadBurst      = 50
	rereadShare      = 4
)

// ReadLimit is the bound that the keyrings of a receiver share.
type ReadLimit struct {
	reads   flowcontrol.PassiveRateLimiter
	shares  sync.Map // by namespace
	waiting atomic.Int64
}

// NewReadLimit makes the bound.
func NewReadLimit() *ReadLimit {
	return &ReadLimit{reads: flowcontrol.NewTokenBucketPassiveRateLimiter(rereadsPerSecond, rereadBurst)}
}

// allows takes a read from a namespace's share and from what there is in all.
func (l *ReadLimit) allows(namespace string) bool {
	share, ok := l.shares.Load(namespace)
	if !ok {
		share, _ = l.shares.LoadOrStore(namespace, flowcontrol.NewTokenBucketPassiveRateLimiter(rereadsPerSecond/rereadShare, rereadBurst/rereadShare))
	}
	return share.(flowcontrol.PassiveRateLimiter).TryAccept() && l.reads.TryAccept()
}

// Keyring holds the signing keys of one endpoint as they were last read. It never outlives the endpoint's UID.
type Keyring struct {
	reader    client.Reader
	namespace string
	limit     *ReadLimit
	now       func() time.Time
	changed   func() // called when a read showed something new

	mu      sync.Mutex
	states  map[fastpixv1.SigningSecretReference]State
	started time.Time     // when the last read began
	ended   time.Time     // when the last read that has ended began
	flight  chan struct{} // closed when the read that is under way ends; nil if none is
	news    time.Time     // when a read last showed something new
	waiting int           // deliveries that wait for a read
}

// NewKeyring makes the keyring of an endpoint in that namespace. It calls changed, if that is not nil, when a read showed something new.
func NewKeyring(reader client.Reader, namespace string, limit *ReadLimit, now func() time.Time, changed func()) *Keyring {
	return &Keyring{reader: reader, namespace: namespace, limit: limit, now: now, changed: changed}
}

// State is what is known of one signing secret.
type State struct {
	Reading           // the last one
	held    Reading   // the last one that had an answer about the Secret's content
	ReadAt  time.Time // when held was read
	// UnansweredSince is when the first of the last reads began that had no answer about the Secret's content; zero if the last one had.
	UnansweredSince time.Time
}

// Fresh returns the key if it may verify at that time.
func (s State) Fresh(now time.Time) (signature.Key, bool) {
	return s.held.key, s.held.Problem == "" && !s.ReadAt.IsZero() && now.Sub(s.ReadAt) < Lifetime
}

// Usable are the keys that may verify a delivery.
type Usable struct {
	Keys []signature.Key
	// Complete says that they are all that the spec names: what none of them verifies is forged.
	Complete bool
}

// Usable returns the keys that the spec names now and that were read within Lifetime.
func (k *Keyring) Usable(spec *fastpixv1.WebhookEndpointSpec) Usable {
	now := k.now()
	k.mu.Lock()
	defer k.mu.Unlock()
	u := Usable{Complete: true}
	for _, ref := range spec.SigningSecrets {
		if key, ok := k.states[WithDefaultKey(ref)].Fresh(now); ok {
			u.Keys = append(u.Keys, key)
		} else {
			u.Complete = false
		}
	}
	return u
}

// Snapshot returns what is known of each signing secret of the spec, in its order.
func (k *Keyring) Snapshot(spec *fastpixv1.WebhookEndpointSpec) []State {
	k.mu.Lock()
	defer k.mu.Unlock()
	states := make([]State, 0, len(spec.SigningSecrets))
	for _, ref := range spec.SigningSecrets {
		states = append(states, k.states[WithDefaultKey(ref)])
	}
	return states
}

// Due returns when the Secrets are to be read again if they are read at that pace: at once if one never was.
func (k *Keyring) Due(spec *fastpixv1.WebhookEndpointSpec, pace time.Duration) time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, ref := range spec.SigningSecrets {
		if _, ok := k.states[WithDefaultKey(ref)]; !ok {
			return time.Time{}
		}
	}
	return k.started.Add(pace)
}

// Refresh returns when a read that began at since or later has ended, or the context has. Reads are shared.
func (k *Keyring) Refresh(ctx context.Context, spec *fastpixv1.WebhookEndpointSpec, since time.Time) {
	k.awaitRead(ctx, spec, since, func() bool { return true })
}

// Reread is refresh for a delivery that no key verifies. It gives up when too many ask for one, or after rereadTimeout, and reports
// whether the last read is recent enough all the same: by an older one a new key's signature would be called wrong.
func (k *Keyring) Reread(ctx context.Context, spec *fastpixv1.WebhookEndpointSpec, since time.Time) (recent bool) {
	ctx, cancel := context.WithTimeout(ctx, rereadTimeout)
	defer cancel()
	defer k.leave()
	if k.enter() {
		k.awaitRead(ctx, spec, since, func() bool { return k.limit.allows(k.namespace) })
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.ended.After(since.Add(-recentRead))
}

// enter counts a delivery among those that wait, whether or not there is room for it.
func (k *Keyring) enter() (room bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.waiting++
	return k.limit.waiting.Add(1) <= maxAllRereadWaiters && k.waiting <= maxRereadWaiters
}

func (k *Keyring) leave() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.waiting--
	k.limit.waiting.Add(-1)
}

func (k *Keyring) awaitRead(ctx context.Context, spec *fastpixv1.WebhookEndpointSpec, since time.Time, allowed func() bool) {
	for ctx.Err() == nil {
		flight, pause := k.nextRead(ctx, spec, since, allowed)
		switch {
		case flight != nil:
			select {
			case <-flight:
			case <-ctx.Done():
			}
		case pause > 0:
			clock.Sleep(ctx, pause)
		default:
			return
		}
	}
}

// nextRead returns the read to wait for, which it may have begun, or how long to pause before the next may begin; neither if
// there is nothing to wait for.
func (k *Keyring) nextRead(
	ctx context.Context, spec *fastpixv1.WebhookEndpointSpec, since time.Time, allowed func() bool,
) (flight <-chan struct{}, pause time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	switch pause := k.started.Add(rereadInterval).Sub(now); {
	case k.flight != nil:
		return k.flight, 0
	case !k.started.Before(since) && !k.started.IsZero():
		return nil, 0
	case pause > 0:
		return nil, pause
	case !allowed():
		return nil, 0
	}
	k.started, k.flight = now, make(chan struct{})
	// Whoever asked first may go; the read serves all who wait.
	go k.read(context.WithoutCancel(ctx), spec.SigningSecrets, now, k.flight)
	return k.flight, 0
}

func (k *Keyring) read(ctx context.Context, refs []fastpixv1.SigningSecretReference, began time.Time, flight chan struct{}) {
	// client-go logs what it reads to a context's logger, if that is to tell everything.
	ctx, cancel := context.WithTimeout(logr.NewContext(ctx, logr.Discard()), secretTimeout)
	defer cancel()
	s := secretReader{reader: k.reader, namespace: k.namespace, read: map[string]readSecret{}}
	readings := make(map[fastpixv1.SigningSecretReference]Reading, len(refs))
	for _, ref := range refs {
		readings[WithDefaultKey(ref)] = s.key(ctx, WithDefaultKey(ref))
	}
	if k.store(readings, began) && k.changed != nil {
		k.changed()
	}
	close(flight)
}

// store takes over what was read and reports whether it says something new.
func (k *Keyring) store(readings map[fastpixv1.SigningSecretReference]Reading, began time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.flight, k.ended = nil, began
	states := make(map[fastpixv1.SigningSecretReference]State, len(readings))
	for ref, r := range readings {
		states[ref] = k.states[ref].with(r, began)
	}
	same := maps.EqualFunc(states, k.states, func(a, b State) bool {
		return a.Problem == b.Problem && a.Detail == b.Detail && a.Immutable == b.Immutable && a.key.Equal(b.key)
	})
	k.states = states
	if !same {
		k.news = began
	}
	return !same
}

// ReadSince reports whether the last read that has ended began after that time.
func (k *Keyring) ReadSince(at time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.ended.After(at)
}

// NewsAt is when a read last showed something new.
func (k *Keyring) NewsAt() time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.news
}

// with returns the state after one more reading. A read that got no answer about the Secret's content, because the API server was
// away or did not allow it, leaves the key that was read before until its lifetime ends: an API server that starts forbids
// everything for a moment.
func (s State) with(r Reading, began time.Time) State {
	switch r.Problem {
	case fastpixv1.ReasonSecretForbidden, fastpixv1.ReasonSecretUnreadable:
		next := State{Reading: r, held: s.held, ReadAt: s.ReadAt, UnansweredSince: s.UnansweredSince}
		if next.UnansweredSince.IsZero() {
			next.UnansweredSince = began
		}
		return next
	}
	return State{Reading: r, held: r, ReadAt: began}
}

// WithDefaultKey gives a reference its default key, which an old API server may not have set.
func WithDefaultKey(ref fastpixv1.SigningSecretReference) fastpixv1.SigningSecretReference {
	if ref.Key == "" {
		ref.Key = fastpixv1.DefaultSigningSecretKey
	}
	return ref
}
