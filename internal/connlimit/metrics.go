package connlimit

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var (
	evictions = promauto.With(metrics.Registry).NewCounter(prometheus.CounterOpts{
		Name: "fastpix_evicted_clients_total",
		Help: "Connections that were closed because the waiting connections exceeded their memory budget, those with the highest memory and delay first.",
	})
	connectionBytes = promauto.With(metrics.Registry).NewGaugeVec(prometheus.GaugeOpts{
		Name: "fastpix_connection_bytes",
		Help: "Memory that waiting connections are charged for: unauthenticated, or idle after an authenticated request.",
	}, []string{"state"})
)
