package fastpixapi

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var (
	requests = promauto.With(metrics.Registry).NewCounterVec(prometheus.CounterOpts{
		Name: "fastpix_sync_api_requests_total",
		Help: "Requests to FastPix's management API by the status code of the answer; none if there was no answer.",
	}, []string{"code"})
	requestSeconds = promauto.With(metrics.Registry).NewHistogram(prometheus.HistogramOpts{
		Name:    "fastpix_sync_api_request_seconds",
		Help:    "Duration of one request to FastPix's management API, without the wait for its turn.",
		Buckets: prometheus.ExponentialBuckets(0.01, 2, 11),
	})
)

// codeLabel returns a status code as a label, within a bounded set of values.
func codeLabel(code int) string {
	if code == 0 {
		return "none"
	}
	if http.StatusText(code) == "" && code != 524 { // 524 is documented by FastPix
		return "other"
	}
	return strconv.Itoa(code)
}
