// These tests protect the metrics port: which clients get metrics, how often the API server reviews a token, and that clients with an
// allowed token do not wait for clients without one.
package metricsguard

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/util/cache"
)

// testGuard is a guard whose reviews the test answers.
type testGuard struct {
	*guard
	answers map[string]answer // by token; 401 for others
	users   map[string]string // by token
	reviews map[string]int
}

func newTestGuard() *testGuard {
	r := &testGuard{answers: map[string]answer{}, users: map[string]string{}, reviews: map[string]int{}}
	r.guard = newGuard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), func(_ context.Context, token string) (answer, string) {
		r.reviews[token]++
		if code, ok := r.answers[token]; ok {
			return code, r.users[token]
		}
		return http.StatusUnauthorized, ""
	})
	return r
}

// get requests metrics from an address and returns the status code.
func (r *testGuard) get(address, token string) int {
	return r.do(address, map[string]string{"Authorization": "Bearer " + token})
}

func (r *testGuard) do(address string, header map[string]string) int {
	req := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/metrics", http.NoBody)
	req.RemoteAddr = address + ":40000"
	for name, value := range header {
		req.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	return w.Code
}

func (r *testGuard) total() (n int) {
	for _, count := range r.reviews {
		n += count
	}
	return n
}

func TestOnlyAnAuthorizationHeaderCarriesAToken(t *testing.T) {
	r := newTestGuard()
	r.answers["good"] = http.StatusOK
	for name, header := range map[string]map[string]string{
		"none":         {},
		"basic":        {"Authorization": "Basic Z29vZDo="},
		"no scheme":    {"Authorization": "good"},
		"empty bearer": {"Authorization": "Bearer  "},
		"websocket": {
			"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Protocol": "base64url.bearer.authorization.k8s.io.Z29vZA, chat",
		},
		"malformed websocket": {
			"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Protocol": "base64url.bearer.authorization.k8s.io.%%%",
		},
	} {
		if got := r.do("10.0.0.1", header); got != http.StatusUnauthorized || r.total() != 0 {
			t.Errorf("%s: got %d after %d reviews, want 401 after none", name, got, r.total())
		}
	}
	twice := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody)
	twice.Header["Authorization"] = []string{"Bearer good", "Bearer good"}
	w := httptest.NewRecorder()
	if r.ServeHTTP(w, twice); w.Code != http.StatusUnauthorized {
		t.Errorf("two headers: got %d, want 401", w.Code)
	}
	w = httptest.NewRecorder()
	if r.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/metrics", http.NoBody)); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: got %d, want 405", w.Code)
	}
	if got := r.do("10.0.0.1", map[string]string{"Authorization": "bearer good"}); got != http.StatusOK {
		t.Errorf("a scheme in small letters: got %d, want 200", got)
	}
}

func TestAllowedTokensAreReviewedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTestGuard()
		r.answers["good"] = http.StatusOK
		for range 120 {
			if got := r.get("10.0.0.1", "good"); got != http.StatusOK {
				t.Fatalf("got %d, want 200", got)
			}
			time.Sleep(time.Second)
		}
		if n := r.total(); n != 2 {
			t.Errorf("%d reviews in two minutes, want 2", n)
		}
		r.answers["good"] = http.StatusForbidden
		time.Sleep(reviewInterval)
		if got := r.get("10.0.0.1", "good"); got != http.StatusForbidden {
			t.Errorf("got %d after the right was taken away, want 403", got)
		}
	})
}

// TestRequestsThatWaitShareTheReviewThatRefuses protects the API server: the requests that waited while a token was found revoked cause no
// reviews of their own, to which no rate would apply.
func TestRequestsThatWaitShareTheReviewThatRefuses(t *testing.T) {
	r := newTestGuard()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody)
	known := &knownToken{} // what each of the requests found before it waited
	for range 100 {
		if got := r.decideKnown(req, "revoked", r.key.of("revoked"), known); got != http.StatusUnauthorized {
			t.Fatalf("got %d for a revoked token, want 401", got)
		}
	}
	if n := r.total(); n != 1 {
		t.Errorf("%d reviews of one revoked token, want 1", n)
	}
}

func TestAllowedTokensOutlastAnOutageOfTheAPIServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTestGuard()
		r.answers["good"] = http.StatusOK
		r.get("10.0.0.1", "good")
		r.answers["good"], r.answers["new"] = http.StatusServiceUnavailable, http.StatusServiceUnavailable
		for elapsed := time.Duration(0); elapsed < outageGrace; elapsed += 5 * time.Second {
			if got := r.get("10.0.0.1", "good"); got != http.StatusOK {
				t.Fatalf("got %d %s into the outage, want 200", got, elapsed)
			}
			time.Sleep(5 * time.Second)
		}
		if n := r.reviews["good"]; n < 30 || n > int(outageGrace/retryInterval) {
			t.Errorf("%d reviews during an outage of %s, want at most one in %s", n, outageGrace, retryInterval)
		}
		if got := r.get("10.0.0.1", "good"); got != http.StatusServiceUnavailable {
			t.Errorf("got %d after the grace, want 503", got)
		}
		if got := r.get("10.0.0.1", "new"); got != http.StatusServiceUnavailable {
			t.Errorf("got %d for a new token, want 503", got)
		}
		r.answers["good"] = http.StatusOK
		time.Sleep(retryInterval)
		if got := r.get("10.0.0.1", "good"); got != http.StatusOK {
			t.Errorf("got %d after the outage, want 200", got)
		}
	})
}

func TestRefusedTokensAreCachedBriefly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTestGuard()
		r.answers["visitor"] = http.StatusForbidden
		for range 100 {
			if got := r.get("10.0.0.1", "visitor"); got != http.StatusForbidden {
				t.Fatalf("got %d, want 403", got)
			}
		}
		if n := r.total(); n != 1 {
			t.Errorf("%d reviews of one refused token, want 1", n)
		}
		r.answers["visitor"] = http.StatusOK
		time.Sleep(refusalInterval + time.Millisecond)
		if got := r.get("10.0.0.1", "visitor"); got != http.StatusOK {
			t.Errorf("got %d after the right was given, want 200", got)
		}
	})
}

// A flood of unknown tokens must cause few reviews, and must not block a scraper with a new token.
func TestFloodsOfUnknownTokensAreBoundedByAddressAndInAll(t *testing.T) {
	for name, address := range map[string]func(i int) string{
		"one address":    func(int) string { return "10.0.0.66" },
		"one /64":        func(i int) string { return fmt.Sprintf("[2001:db8::%x]", i+1) },
		"many addresses": func(i int) string { return fmt.Sprintf("10.%d.%d.66", i/256, i%256) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newTestGuard()
				r.answers["scraper"], r.answers["renewed"] = http.StatusOK, http.StatusOK
				if got := r.get("10.9.9.9", "scraper"); got != http.StatusOK {
					t.Fatalf("got %d, want 200", got)
				}
				const seconds, each = 60, 100
				for i := range seconds * each {
					if code := r.get(address(i), fmt.Sprintf("bogus %d", i)); code != http.StatusUnauthorized && code != http.StatusTooManyRequests {
						t.Fatalf("a bogus token gets %d", code)
					}
					if i == seconds*each/2 {
						if got := r.get("10.9.9.9", "renewed"); got != http.StatusOK {
							t.Errorf("a renewed token from a known address gets %d, want 200", got)
						}
					}
					time.Sleep(time.Second / each)
				}
				most := burstNewcomers + rateOfNewcomers*seconds + 3
				if name != "many addresses" {
					most = burstOfOne + rateOfOne*seconds + 3
				}
				if n := r.total(); n > most || n < most/2 {
					t.Errorf("%d reviews in %d s, want about %d", n, seconds, most)
				}
				if got := r.get("10.9.9.9", "scraper"); got != http.StatusOK {
					t.Errorf("a known token gets %d in the flood, want 200", got)
				}
				if name == "many addresses" {
					return
				}
				r.answers["newcomer"] = http.StatusOK
				if got := r.get("10.8.8.8", "newcomer"); got != http.StatusOK {
					t.Errorf("a new token from a new address gets %d in the flood, want 200", got)
				}
			})
		})
	}
}

// Clients that keep trying tokens must not take the reviews of a scraper whose token and address are both new, from however many addresses they come.
func TestAddressesThatSentRefusedTokensDoNotDelayNewcomers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTestGuard()
		const addresses, each = 500, 100
		flood := func(seconds int) {
			for i := range seconds * each {
				time.Sleep(time.Second / each)
				r.get(fmt.Sprintf("10.1.%d.%d", i%addresses/250, i%250), fmt.Sprintf("bogus %d", i))
			}
		}
		flood(2 * addresses / rateOfNewcomers) // until each address has sent a refused token
		before := r.total()
		for i := range 20 {
			flood(1)
			token := fmt.Sprintf("newcomer %d", i)
			r.answers[token] = http.StatusOK
			if got := r.get(fmt.Sprintf("10.2.0.%d", i), token); got != http.StatusOK {
				t.Errorf("newcomer %d gets %d in the flood, want 200", i, got)
			}
		}
		if n, most := r.total()-before, burstSuspects+rateOfSuspects*20+20+3; n > most {
			t.Errorf("%d reviews in 20 s, want at most %d", n, most)
		}
	})
}

// A client that tries tokens must not lock out a scraper that shares its address, such as that of a proxy or a node. Who claims to be the
// scraper takes at most the scraper's own rate.
func TestScrapersThatShareAnAddressDoNotLockEachOtherOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTestGuard()
		scraper := func(i int) string {
			token := jwt("system:serviceaccount:monitoring:prometheus", i)
			r.answers[token], r.users[token] = http.StatusOK, "system:serviceaccount:monitoring:prometheus"
			return token
		}
		if got := r.get("10.0.0.66", scraper(0)); got != http.StatusOK {
			t.Fatalf("got %d, want 200", got)
		}
		for i := range 6000 {
			r.get("10.0.0.66", fmt.Sprintf("bogus %d", i))
			r.get("10.0.0.66", jwt(fmt.Sprintf("system:serviceaccount:default:bogus-%d", i), i))
			if i%100 == 50 {
				if got := r.get("10.0.0.66", scraper(i)); got != http.StatusOK {
					t.Errorf("a renewed token gets %d in the flood, want 200", got)
				}
			}
			time.Sleep(10 * time.Millisecond)
		}
		before := r.total()
		for i := range 1000 {
			r.get(fmt.Sprintf("10.3.0.%d", i%4), jwt("system:serviceaccount:monitoring:prometheus", 10000+i))
			time.Sleep(10 * time.Millisecond)
		}
		if n, most := r.total()-before, 5*(burstOfOne+rateOfOne*10); n > most {
			t.Errorf("%d reviews of tokens that claim the name of the scraper, want at most %d", n, most)
		}
	})
}

// jwt returns a token that claims a subject.
func jwt(subject string, i int) string {
	payload := fmt.Sprintf(`{"sub":%q,"jti":"%d"}`, subject, i)
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".c2lnbmF0dXJl"
}

func TestClaimedUser(t *testing.T) {
	for token, want := range map[string]string{
		jwt("somebody", 1): "somebody",
		"":                 "",
		"opaque":           "",
		"a.b":              "",
		"a.%%%.c":          "",
		"a.bm90IEpTT04.c":  "",
		"a." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":1}`)) + ".c": "",
		"a.e30.c": "",
	} {
		if got := claimedUser(token); got != want {
			t.Errorf("claimedUser(%q) = %q, want %q", token, got, want)
		}
	}
}

// Digests must say nothing outside of their process.
func TestDigestsAreKeyed(t *testing.T) {
	one, other := newDigestKey(), newDigestKey()
	if first, again := one.of("token"), one.of("token"); first != again || first == one.of("another") {
		t.Error("a digest does not identify its token")
	}
	if one.of("token") == other.of("token") {
		t.Error("two processes have the same digest of a token")
	}
}

// Unauthenticated clients must not evict allowed tokens from the caches.
func TestCachesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTestGuard()
		r.answers["good"] = http.StatusOK
		r.get("10.0.0.1", "good")
		for i := range 3 * maxRefused {
			r.refused.Add(digest{byte(i), byte(i >> 8)}, answer(http.StatusUnauthorized), refusalInterval)
			r.unknown.trustUser(digest{byte(i), byte(i >> 8)})
		}
		for i := range 2 * maxAddresses {
			address := addressOf(&http.Request{RemoteAddr: fmt.Sprintf("10.1.%d.%d:1", i/256, i%256)})
			r.unknown.limiterOf(address)
			r.unknown.suspect(address)
			r.unknown.trust(address)
			r.unknown.suspect(address)
		}
		if n := len(r.refused.Keys()); n > maxRefused {
			t.Errorf("%d refused tokens are remembered, want at most %d", n, maxRefused)
		}
		for name, list := range map[string]*cache.LRUExpireCache{"limited": r.unknown.addresses, "trusted": r.unknown.trusted, "suspected": r.unknown.suspected} {
			if n := len(list.Keys()); n > maxAddresses {
				t.Errorf("%d %s addresses are remembered, want at most %d", n, name, maxAddresses)
			}
		}
		if n := len(r.unknown.users.Keys()); n > maxUsers {
			t.Errorf("%d users are remembered, want at most %d", n, maxUsers)
		}
		if r.get("10.0.0.1", "good"); r.reviews["good"] != 1 {
			t.Errorf("an allowed token was reviewed %d times, want once", r.reviews["good"])
		}
	})
}
