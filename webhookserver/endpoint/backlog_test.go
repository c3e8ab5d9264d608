package endpoint

import (
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

func TestBacklogIsWhatWasCountedAndWhatWasCommittedSince(t *testing.T) {
	t.Parallel()
	var total, tenant atomic.Int64
	b := backlog{total: &total, tenant: &tenant}
	start := time.Now()
	at := func(s float64) time.Time { return start.Add(time.Duration(s * float64(time.Second))) }
	counted := func(pending, failed int64, when time.Time) *fastpixv1.WebhookEndpointStatus {
		return &fastpixv1.WebhookEndpointStatus{PendingEvents: pending, FailedEvents: failed, PendingTime: new(metav1.NewMicroTime(when))}
	}
	check := func(what string, want, wantTotal int64) {
		t.Helper()
		if b.waiting() != want || total.Load() != wantTotal {
			t.Errorf("%s: got %d, %d in all; want %d, %d", what, b.waiting(), total.Load(), want, wantTotal)
		}
		if got := tenant.Load(); got != wantTotal {
			t.Errorf("%s: got %d in the namespace, want %d", what, got, wantTotal)
		}
	}
	for i := range 100 { // ten events a second without a pause
		b.addCommitted(1, at(float64(i)/10))
	}
	check("before any count", 100, 100)
	b.observe(counted(30, 5, at(8)), at(8.5))
	if got := b.waiting(); got < 30+5+20 || got > 30+5+30 {
		t.Errorf("got %d, want what was counted and the last two seconds", got)
	}
	b.observe(counted(10, 5, at(11)), at(11.1))
	check("all is covered by the count", 15, 10)
	b.addCommitted(7, at(12))
	b.observe(counted(10, 5, at(11)), at(12.5))
	check("the same count again", 22, 17)
	b.observe(counted(1, 0, at(-3600)), at(30))
	check("a count by a clock that is an hour late", 1, 1)
	b.drop()
	b.addCommitted(5, at(31))
	check("of a deleted endpoint", 6, 0)
}

func TestBacklogIsBoundedInMemoryWithoutCounts(t *testing.T) {
	t.Parallel()
	var b backlog
	start := time.Now()
	for i := range 10_000 {
		b.addCommitted(1, start.Add(time.Duration(i)*time.Second))
	}
	if b.waiting() != 10_000 || len(b.commits) > maxCommitCounts {
		t.Errorf("got %d in %d tallies", b.waiting(), len(b.commits))
	}
	b.observe(&fastpixv1.WebhookEndpointStatus{PendingTime: new(metav1.NewMicroTime(start.Add(9_990 * time.Second)))}, start.Add(9_990*time.Second))
	if got := b.waiting(); got != 10 {
		t.Errorf("got %d after a count, want the last 10", got)
	}
}
