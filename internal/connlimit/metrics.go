package connlimit

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var (
	evictions = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "fastpix_evicted_clients_total",
		Help: "Connections closed because those that wait exceeded their budget of memory and these had taken most for longest.",
	})
	connectionBytes = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "fastpix_connection_bytes",
		Help: "Memory that waiting connections are charged for: unauthenticated, or idle after an authenticated request.",
	}, []string{"state"})
)

func init() { metrics.Registry.MustRegister(evictions, connectionBytes) }
