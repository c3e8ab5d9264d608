package endpoint

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/fastpix-operator/fastpix-operator/controllers/journal"
)

// The gauges of the journal have no labels. They exist only while this process is the leader and publishes them.
var (
	pendingEvents = promauto.With(metrics.Registry).NewGaugeVec(prometheus.GaugeOpts{
		Name: "fastpix_pending_events",
		Help: "Events that are acknowledged and not yet mirrored.",
	}, nil)
	failedEvents = promauto.With(metrics.Registry).NewGaugeVec(prometheus.GaugeOpts{
		Name: "fastpix_failed_events",
		Help: "Events that could not be mirrored and are retried.",
	}, nil)
	oldestPending = promauto.With(metrics.Registry).NewGaugeVec(prometheus.GaugeOpts{
		Name: "fastpix_oldest_pending_age_seconds",
		Help: "Age of the oldest batch of the journal that has not failed.",
	}, nil)
)

// observeBacklog sets the gauges of the journal.
func observeBacklog(t journal.Totals, now time.Time) {
	var pending, failed int64
	for _, n := range t.Pending {
		pending += n
	}
	for _, n := range t.Failed {
		failed += n
	}
	age := 0.0
	if !t.Oldest.IsZero() {
		age = max(0, now.Sub(t.Oldest).Seconds())
	}
	pendingEvents.WithLabelValues().Set(float64(pending))
	failedEvents.WithLabelValues().Set(float64(failed))
	oldestPending.WithLabelValues().Set(age)
}

// forgetBacklog removes the gauges of the journal. A process that is no longer the leader must not export stale values.
func forgetBacklog() {
	pendingEvents.Reset()
	failedEvents.Reset()
	oldestPending.Reset()
}
