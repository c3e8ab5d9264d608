package connlimit

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var (
	evictions = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "fastpix_evicted_clients_total",
		Help: "Connections that were closed because the waiting connections exceeded their memory budget, those with the highest memory and delay first.",
	})
	connectionBytes = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "fastpix_connection_bytes",
		Help: "Memory that waiting connections are charged for: unauthenticated, or idle after an authenticated request.",
	}, []string{"state"})
)

func init() { metrics.Registry.MustRegister(evictions, connectionBytes) }
