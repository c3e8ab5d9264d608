package keys

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var secretReads = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "fastpix_secret_reads_total",
	Help: "Reads of signing secrets, by result: ok, or the reason of the Ready condition.",
}, []string{"result"})

func init() { metrics.Registry.MustRegister(secretReads) }
