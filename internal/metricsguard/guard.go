package metricsguard

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/util/cache"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

const (
	// reviewInterval is how long a review of an allowed token is valid. A token that is revoked or loses its right is refused after that time.
	reviewInterval = time.Minute
	// outageGrace is how long an allowed token stays allowed while the API server does not answer. Metrics are needed most during an outage.
	outageGrace = 10 * time.Minute
	// refusalInterval is how long a review of a refused token is valid. It is short, because the token may be given the right meanwhile.
	refusalInterval = 10 * time.Second
	// retryInterval is how long the API server is not asked again about an allowed token when it did not answer.
	retryInterval = 10 * time.Second
	// knownLifetime is how long a token that was allowed counts as known. Tokens of service accounts change about once an hour.
	knownLifetime = 2 * time.Hour
	// maxKnown and maxRefused bound the caches.
	maxKnown   = 256
	maxRefused = 1024
)

// answer is the HTTP status code for a token. 200 means that the token may read metrics. 503 means that the API server did not answer.
type answer int

// reviewFunc asks the API server about a token. It also returns the name of the user to whom an allowed token belongs.
type reviewFunc func(ctx context.Context, token string) (code answer, user string)

// guard is the handler of a metrics endpoint.
type guard struct {
	metrics http.Handler
	review  reviewFunc
	key     digestKey
	unknown *limits
	now     func() time.Time
	known   *cache.LRUExpireCache // tokens that were allowed: digest to *knownToken
	refused *cache.LRUExpireCache // digest to answer
}

// knownToken is a token that was allowed.
type knownToken struct {
	mu       sync.Mutex // held while the token is reviewed, so that many requests cause one review
	reviewed time.Time  // when the API server last allowed it
	failed   time.Time  // when the API server last did not answer about it
	refusal  answer     // why it is not allowed any more, for requests that waited during that review; 0 while it is allowed
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

func newGuard(metrics http.Handler, review reviewFunc) *guard {
	return &guard{
		metrics: metrics, review: review, key: newDigestKey(), unknown: newLimits(), now: time.Now,
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

// decide returns the answer for a token, from a cache or by a review within the limits.
func (g *guard) decide(r *http.Request, token string) answer {
	id := g.key.of(token)
	if known, ok := g.known.Get(id); ok {
		return g.decideKnown(r, token, id, known.(*knownToken))
	}
	if code, ok := g.refused.Get(id); ok {
		return code.(answer)
	}
	address := addressOf(r)
	if !g.unknown.allow(address, g.key.of(claimedUser(token))) {
		return http.StatusTooManyRequests
	}
	code, user := g.review(context.WithoutCancel(r.Context()), token)
	switch code {
	case http.StatusOK:
		g.unknown.trust(address)
		if user != "" {
			g.unknown.trustUser(g.key.of(user))
		}
		g.known.Add(id, &knownToken{reviewed: g.now()}, knownLifetime)
	case http.StatusUnauthorized, http.StatusForbidden:
		g.unknown.suspect(address)
		g.refused.Add(id, code, refusalInterval)
	}
	return code
}

// decideKnown returns the answer for a token that was allowed before. It reviews the token again if the last review is too old.
func (g *guard) decideKnown(r *http.Request, token string, id digest, known *knownToken) answer {
	known.mu.Lock()
	defer known.mu.Unlock()
	if known.refusal != 0 {
		return known.refusal
	}
	if g.now().Sub(known.reviewed) < reviewInterval {
		return http.StatusOK
	}
	if g.now().Sub(known.failed) >= retryInterval {
		switch code, _ := g.review(context.WithoutCancel(r.Context()), token); code {
		case http.StatusOK:
			known.reviewed = g.now()
			g.known.Add(id, known, knownLifetime)
			return http.StatusOK
		case http.StatusServiceUnavailable:
			known.failed = g.now()
		default:
			known.refusal = code
			g.known.Remove(id)
			g.refused.Add(id, code, refusalInterval)
			return code
		}
	}
	if g.now().Sub(known.reviewed) < outageGrace {
		return http.StatusOK
	}
	return http.StatusServiceUnavailable
}
