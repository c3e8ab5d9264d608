package lifecycle

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var purged = promauto.With(metrics.Registry).NewCounter(prometheus.CounterOpts{
	Name: "fastpix_purged_mirrors_total",
	Help: "Mirrors that were deleted because their retention had passed.",
})
