package fastpixapi

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/util/cache"

	"github.com/fastpix-operator/fastpix-operator/internal/clock"
)

const (
	// maxBuckets bounds the credentials whose rate is remembered. Beyond, the credentials that were not used for the longest time are forgotten.
	maxBuckets = 4096
	// bucketTTL is how long unused credentials are remembered. It is longer than every pause.
	bucketTTL = 24 * time.Hour
)

// limits holds a token bucket for each set of credentials, and the pauses that the API asked for. All endpoints with the same credentials share a
// bucket.
type limits struct {
	rate rate.Limit

	mu      sync.Mutex
	buckets *cache.LRUExpireCache // of *bucket, by the digest of the credentials
}

type bucket struct {
	limiter *rate.Limiter
	until   time.Time // no request before that time
}

func newLimits(perSecond float64) *limits {
	return &limits{rate: rate.Limit(perSecond), buckets: cache.NewLRUExpireCache(maxBuckets)}
}

// wait returns when a request with the credentials may be sent, or when the context ends.
func (l *limits) wait(ctx context.Context, c Credentials) error {
	for {
		l.mu.Lock()
		b := l.bucket(c)
		pause := time.Until(b.until)
		l.mu.Unlock()
		if pause <= 0 {
			return b.limiter.Wait(ctx)
		}
		if !clock.Sleep(ctx, pause) {
			return ctx.Err()
		}
	}
}

// paused returns how long no request with the credentials is sent.
func (l *limits) paused(c Credentials) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(0, time.Until(l.bucket(c).until))
}

// pause sends no request with the credentials for that long.
func (l *limits) pause(c Credentials, length time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(c)
	b.until = clock.Latest(b.until, time.Now().Add(length))
}

// bucket returns the bucket of credentials. The caller holds the lock.
func (l *limits) bucket(c Credentials) *bucket {
	key := c.digest()
	held, _ := l.buckets.Get(key)
	b, ok := held.(*bucket)
	if !ok {
		b = &bucket{limiter: rate.NewLimiter(l.rate, 1)}
	}
	l.buckets.Add(key, b, bucketTTL)
	return b
}
