package webhookserver

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
	// keyLifetime is how long a key verifies after it was read: what was replaced in its Secret ends with it, even if reads fail.
	keyLifetime = time.Minute
	// secretTimeout bounds one read of all Secrets of an endpoint.
	secretTimeout = 5 * time.Second
	// rereadInterval is the least time between two reads of one endpoint's Secrets, however many deliveries ask for one.
	rereadInterval = time.Second
	// rereadPatience is how long a delivery waits for a read: as long as for the journal.
	rereadPatience = 3 * time.Second
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

// rereadLimit is the bound that the keyrings of a receiver share.
type rereadLimit struct {
	reads   flowcontrol.PassiveRateLimiter
	shares  sync.Map // by namespace
	waiting atomic.Int64
}

func newRereadLimit() *rereadLimit {
	return &rereadLimit{reads: flowcontrol.NewTokenBucketPassiveRateLimiter(rereadsPerSecond, rereadBurst)}
}

// allows takes a read from a namespace's share and from what there is in all.
func (l *rereadLimit) allows(namespace string) bool {
	share, ok := l.shares.Load(namespace)
	if !ok {
		share, _ = l.shares.LoadOrStore(namespace, flowcontrol.NewTokenBucketPassiveRateLimiter(rereadsPerSecond/rereadShare, rereadBurst/rereadShare))
	}
	return share.(flowcontrol.PassiveRateLimiter).TryAccept() && l.reads.TryAccept()
}

// keyring holds the signing keys of one endpoint as they were last read. It never outlives the endpoint's UID.
type keyring struct {
	reader    client.Reader
	namespace string
	limit     *rereadLimit
	now       func() time.Time
	changed   func() // called when a read showed something new

	mu      sync.Mutex
	states  map[fastpixv1.SigningSecretReference]keyState
	started time.Time     // when the last read began
	ended   time.Time     // when the last read that has ended began
	flight  chan struct{} // closed when the read that is under way ends; nil if none is
	news    time.Time     // when a read last showed something new
	waiting int           // deliveries that wait for a read
}

// newKeyring makes the keyring of an endpoint in that namespace. It calls changed, if that is not nil, when a read showed something new.
func newKeyring(reader client.Reader, namespace string, limit *rereadLimit, now func() time.Time, changed func()) *keyring {
	return &keyring{reader: reader, namespace: namespace, limit: limit, now: now, changed: changed}
}

// keyState is what is known of one signing secret.
type keyState struct {
	reading           // the last one
	held    reading   // the last one that had an answer about the Secret's content
	readAt  time.Time // when held was read
	// unansweredSince is when the first of the last reads began that had no answer about the Secret's content; zero if the last one had.
	unansweredSince time.Time
}

// fresh returns the key if it may verify at that time.
func (s keyState) fresh(now time.Time) (signature.Key, bool) {
	return s.held.key, s.held.problem == "" && !s.readAt.IsZero() && now.Sub(s.readAt) < keyLifetime
}

// usableKeys are the keys that may verify a delivery.
type usableKeys struct {
	keys []signature.Key
	// complete says that they are all that the spec names: what none of them verifies is forged.
	complete bool
}

// usable returns the keys that the spec names now and that were read within keyLifetime.
func (k *keyring) usable(spec *fastpixv1.WebhookEndpointSpec) usableKeys {
	now := k.now()
	k.mu.Lock()
	defer k.mu.Unlock()
	u := usableKeys{complete: true}
	for _, ref := range spec.SigningSecrets {
		if key, ok := k.states[normal(ref)].fresh(now); ok {
			u.keys = append(u.keys, key)
		} else {
			u.complete = false
		}
	}
	return u
}

// snapshot returns what is known of each signing secret of the spec, in its order.
func (k *keyring) snapshot(spec *fastpixv1.WebhookEndpointSpec) []keyState {
	k.mu.Lock()
	defer k.mu.Unlock()
	states := make([]keyState, 0, len(spec.SigningSecrets))
	for _, ref := range spec.SigningSecrets {
		states = append(states, k.states[normal(ref)])
	}
	return states
}

// due returns when the Secrets are to be read again if they are read at that pace: at once if one never was.
func (k *keyring) due(spec *fastpixv1.WebhookEndpointSpec, pace time.Duration) time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, ref := range spec.SigningSecrets {
		if _, ok := k.states[normal(ref)]; !ok {
			return time.Time{}
		}
	}
	return k.started.Add(pace)
}

// refresh returns when a read that began at since or later has ended, or the context has. Reads are shared.
func (k *keyring) refresh(ctx context.Context, spec *fastpixv1.WebhookEndpointSpec, since time.Time) {
	k.awaitRead(ctx, spec, since, func() bool { return true })
}

// reread is refresh for a delivery that no key verifies. It gives up when too many ask for one, or after rereadPatience, and reports
// whether the last read is recent enough all the same: by an older one a new key's signature would be called wrong.
func (k *keyring) reread(ctx context.Context, spec *fastpixv1.WebhookEndpointSpec, since time.Time) (recent bool) {
	ctx, cancel := context.WithTimeout(ctx, rereadPatience)
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
func (k *keyring) enter() (room bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.waiting++
	return k.limit.waiting.Add(1) <= maxAllRereadWaiters && k.waiting <= maxRereadWaiters
}

func (k *keyring) leave() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.waiting--
	k.limit.waiting.Add(-1)
}

func (k *keyring) awaitRead(ctx context.Context, spec *fastpixv1.WebhookEndpointSpec, since time.Time, allowed func() bool) {
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
func (k *keyring) nextRead(
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

func (k *keyring) read(ctx context.Context, refs []fastpixv1.SigningSecretReference, began time.Time, flight chan struct{}) {
	// client-go logs what it reads to a context's logger, if that is to tell everything.
	ctx, cancel := context.WithTimeout(logr.NewContext(ctx, logr.Discard()), secretTimeout)
	defer cancel()
	s := secrets{reader: k.reader, namespace: k.namespace, read: map[string]readSecret{}}
	readings := make(map[fastpixv1.SigningSecretReference]reading, len(refs))
	for _, ref := range refs {
		readings[normal(ref)] = s.key(ctx, normal(ref))
	}
	if k.store(readings, began) && k.changed != nil {
		k.changed()
	}
	close(flight)
}

// store takes over what was read and reports whether it says something new.
func (k *keyring) store(readings map[fastpixv1.SigningSecretReference]reading, began time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.flight, k.ended = nil, began
	states := make(map[fastpixv1.SigningSecretReference]keyState, len(readings))
	for ref, r := range readings {
		states[ref] = k.states[ref].with(r, began)
	}
	same := maps.EqualFunc(states, k.states, func(a, b keyState) bool {
		return a.problem == b.problem && a.detail == b.detail && a.fixed == b.fixed && a.key.Equal(b.key)
	})
	k.states = states
	if !same {
		k.news = began
	}
	return !same
}

// readSince reports whether the last read that has ended began after that time.
func (k *keyring) readSince(at time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.ended.After(at)
}

// newsAt is when a read last showed something new.
func (k *keyring) newsAt() time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.news
}

// with returns the state after one more reading. A read that got no answer about the Secret's content, because the API server was
// away or did not allow it, leaves the key that was read before until its lifetime ends: an API server that starts forbids
// everything for a moment.
func (s keyState) with(r reading, began time.Time) keyState {
	switch r.problem {
	case fastpixv1.ReasonSecretForbidden, fastpixv1.ReasonSecretUnreadable:
		next := keyState{reading: r, held: s.held, readAt: s.readAt, unansweredSince: s.unansweredSince}
		if next.unansweredSince.IsZero() {
			next.unansweredSince = began
		}
		return next
	}
	return keyState{reading: r, held: r, readAt: began}
}

// normal gives a reference its default key, which an old API server may not have set.
func normal(ref fastpixv1.SigningSecretReference) fastpixv1.SigningSecretReference {
	if ref.Key == "" {
		ref.Key = fastpixv1.DefaultSigningSecretKey
	}
	return ref
}
