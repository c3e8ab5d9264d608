package journal

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// Metrics of the journal.
var (
	commitRecords = promauto.With(metrics.Registry).NewHistogram(prometheus.HistogramOpts{
		Name:    "fastpix_journal_commit_records",
		Help:    "Number of events in one committed batch of the journal.",
		Buckets: prometheus.ExponentialBuckets(1, 2, 9),
	})
	commitSeconds = promauto.With(metrics.Registry).NewHistogram(prometheus.HistogramOpts{
		Name:    "fastpix_journal_commit_seconds",
		Help:    "Duration of one commit to the journal, including retries.",
		Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
	})
	commitFailures = promauto.With(metrics.Registry).NewCounterVec(prometheus.CounterOpts{
		Name: "fastpix_journal_commit_failures_total",
		Help: "Failed attempts to commit, by reason: refused (the API server does not accept the content) or unavailable (the attempt is retried).",
	}, []string{"reason"})
)
