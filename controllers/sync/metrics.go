package sync

import (
	"math/rand/v2"
	gosync "sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// The changes that sync causes, and their causes.
const (
	changeCreated  = "created"
	changeRepaired = "repaired"
	changeDeleted  = "deleted"

	causeBackfill = "backfill"
	causeRepair   = "repair"
)

// Metrics of sync. No label holds an id.
var (
	repairs = promauto.With(metrics.Registry).NewCounterVec(prometheus.CounterOpts{
		Name: "fastpix_sync_repairs_total",
		Help: "Mirrors that sync created, repaired or found deleted, by kind and cause. The cause is backfill in the first run of an endpoint; each later repair is a webhook that did not arrive.",
	}, []string{"kind", "change", "cause"})
	runs = promauto.With(metrics.Registry).NewCounterVec(prometheus.CounterOpts{
		Name: "fastpix_sync_runs_total",
		Help: "Runs of sync that ended, by the reason of the condition Synced.",
	}, []string{"result"})
	runSeconds = promauto.With(metrics.Registry).NewHistogram(prometheus.HistogramOpts{
		Name:    "fastpix_sync_run_seconds",
		Help:    "Duration of a complete run of sync.",
		Buckets: prometheus.ExponentialBuckets(1, 2, 14),
	})
	comparedObjects = promauto.With(metrics.Registry).NewCounterVec(prometheus.CounterOpts{
		Name: "fastpix_sync_compared_objects_total",
		Help: "Objects of FastPix that were compared with their mirrors, by kind.",
	}, []string{"kind"})
	_ = promauto.With(metrics.Registry).NewGaugeFunc(prometheus.GaugeOpts{
		Name: "fastpix_sync_oldest_run_age_seconds",
		Help: "Age of the oldest last complete run among the endpoints with spec.sync that are not suspended; of an endpoint without one, the time since this process knows it. 0 if there is none.",
	}, func() float64 { return completed.oldestAge(time.Now()) })
)

func init() {
	// These series exist from the start: a rule or a graph of increases sees the first repair and the first run only then.
	for _, kind := range []record.Kind{record.MediaAsset, record.LiveStream} {
		for _, change := range []string{changeCreated, changeRepaired, changeDeleted} {
			for _, cause := range []string{causeBackfill, causeRepair} {
				repairs.WithLabelValues(string(kind), change, cause)
			}
		}
	}
	for _, result := range []string{
		fastpixv1.ReasonSynced, resultError, fastpixv1.ReasonCredentialsNotFound, fastpixv1.ReasonCredentialsForbidden, fastpixv1.ReasonCredentialsInvalid,
		fastpixv1.ReasonAccessDenied, fastpixv1.ReasonWorkspaceMismatch, fastpixv1.ReasonTooManyMissing, fastpixv1.ReasonTooManyObjects,
	} {
		runs.WithLabelValues(result)
	}
}

// completed holds when the last complete run of each endpoint ended.
var completed completions

// completions holds times by the UID of an endpoint.
type completions struct {
	mu    gosync.Mutex
	times map[types.UID]time.Time
}

func (c *completions) set(uid types.UID, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.times == nil {
		c.times = map[types.UID]time.Time{}
	}
	c.times[uid] = at
}

func (c *completions) remove(uid types.UID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.times, uid)
}

// clear forgets everything, because another process leads now.
func (c *completions) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.times)
}

func (c *completions) oldestAge(now time.Time) float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	age := time.Duration(0)
	for _, at := range c.times {
		age = max(age, now.Sub(at))
	}
	return age.Seconds()
}

// count counts a change that a run has appended to the journal.
func (r *run) count(rec *record.Record, change string) {
	switch change {
	case changeCreated:
		r.report.created++
	case changeRepaired:
		r.report.repaired++
	case changeDeleted:
		r.report.deleted++
	}
	cause := causeRepair
	if r.first || r.endpoint.Spec.PollsOnly() { // an endpoint that takes no webhooks misses none
		cause = causeBackfill
	}
	r.report.addName(record.ObjectName(rec.Changes[0].ID))
	repairs.WithLabelValues(string(rec.Changes[0].Kind), change, cause).Inc()
}

// random returns a number from 0 to 1.
func random() float64 { return rand.Float64() } //nolint:gosec // jitter needs no secret numbers
