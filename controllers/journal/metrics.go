package journal

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var implausibleBatches = prometheus.NewCounter(prometheus.CounterOpts{
	Name: "fastpix_incredible_batches_total",
	Help: "EventBatches whose event counts no receiver writes. They are read, and their counts are not believed.",
})

func init() { metrics.Registry.MustRegister(implausibleBatches) }
