package mirror

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/fastpix-operator/fastpix-operator/controllers/journal"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// Metrics of the mirrors' reconciler. No label holds an id.
var (
	recordsFolded = promauto.With(metrics.Registry).NewCounterVec(prometheus.CounterOpts{
		Name: "fastpix_folded_events_total",
		Help: "Events by kind of mirror and result: folded into the mirror, failed or discarded.",
	}, []string{"kind", "result"})
	statusWrites = promauto.With(metrics.Registry).NewCounterVec(prometheus.CounterOpts{
		Name: "fastpix_status_writes_total",
		Help: "Writes of a mirror's status, by kind of mirror.",
	}, []string{"kind"})
	writesSaved = promauto.With(metrics.Registry).NewCounter(prometheus.CounterOpts{
		Name: "fastpix_writes_saved_total",
		Help: "Events that needed no status write of their own, because one write folded several or nothing changed.",
	})
	foldLatency = promauto.With(metrics.Registry).NewHistogram(prometheus.HistogramOpts{
		Name:    "fastpix_fold_latency_seconds",
		Help:    "Time from the receipt of an event to the write of its mirror's status.",
		Buckets: prometheus.ExponentialBuckets(0.005, 2, 16),
	})
	eventLag = promauto.With(metrics.Registry).NewHistogram(prometheus.HistogramOpts{
		Name:    "fastpix_event_lag_seconds",
		Help:    "Time from an event, as FastPix dates it, to the write of its mirror's status.",
		Buckets: prometheus.ExponentialBuckets(0.05, 2, 20),
	})
	untimedEvents = promauto.With(metrics.Registry).NewCounter(prometheus.CounterOpts{
		Name: "fastpix_folded_untimed_events_total",
		Help: "Folded events without a credible time.",
	})
	expiredEvents = promauto.With(metrics.Registry).NewCounter(prometheus.CounterOpts{
		Name: "fastpix_expired_events_total",
		Help: "Events that were discarded because their mirror does not exist and they are not newer than what was purged.",
	})
	omittedEvents = promauto.With(metrics.Registry).NewCounter(prometheus.CounterOpts{
		Name: "fastpix_omitted_notes_total",
		Help: "Kubernetes Events about mirrors that were omitted because of the rate limit.",
	})
)

func init() {
	for _, kind := range []record.Kind{record.MediaAsset, record.LiveStream} {
		recordsFolded.WithLabelValues(string(kind), "discarded") // an alert sees the first one only if the series existed before
	}
}

// observe counts the entries of one reconciliation by their outcome.
func observe(key record.Key, entries []journal.Entry, o Outcome, now time.Time) {
	kind, folded := string(key.Kind), len(entries)-o.discarded-len(o.failed)
	for result, n := range map[string]int{"folded": folded, "failed": len(o.failed), "discarded": o.discarded} {
		recordsFolded.WithLabelValues(kind, result).Add(float64(n))
	}
	if o.discardReason == discardedExpired {
		expiredEvents.Add(float64(o.discarded))
	}
	if folded == 0 {
		return
	}
	if o.written {
		folded--
	}
	writesSaved.Add(float64(folded))
	for i, e := range entries {
		if _, failed := o.failed[i]; failed {
			continue
		}
		foldLatency.Observe(now.Sub(e.Record.Received.Time).Seconds())
		switch {
		case record.IsObservation(e.Record.Type): // its time is not that of what happened
		case e.Record.Untimed:
			untimedEvents.Inc()
		default:
			eventLag.Observe(now.Sub(e.Record.Time.Time).Seconds())
		}
	}
}
