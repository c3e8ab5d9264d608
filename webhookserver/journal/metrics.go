package journal

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// Metrics of the journal.
var (
	commitRecords = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "fastpix_journal_commit_records",
		Help:    "Events in one committed batch of the journal.",
		Buckets: prometheus.ExponentialBuckets(1, 2, 9),
	})
	commitSeconds = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "fastpix_journal_commit_seconds",
		Help:    "Time of one commit to the journal, retries included.",
		Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
	})
	commitFailures = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "fastpix_journal_commit_failures_total",
		Help: "Attempts to commit that failed, by reason: refused (by the API server, for good) or unavailable (tried again).",
	}, []string{"reason"})
)

func init() { metrics.Registry.MustRegister(commitRecords, commitSeconds, commitFailures) }
