package metricsguard

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/cache"
	"k8s.io/client-go/util/flowcontrol"
)

// The rates at which unknown tokens are reviewed, in reviews per second, and the bursts. One address and one user have the same rate.
const (
	rateOfOne, burstOfOne           = 1, 5
	rateOfNewcomers, burstNewcomers = 10, 30
	rateOfSuspects, burstSuspects   = 5, 10
)

// maxAddresses bounds the addresses of each list, and maxUsers the users. lifetime bounds how long they are kept.
const (
	maxAddresses = 4096
	maxUsers     = 256
	lifetime     = 2 * time.Hour
)

// ipv6SiteBits is the part of an IPv6 address that one client cannot choose: a host may use every address of its /64.
const ipv6SiteBits = 64

// limits bound the reviews of unknown tokens, so that clients that try tokens cannot delay a scraper with a new token:
//
//   - A token that claims to belong to a user who had an allowed token counts against the rate of that user.
//   - Any other token counts against the rate of its address, and then, unless an allowed token came from there before, against one of two
//     rates in total: one for addresses that have sent a refused token, one for the others.
type limits struct {
	newcomers, suspects flowcontrol.PassiveRateLimiter

	mu        sync.Mutex
	addresses *cache.LRUExpireCache // netip.Addr to flowcontrol.PassiveRateLimiter
	users     *cache.LRUExpireCache // digest of a name to flowcontrol.PassiveRateLimiter; only users who had an allowed token
	trusted   *cache.LRUExpireCache // netip.Addr to nothing
	suspected *cache.LRUExpireCache // netip.Addr to nothing
}

func newLimits() *limits {
	return &limits{
		newcomers: flowcontrol.NewTokenBucketPassiveRateLimiter(rateOfNewcomers, burstNewcomers),
		suspects:  flowcontrol.NewTokenBucketPassiveRateLimiter(rateOfSuspects, burstSuspects),
		addresses: cache.NewLRUExpireCache(maxAddresses), users: cache.NewLRUExpireCache(maxUsers),
		trusted: cache.NewLRUExpireCache(maxAddresses), suspected: cache.NewLRUExpireCache(maxAddresses),
	}
}

// allow takes one review from the rates, and reports whether the review is allowed. The user is the one that the token claims.
func (l *limits) allow(address netip.Addr, user digest) bool {
	if limiter, ok := l.users.Get(user); ok && limiter.(flowcontrol.PassiveRateLimiter).TryAccept() {
		return true
	}
	if !l.limiterOf(address).TryAccept() {
		return false
	}
	if _, ok := l.trusted.Get(address); ok {
		return true
	}
	if _, ok := l.suspected.Get(address); ok {
		return l.suspects.TryAccept()
	}
	return l.newcomers.TryAccept()
}

// limiterOf returns the rate limiter of an address.
func (l *limits) limiterOf(address netip.Addr) flowcontrol.PassiveRateLimiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if limiter, ok := l.addresses.Get(address); ok {
		return limiter.(flowcontrol.PassiveRateLimiter)
	}
	limiter := flowcontrol.NewTokenBucketPassiveRateLimiter(rateOfOne, burstOfOne)
	l.addresses.Add(address, limiter, lifetime)
	return limiter
}

// trust records that an address has sent an allowed token.
func (l *limits) trust(address netip.Addr) {
	l.trusted.Add(address, nil, lifetime)
	l.suspected.Remove(address)
}

// trustUser records that a user had an allowed token.
func (l *limits) trustUser(user digest) {
	limiter, ok := l.users.Get(user)
	if !ok {
		limiter = flowcontrol.NewTokenBucketPassiveRateLimiter(rateOfOne, burstOfOne)
	}
	l.users.Add(user, limiter, lifetime)
}

// suspect records that an address has sent a refused token.
func (l *limits) suspect(address netip.Addr) { l.suspected.Add(address, nil, lifetime) }

// addressOf returns the part of a client's address that the client cannot choose; the invalid address if the request has none.
func addressOf(r *http.Request) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	address, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	if address = address.Unmap().WithZone(""); address.Is4() {
		return address
	}
	prefix, err := address.Prefix(ipv6SiteBits)
	if err != nil {
		return netip.Addr{}
	}
	return prefix.Addr()
}
