package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// workload makes events from a seed. Only their times are taken from the clock.
type workload struct {
	random *rand.Rand
}

func newWorkload(seed uint64) *workload {
	return &workload{random: rand.New(rand.NewPCG(seed, 0x66617374706978))}
}

func (w *workload) uuid() uuid {
	var u uuid
	binary.BigEndian.PutUint64(u[:8], w.random.Uint64())
	binary.BigEndian.PutUint64(u[8:], w.random.Uint64())
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	return u
}

// media are ids of media that exist, or will once their first event is mirrored.
func (w *workload) media(n int) []uuid {
	ids := make([]uuid, n)
	for i := range ids {
		ids[i] = w.uuid()
	}
	return ids
}

// The life of a media on the platform, as far as a burst tells it: what most of them go through, and one whose bodies are all
// full media objects.
var (
	lifecycle     = []*template{mediaCreated, mediaReady, trackCreated, mediaUpdated}
	fullLifecycle = []*template{mediaCreated, mediaReady, mp4Ready, mediaUpdated}
)

// burst is what is sent at one endpoint and what its mirrors must say afterwards.
type burst struct {
	tenant   tenant
	requests [][]byte
	// events that differ from each other.
	events int
	want   map[string]expectation // by name of the asset
}

// expectation is what the status of an asset must show.
type expectation struct {
	state     string
	lastEvent string
	lastTime  time.Time
	events    int
}

func newBurst(t tenant) *burst { return &burst{tenant: t, want: map[string]expectation{}} }

// add appends an event to the burst.
func (b *burst) add(e event) {
	b.requests = append(b.requests, b.tenant.request(e.render()))
	b.events++
	name := e.media.String()
	x := b.want[name]
	x.events++
	if e.at.After(x.lastTime) {
		x.state, x.lastEvent, x.lastTime = e.body.state, e.id.String(), e.at
	}
	b.want[name] = x
}

// lives tells the lives of new media, n events in all.
func (w *workload) lives(t tenant, life []*template, n int) *burst {
	b := newBurst(t)
	for _, media := range w.media(n / len(life)) {
		created := w.recently()
		for i, body := range life {
			at := created.Add(time.Duration(i)*2*time.Second + time.Duration(w.random.IntN(1e9)))
			b.add(event{id: w.uuid(), media: media, at: at, created: created, body: body})
		}
	}
	return b
}

// each tells one event about each of the media.
func (w *workload) each(t tenant, media []uuid, body *template) *burst {
	b := newBurst(t)
	for _, id := range media {
		b.add(event{id: w.uuid(), media: id, at: w.now(), created: w.recently(), body: body})
	}
	return b
}

// hot tells n events about one media.
func (w *workload) hot(t tenant, n int) *burst {
	b := newBurst(t)
	media, created, start := w.uuid(), w.recently(), w.now()
	for i := range n {
		at := start.Add(time.Duration(i) * 100 * time.Microsecond)
		b.add(event{id: w.uuid(), media: media, at: at, created: created, body: mediaUpdated})
	}
	return b
}

// recently is a time within the last minutes, long enough ago for a life to fit in.
func (w *workload) recently() time.Time {
	return time.Now().Add(-time.Minute - time.Duration(w.random.IntN(60e9))).UTC()
}

// now is later than every time of an earlier burst, and differs from call to call.
func (w *workload) now() time.Time {
	return time.Now().Add(-time.Second + time.Duration(w.random.IntN(1e6))).UTC()
}

// disturb delivers one event in ten twice and shuffles the deliveries within windows, as a platform that tries again and sends
// from many machines does.
func (w *workload) disturb(b *burst) *burst {
	var all [][]byte
	for i, r := range b.requests {
		all = append(all, r)
		if i%duplicateEvery == 0 {
			all = append(all, r)
		}
	}
	for start := 0; start < len(all); start += shuffleWindow {
		window := all[start:min(len(all), start+shuffleWindow)]
		w.random.Shuffle(len(window), func(i, j int) { window[i], window[j] = window[j], window[i] })
	}
	b.requests = all
	return b
}

// request returns the bytes of a signed POST of a body to the tenant's endpoint.
func (t tenant) request(body []byte) []byte {
	b := make([]byte, 0, len(body)+256)
	b = fmt.Appendf(b, "POST %s HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nFastPix-Signature: %s\r\nContent-Length: ",
		t.path(), fixtures.Sign(t.secret(), body))
	b = strconv.AppendInt(b, int64(len(body)), 10)
	b = append(b, "\r\n\r\n"...)
	return append(b, body...)
}
