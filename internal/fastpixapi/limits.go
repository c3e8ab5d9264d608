package fastpixapi

import (
	"container/list"
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxBuckets bounds the credentials whose rate is remembered. Beyond, the credentials that were not used for the longest time are forgotten.
const maxBuckets = 4096

// limits holds a token bucket for each set of credentials, and the pauses that the API asked for. All endpoints with the same credentials share a
// bucket.
type limits struct {
	rate rate.Limit
	now  func() time.Time

	mu      sync.Mutex
	buckets map[[sha256.Size]byte]*list.Element
	used    list.List // of *bucket, the one that was used last first
}

type bucket struct {
	key     [sha256.Size]byte
	limiter *rate.Limiter
	until   time.Time // no request before that time
}

func newLimits(perSecond float64, now func() time.Time) *limits {
	return &limits{rate: rate.Limit(perSecond), now: now, buckets: map[[sha256.Size]byte]*list.Element{}}
}

// wait returns when a request with the credentials may be sent, or when the context ends.
func (l *limits) wait(ctx context.Context, c Credentials) error {
	b := l.bucket(c)
	for {
		l.mu.Lock()
		pause := b.until.Sub(l.now())
		l.mu.Unlock()
		if pause <= 0 {
			return b.limiter.Wait(ctx)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// pause sends no request with the credentials for that long.
func (l *limits) pause(c Credentials, length time.Duration) {
	b := l.bucket(c)
	l.mu.Lock()
	defer l.mu.Unlock()
	if until := l.now().Add(length); until.After(b.until) {
		b.until = until
	}
}

func (l *limits) bucket(c Credentials) *bucket {
	key := c.digest()
	l.mu.Lock()
	defer l.mu.Unlock()
	if e, ok := l.buckets[key]; ok {
		l.used.MoveToFront(e)
		return e.Value.(*bucket) //nolint:forcetypeassert // the list holds nothing else
	}
	b := &bucket{key: key, limiter: rate.NewLimiter(l.rate, 1)}
	l.buckets[key] = l.used.PushFront(b)
	if l.used.Len() > maxBuckets {
		oldest := l.used.Remove(l.used.Back()).(*bucket) //nolint:forcetypeassert // the list holds nothing else
		delete(l.buckets, oldest.key)
	}
	return b
}
