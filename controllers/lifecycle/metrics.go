package lifecycle

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var purged = prometheus.NewCounter(prometheus.CounterOpts{
	Name: "fastpix_purged_mirrors_total",
	Help: "Mirrors that were deleted because their retention had passed.",
})

func init() { metrics.Registry.MustRegister(purged) }
