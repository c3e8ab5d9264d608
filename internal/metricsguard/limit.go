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

// The rates at which unknown tokens are reviewed, in reviews per second, and the bursts.
const (
	ratePerAddress, burstPerAddress = 1, 5
	rateInAll, burstInAll           = 10, 30
)

// maxAddresses bounds the addresses whose rate is kept, and those that are trusted. addressLifetime bounds how long they are kept.
const (
	maxAddresses    = 1024
	addressLifetime = 2 * time.Hour
)

// ipv6SiteBits is the part of an IPv6 address that one client cannot choose: a host may use every address of its /64.
const ipv6SiteBits = 64

// limits bound the reviews of unknown tokens, for each client address and in total. An address that has sent an allowed token before is not subject to
// the total rate, so that a scraper whose token has changed does not compete with a flood from many addresses.
type limits struct {
	inAll flowcontrol.PassiveRateLimiter

	mu        sync.Mutex
	addresses *cache.LRUExpireCache // netip.Addr to flowcontrol.PassiveRateLimiter
	trusted   *cache.LRUExpireCache // netip.Addr to nothing
}

func newLimits() *limits {
	return &limits{
		inAll:     flowcontrol.NewTokenBucketPassiveRateLimiter(rateInAll, burstInAll),
		addresses: cache.NewLRUExpireCache(maxAddresses), trusted: cache.NewLRUExpireCache(maxAddresses),
	}
}

// allow takes one review from the rates, and reports whether the review is allowed.
func (l *limits) allow(address netip.Addr) bool {
	if !l.limiterOf(address).TryAccept() {
		return false
	}
	if _, ok := l.trusted.Get(address); ok {
		return true
	}
	return l.inAll.TryAccept()
}

// limiterOf returns the rate limiter of an address.
func (l *limits) limiterOf(address netip.Addr) flowcontrol.PassiveRateLimiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if limiter, ok := l.addresses.Get(address); ok {
		return limiter.(flowcontrol.PassiveRateLimiter)
	}
	limiter := flowcontrol.NewTokenBucketPassiveRateLimiter(ratePerAddress, burstPerAddress)
	l.addresses.Add(address, limiter, addressLifetime)
	return limiter
}

// trust records that an address has sent an allowed token.
func (l *limits) trust(address netip.Addr) { l.trusted.Add(address, nil, addressLifetime) }

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
