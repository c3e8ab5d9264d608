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
	// Lifetime is how long a key verifies deliveries after it was read. A key that was replaced in its Secret ends within this time, even
	// if reads fail.
	Lifetime = time.Minute
	// secretTimeout bounds one read of all Secrets of an endpoint.
	secretTimeout = 5 * time.Second
	// rereadInterval is the least time between two reads of one endpoint's Secrets, however many deliveries ask for a read.
	rereadInterval = time.Second
	// rereadTimeout is how long a delivery waits for a read: as long as for the journal.
	rereadTimeout = 3 * time.Second
	// maxReadAge is how old the last read may be when a delivery arrives that may not cause a read. By an older read its signature is not
	// called wrong.
	maxReadAge = 2 * rereadInterval
	// maxRereadWaiters bounds the deliveries to one endpoint that wait for a read, and maxAllRereadWaiters those to all endpoints: each
	// keeps its body in memory while it waits. A delivery beyond them is checked by the last read, if that is recent.
	maxRereadWaiters    = 256
	maxAllRereadWaiters = 1024
	// rereadsPerSecond and rereadBurst bound the reads that the deliveries to all endpoints together cause. One namespace may cause one
	// part in rereadShare of them.
	rereadsPerSecond = 20
	rereadBurst      = 50
	rereadShare      = 4
)

// ReadLimit bounds the reads that deliveries cause. All keyrings of a receiver share it.
type ReadLimit struct {
	reads   flowcontrol.PassiveRateLimiter
	shares  sync.Map // rate limiters by namespace
	waiting atomic.Int64
}

// NewReadLimit returns the limit of one receiver.
func NewReadLimit() *ReadLimit {
	return &ReadLimit{reads: flowcontrol.NewTokenBucketPassiveRateLimiter(rereadsPerSecond, rereadBurst)}
}

// allow takes one read from the share of the namespace and from the limit of all.
func (l *ReadLimit) allow(namespace string) bool {
	share, ok := l.shares.Load(namespace)
	if !ok {
		share, _ = l.shares.LoadOrStore(namespace, flowcontrol.NewTokenBucketPassiveRateLimiter(rereadsPerSecond/rereadShare, rereadBurst/rereadShare))
	}
	return share.(flowcontrol.PassiveRateLimiter).TryAccept() && l.reads.TryAccept()
}

// Keyring holds the signing keys of one endpoint as they were last read. It belongs to one UID of the endpoint.
type Keyring struct {
	reader    client.Reader
	namespace string
	limit     *ReadLimit
	now       func() time.Time
	onChange  func() // called when a read has shown a change

	mu             sync.Mutex
	states         map[fastpixv1.SigningSecretReference]State
	lastBegan      time.Time     // when the last read began
	lastEndedBegan time.Time     // when the last read that has ended began
	running        chan struct{} // closed when the running read ends; nil if none is running
	changedAt      time.Time     // when the last read that showed a change began
	waiting        int           // deliveries that wait for a read
}

// NewKeyring returns the keyring of an endpoint in that namespace. It calls onChange, if that is not nil, when a read has shown a change.
func NewKeyring(reader client.Reader, namespace string, limit *ReadLimit, now func() time.Time, onChange func()) *Keyring {
	return &Keyring{reader: reader, namespace: namespace, limit: limit, now: now, onChange: onChange}
}

// State is what a keyring knows of one signing secret.
type State struct {
	Reading              // the last one
	lastAnswer Reading   // the last one in which the API server answered about the Secret's content
	ReadAt     time.Time // when lastAnswer was read
	// UnansweredSince is when the first of the last reads began that got no answer about the Secret's content; zero if the last one got an
	// answer.
	UnansweredSince time.Time
}

// ValidKey returns the key if it may verify deliveries at that time.
func (s State) ValidKey(now time.Time) (signature.Key, bool) {
	return s.lastAnswer.key, s.lastAnswer.Problem == "" && !s.ReadAt.IsZero() && now.Sub(s.ReadAt) < Lifetime
}

// Forget drops all keys. Call it for an endpoint that has no signing secret any more. A read that is running stores its result afterwards, and then
// reports the change, so that the caller can forget that result too.
func (k *Keyring) Forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.states = nil
}

// Usable holds the keys that may verify a delivery.
type Usable struct {
	Keys []signature.Key
	// Complete says that they are all keys that the spec names: a signature that fits none of them is wrong.
	Complete bool
}

// Usable returns the keys that the spec names now and that were read within Lifetime.
func (k *Keyring) Usable(spec *fastpixv1.WebhookEndpointSpec) Usable {
	now := k.now()
	k.mu.Lock()
	defer k.mu.Unlock()
	u := Usable{Complete: true}
	for _, ref := range spec.SigningSecrets {
		if key, ok := k.states[WithDefaultKey(ref)].ValidKey(now); ok {
			u.Keys = append(u.Keys, key)
		} else {
			u.Complete = false
		}
	}
	return u
}

// States returns the state of each signing secret of the spec, in the order of the spec.
func (k *Keyring) States(spec *fastpixv1.WebhookEndpointSpec) []State {
	k.mu.Lock()
	defer k.mu.Unlock()
	states := make([]State, 0, len(spec.SigningSecrets))
	for _, ref := range spec.SigningSecrets {
		states = append(states, k.states[WithDefaultKey(ref)])
	}
	return states
}

// Due returns when the next read of the Secrets is due at that interval: at once if a Secret was never read.
func (k *Keyring) Due(spec *fastpixv1.WebhookEndpointSpec, interval time.Duration) time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, ref := range spec.SigningSecrets {
		if _, ok := k.states[WithDefaultKey(ref)]; !ok {
			return time.Time{}
		}
	}
	return k.lastBegan.Add(interval)
}

// Refresh waits until a read has ended that began at since or later, or until the context ends. Callers share reads.
func (k *Keyring) Refresh(ctx context.Context, spec *fastpixv1.WebhookEndpointSpec, since time.Time) {
	k.awaitRead(ctx, spec, since, func() bool { return true })
}

// Reread is Refresh for a delivery that no key verifies. It gives up when too many deliveries wait, or after rereadTimeout. It reports
// whether the last read is recent: by an older read the signature of a new key would be called wrong.
func (k *Keyring) Reread(ctx context.Context, spec *fastpixv1.WebhookEndpointSpec, since time.Time) (recent bool) {
	ctx, cancel := context.WithTimeout(ctx, rereadTimeout)
	defer cancel()
	defer k.removeWaiter()
	if k.addWaiter() {
		k.awaitRead(ctx, spec, since, func() bool { return k.limit.allow(k.namespace) })
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.lastEndedBegan.After(since.Add(-maxReadAge))
}

// addWaiter counts a delivery among those that wait. It reports whether the delivery may wait. The caller calls removeWaiter in any case.
func (k *Keyring) addWaiter() (allowed bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.waiting++
	return k.limit.waiting.Add(1) <= maxAllRereadWaiters && k.waiting <= maxRereadWaiters
}

func (k *Keyring) removeWaiter() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.waiting--
	k.limit.waiting.Add(-1)
}

// awaitRead waits until a read has ended that began at since or later. It begins reads itself if allowed returns true.
func (k *Keyring) awaitRead(ctx context.Context, spec *fastpixv1.WebhookEndpointSpec, since time.Time, allowed func() bool) {
	for ctx.Err() == nil {
		running, pause := k.nextRead(ctx, spec, since, allowed)
		switch {
		case running != nil:
			select {
			case <-running:
			case <-ctx.Done():
			}
		case pause > 0:
			clock.Sleep(ctx, pause)
		default:
			return
		}
	}
}

// nextRead returns the read to wait for, which it may have begun, or how long to pause before the next read may begin. It returns neither
// if there is nothing to wait for.
func (k *Keyring) nextRead(
	ctx context.Context, spec *fastpixv1.WebhookEndpointSpec, since time.Time, allowed func() bool,
) (running <-chan struct{}, pause time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	switch pause := k.lastBegan.Add(rereadInterval).Sub(now); {
	case k.running != nil:
		return k.running, 0
	case !k.lastBegan.Before(since) && !k.lastBegan.IsZero():
		return nil, 0
	case pause > 0:
		return nil, pause
	case !allowed():
		return nil, 0
	}
	k.lastBegan, k.running = now, make(chan struct{})
	// The read serves all waiting callers, so it outlives the caller that began it.
	go k.read(context.WithoutCancel(ctx), spec.SigningSecrets, now, k.running)
	return k.running, 0
}

// read reads the Secrets and stores the result. It closes running at its end.
func (k *Keyring) read(ctx context.Context, refs []fastpixv1.SigningSecretReference, began time.Time, running chan struct{}) {
	// At a high log level client-go logs the content of what it reads, to the logger of the context.
	ctx, cancel := context.WithTimeout(logr.NewContext(ctx, logr.Discard()), secretTimeout)
	defer cancel()
	s := secretReader{reader: k.reader, namespace: k.namespace, results: map[string]secretResult{}}
	readings := make(map[fastpixv1.SigningSecretReference]Reading, len(refs))
	for _, ref := range refs {
		readings[WithDefaultKey(ref)] = s.key(ctx, WithDefaultKey(ref))
	}
	if k.store(readings, began) && k.onChange != nil {
		k.onChange()
	}
	close(running)
}

// store stores the result of a read and reports whether it shows a change.
func (k *Keyring) store(readings map[fastpixv1.SigningSecretReference]Reading, began time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.running, k.lastEndedBegan = nil, began
	states := make(map[fastpixv1.SigningSecretReference]State, len(readings))
	for ref, r := range readings {
		states[ref] = k.states[ref].with(r, began)
	}
	same := maps.EqualFunc(states, k.states, func(a, b State) bool {
		return a.Problem == b.Problem && a.Detail == b.Detail && a.Immutable == b.Immutable && a.key.Equal(b.key)
	})
	k.states = states
	if !same {
		k.changedAt = began
	}
	return !same
}

// ReadSince reports whether the last read that has ended began after that time.
func (k *Keyring) ReadSince(at time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.lastEndedBegan.After(at)
}

// ChangedAt returns when the last read began that showed a change.
func (k *Keyring) ChangedAt() time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.changedAt
}

// with returns the state after one more reading. If the API server gave no answer about the Secret's content, because it was unavailable or
// forbade the read, the key of the last answer stays until its lifetime ends: an API server that starts forbids everything for a moment.
func (s State) with(r Reading, began time.Time) State {
	switch r.Problem {
	case fastpixv1.ReasonSecretForbidden, fastpixv1.ReasonSecretUnreadable:
		next := State{Reading: r, lastAnswer: s.lastAnswer, ReadAt: s.ReadAt, UnansweredSince: s.UnansweredSince}
		if next.UnansweredSince.IsZero() {
			next.UnansweredSince = began
		}
		return next
	}
	return State{Reading: r, lastAnswer: r, ReadAt: began}
}

// WithDefaultKey sets the default key of a reference. An old API server may not have set it.
func WithDefaultKey(ref fastpixv1.SigningSecretReference) fastpixv1.SigningSecretReference {
	if ref.Key == "" {
		ref.Key = fastpixv1.DefaultSigningSecretKey
	}
	return ref
}
