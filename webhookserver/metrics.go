package webhookserver

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// Metrics of the receiver. No label holds an ID or a text of a sender.
var (
	deliveries = promauto.With(metrics.Registry).NewCounterVec(prometheus.CounterOpts{
		Name: "fastpix_deliveries_total",
		Help: "Deliveries by result and, once verified, by event type. Types that are not in the catalogue are \"other\".",
	}, []string{"result", "type"})
	deliverySeconds = promauto.With(metrics.Registry).NewHistogramVec(prometheus.HistogramOpts{
		Name:    "fastpix_delivery_seconds",
		Help:    "Time from the header of a delivery to its answer, by status code.",
		Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16),
	}, []string{"code"})
	verificationFailures = promauto.With(metrics.Registry).NewCounterVec(prometheus.CounterOpts{
		Name: "fastpix_verification_failures_total",
		Help: "Deliveries that could not be verified, by reason: missing, mismatch, or repeated (the header came twice).",
	}, []string{"reason"})
	inFlightDeliveries = promauto.With(metrics.Registry).NewGauge(prometheus.GaugeOpts{
		Name: "fastpix_in_flight_deliveries",
		Help: "Verified deliveries that wait for the journal now.",
	})
	skippedFields = promauto.With(metrics.Registry).NewCounter(prometheus.CounterOpts{
		Name: "fastpix_skipped_fields_total",
		Help: "Fields of verified events that are not mirrored because they have an unexpected form.",
	})
	unknownEvents = promauto.With(metrics.Registry).NewCounterVec(prometheus.CounterOpts{
		Name: "fastpix_unknown_events_total",
		Help: "Acknowledged events of types that are not in the catalogue, by the family of their prefix. They change no object.",
	}, []string{"family"})
	untimedEvents = promauto.With(metrics.Registry).NewCounter(prometheus.CounterOpts{
		Name: "fastpix_untimed_events_total",
		Help: "Accepted events without a credible time.",
	})
)

func init() {
	// These series exist from the start: an alert can then notice that no event arrives, or the first malformed delivery. The increase of a series
	// that begins with a refusal does not count this refusal.
	for _, o := range []result{resultMalformed, resultUnauthorized, resultSuspended, resultIncomplete, resultKeyUnread} {
		deliveries.WithLabelValues(string(o), "")
		deliverySeconds.WithLabelValues(strconv.Itoa(o.status()))
	}
	verificationFailures.WithLabelValues(reasonMismatch)
	deliverySeconds.WithLabelValues(strconv.Itoa(resultAccepted.status()))
	for _, t := range record.Catalogue() {
		deliveries.WithLabelValues(string(resultAccepted), t.Name)
	}
}

// typeLabel returns the label of a type: its name in the catalogue, or "other".
func typeLabel(t record.Type, known bool) string {
	if known {
		return t.Name
	}
	return "other"
}
