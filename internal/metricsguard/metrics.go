package metricsguard

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// labels are the results of refused requests, by status code.
var labels = map[int]string{
	http.StatusMethodNotAllowed:   "method",
	http.StatusUnauthorized:       "unauthorized",
	http.StatusForbidden:          "forbidden",
	http.StatusTooManyRequests:    "limited",
	http.StatusServiceUnavailable: "unavailable",
}

var requests = promauto.With(metrics.Registry).NewCounterVec(prometheus.CounterOpts{
	Name: "fastpix_refused_scrapes_total",
	Help: "Refused requests for metrics by reason: unauthorized (no valid token), forbidden (a token without the right), " +
		"limited (too many unknown tokens), unavailable (the API server did not answer about the token), method.",
}, []string{"reason"})

func init() {
	for _, label := range labels {
		requests.WithLabelValues(label)
	}
}
