package metricsguard

import (
	"context"
	"crypto/sha256"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/util/cache"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

const (
	// reviewInterval is how long an answer about an allowed token holds, so a token that is revoked or loses its right stops within it.
	reviewInterval = time.Minute
	// outageGrace is how long an allowed token stays allowed while the API server gives no answer about it: metrics are needed most then.
	outageGrace = 10 * time.Minute
	// refusalInterval is how long an answer about a refused token holds. It is short, because a right may be given meanwhile.
	refusalInterval = 10 * time.Second
	// knownLifetime is how long a token that was allowed is told from unknown ones. Tokens of service accounts change about once an hour.
	knownLifetime = 2 * time.Hour
	// maxKnown and maxRefused bound what is remembered.
	maxKnown   = 256
	maxRefused = 1024
)

// digest stands for a token, so that no token is kept in memory.
type digest [sha256.Size]byte

// answer is the status code that a token gets. 200 means that it may read metrics; 503 that the API server did not say.
type answer int

// guard is the handler of a metrics endpoint.
type guard struct {
	metrics http.Handler
	review  func(ctx context.Context, token string) answer
	unknown *limits
	now     func() time.Time
	known   *cache.LRUExpireCache // tokens that were allowed: digest to *knownToken
	refused *cache.LRUExpireCache // digest to answer
}

// knownToken is a token that was allowed.
type knownToken struct {
	mu       sync.Mutex // held while the token is reviewed, so that many requests cause one review
	reviewed time.Time  // when the API server last allowed it
}

// New returns a filter for a metrics server. It has the form of metricsserver.Options.FilterProvider.
func New(config *rest.Config, client *http.Client) (metricsserver.Filter, error) {
	clients, err := kubernetes.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, err
	}
	r := reviewer{tokens: clients.AuthenticationV1().TokenReviews(), access: clients.AuthorizationV1().SubjectAccessReviews()}
	return func(_ logr.Logger, metrics http.Handler) (http.Handler, error) {
		return newGuard(metrics, r.review), nil
	}, nil
}

func newGuard(metrics http.Handler, review func(context.Context, string) answer) *guard {
	return &guard{
		metrics: metrics, review: review, unknown: newLimits(), now: time.Now,
		known: cache.NewLRUExpireCache(maxKnown), refused: cache.NewLRUExpireCache(maxRefused),
	}
}

// ServeHTTP serves metrics to clients with an allowed token.
func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", http.MethodGet)
		refuse(w, http.StatusMethodNotAllowed)
		return
	}
	code := answer(http.StatusUnauthorized)
	if token := bearerToken(r); token != "" {
		code = g.decide(r, token)
	}
	if code != http.StatusOK {
		refuse(w, int(code))
		return
	}
	g.metrics.ServeHTTP(w, r)
}

func refuse(w http.ResponseWriter, code int) {
	requests.WithLabelValues(labels[code]).Inc()
	switch code {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", "Bearer")
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "5")
	}
	http.Error(w, http.StatusText(code), code)
}

// bearerToken returns the token of a request's one Authorization header, empty if there is none. No other header counts: the API server's
// own library also reads a token from Sec-WebSocket-Protocol.
func bearerToken(r *http.Request) string {
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return ""
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// decide answers a token: from memory, or by a review if the limits allow one.
func (g *guard) decide(r *http.Request, token string) answer {
	id := digest(sha256.Sum256([]byte(token)))
	if known, ok := g.known.Get(id); ok {
		return g.decideKnown(r, token, id, known.(*knownToken))
	}
	if code, ok := g.refused.Get(id); ok {
		return code.(answer)
	}
	address := addressOf(r)
	if !g.unknown.allow(address) {
		return http.StatusTooManyRequests
	}
	code := g.review(context.WithoutCancel(r.Context()), token)
	switch code {
	case http.StatusOK:
		g.unknown.trust(address)
		g.known.Add(id, &knownToken{reviewed: g.now()}, knownLifetime)
	case http.StatusUnauthorized, http.StatusForbidden:
		g.refused.Add(id, code, refusalInterval)
	}
	return code
}

// decideKnown answers a token that was allowed before. It is reviewed again when the last answer is too old.
func (g *guard) decideKnown(r *http.Request, token string, id digest, known *knownToken) answer {
	known.mu.Lock()
	defer known.mu.Unlock()
	age := g.now().Sub(known.reviewed)
	if age < reviewInterval {
		return http.StatusOK
	}
	code := g.review(context.WithoutCancel(r.Context()), token)
	switch {
	case code == http.StatusOK:
		known.reviewed = g.now()
		g.known.Add(id, known, knownLifetime)
	case code == http.StatusServiceUnavailable && age < outageGrace:
		return http.StatusOK
	case code != http.StatusServiceUnavailable:
		g.known.Remove(id)
		g.refused.Add(id, code, refusalInterval)
	}
	return code
}
