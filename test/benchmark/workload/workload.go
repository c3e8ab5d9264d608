package workload

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

// Spread makes the lifecycles of new media, n events in all, shared by the tenants.
func (w *Workload) Spread(tenants []Tenant, n int) *Burst {
	var all [][][]byte
	for i, t := range tenants {
		lifecycles := n/len(Lifecycle)/len(tenants) + order(i < n/len(Lifecycle)%len(tenants))
		all = append(all, w.Lifecycles(t, Lifecycle, lifecycles*len(Lifecycle)).Requests)
	}
	b := newBurst(tenants[0])
	b.Requests = slices.Concat(all...)
	b.Events = len(b.Requests)
	return b
}

func order(one bool) int {
	if one {
		return 1
	}
	return 0
}

func (x expectation) Check(a *fastpixv1.MediaAsset) error {
	s := a.Status
	switch {
	case s.State != x.state:
		return fmt.Errorf("asset %s is %q, not %q", a.Name, s.State, x.state)
	case s.LastEvent == nil || s.LastEvent.ID != x.lastEvent:
		return fmt.Errorf("asset %s has the last event %v, not %s", a.Name, s.LastEvent, x.lastEvent)
	case len(s.RecentEvents) < min(10, x.events):
		return fmt.Errorf("asset %s shows %d of %d events", a.Name, len(s.RecentEvents), x.events)
	}
	return nil
}

const (
	// shuffleWindow is how far events are out of order: each window of so many deliveries is shuffled.
	shuffleWindow = 1000
	// duplicateEvery says that one in so many events is delivered twice.
	duplicateEvery = 10
)

// Workload makes events from a seed. Only their times are taken from the clock.
type Workload struct {
	random *rand.Rand
}

// New returns a workload of a seed.
func New(seed uint64) *Workload {
	return &Workload{random: rand.New(rand.NewPCG(seed, 0x66617374706978))}
}

// NewID returns another id.
func (w *Workload) NewID() UUID {
	var u UUID
	binary.BigEndian.PutUint64(u[:8], w.random.Uint64())
	binary.BigEndian.PutUint64(u[8:], w.random.Uint64())
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	return u
}

// Media are ids of media that exist, or will once their first event is mirrored.
func (w *Workload) Media(n int) []UUID {
	ids := make([]UUID, n)
	for i := range ids {
		ids[i] = w.NewID()
	}
	return ids
}

// The lifecycle of a media in a burst: what most of them go through, and one whose bodies are all
// full media objects.
var (
	Lifecycle     = []*Template{MediaCreated, MediaReady, trackCreated, MediaUpdated}
	FullLifecycle = []*Template{MediaCreated, MediaReady, mp4Ready, MediaUpdated}
	// WholeLifecycle is a life of five events: created, ready, a track, updated, a summary.
	WholeLifecycle = []*Template{MediaCreated, MediaReady, trackCreated, MediaUpdated, summaryReady}
)

// Burst is what is sent at one endpoint and what its mirrors must say afterwards.
type Burst struct {
	Tenant   Tenant
	Requests [][]byte
	// Events that differ from each other.
	Events int
	Want   map[string]expectation // by name of the asset
}

// expectation is what the status of an asset must show.
type expectation struct {
	state     string
	lastEvent string
	lastTime  time.Time
	events    int
}

func newBurst(t Tenant) *Burst { return &Burst{Tenant: t, Want: map[string]expectation{}} }

// Add appends an event to the burst.
func (b *Burst) Add(e Event) {
	b.Requests = append(b.Requests, b.Tenant.request(e.render()))
	b.Events++
	name := e.Media.String()
	x := b.Want[name]
	x.events++
	if e.At.After(x.lastTime) {
		x.state, x.lastEvent, x.lastTime = e.Body.state, e.ID.String(), e.At
	}
	b.Want[name] = x
}

// Lifecycles makes the lifecycles of new media, n events in all.
func (w *Workload) Lifecycles(t Tenant, lifecycle []*Template, n int) *Burst {
	b := newBurst(t)
	for _, media := range w.Media(n / len(lifecycle)) {
		created := w.Recently()
		for i, body := range lifecycle {
			at := created.Add(time.Duration(i)*2*time.Second + time.Duration(w.random.IntN(1e9)))
			b.Add(Event{ID: w.NewID(), Media: media, At: at, Created: created, Body: body})
		}
	}
	return b
}

// Each makes one event about each of the media.
func (w *Workload) Each(t Tenant, media []UUID, body *Template) *Burst {
	b := newBurst(t)
	for _, id := range media {
		b.Add(Event{ID: w.NewID(), Media: id, At: w.Now(), Created: w.Recently(), Body: body})
	}
	return b
}

// Hot makes n events about one media.
func (w *Workload) Hot(t Tenant, n int) *Burst {
	b := newBurst(t)
	media, created, start := w.NewID(), w.Recently(), w.Now()
	for i := range n {
		at := start.Add(time.Duration(i) * 100 * time.Microsecond)
		b.Add(Event{ID: w.NewID(), Media: media, At: at, Created: created, Body: MediaUpdated})
	}
	return b
}

// Recently is a time within the last minutes, long enough ago for a lifecycle.
func (w *Workload) Recently() time.Time {
	return time.Now().Add(-time.Minute - time.Duration(w.random.IntN(60e9))).UTC()
}

// Now is later than every time of an earlier burst, and differs from call to call.
func (w *Workload) Now() time.Time {
	return time.Now().Add(-time.Second + time.Duration(w.random.IntN(1e6))).UTC()
}

// Disturb delivers one event in ten twice and shuffles the deliveries within windows, as a platform that tries again and sends
// from many machines does.
func (w *Workload) Disturb(b *Burst) *Burst {
	var all [][]byte
	for i, r := range b.Requests {
		all = append(all, r)
		if i%duplicateEvery == 0 {
			all = append(all, r)
		}
	}
	for start := 0; start < len(all); start += shuffleWindow {
		window := all[start:min(len(all), start+shuffleWindow)]
		w.random.Shuffle(len(window), func(i, j int) { window[i], window[j] = window[j], window[i] })
	}
	b.Requests = all
	return b
}
