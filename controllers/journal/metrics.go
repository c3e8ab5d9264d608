package journal

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var implausibleBatches = promauto.With(metrics.Registry).NewCounter(prometheus.CounterOpts{
	Name: "fastpix_incredible_batches_total",
	Help: "EventBatches with event counts that no receiver writes. Such a batch is read, and its counts are ignored.",
})
