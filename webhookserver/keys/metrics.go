package keys

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var secretReads = promauto.With(metrics.Registry).NewCounterVec(prometheus.CounterOpts{
	Name: "fastpix_secret_reads_total",
	Help: "Reads of signing secrets, by result: ok, or the reason of the Ready condition.",
}, []string{"result"})
