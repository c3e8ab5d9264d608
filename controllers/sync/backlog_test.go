// These tests protect webhooks from a backfill: few of its records wait at once, and none are added to a journal that nobody folds.
package sync

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

const testBound = 100_000

// counted returns an endpoint with the controllers' count.
func counted(pending, failed int64, at time.Time) *fastpixv1.WebhookEndpoint {
	e := &fastpixv1.WebhookEndpoint{}
	e.Status.PendingEvents, e.Status.FailedEvents, e.Status.PendingTime = pending, failed, new(metav1.NewMicroTime(at))
	return e
}

func TestFewRecordsWaitAtOnce(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	empty := counted(0, 0, now)
	var b backlog
	if !b.hasRoom(empty, testBound, now) {
		t.Error("an empty backlog has no room")
	}
	now = now.Add(time.Second)
	b.add(maxWaiting, now)
	if b.hasRoom(empty, testBound, now) {
		t.Error("records that were just appended do not count")
	}
	if b.hasRoom(counted(maxWaiting, 0, now.Add(time.Second)), testBound, now.Add(time.Second)) {
		t.Error("records that the controllers counted do not count")
	}
	if !b.hasRoom(counted(maxWaiting-1, 0, now.Add(2*time.Second)), testBound, now.Add(2*time.Second)) {
		t.Error("there is no room after a record was folded")
	}
	if !b.hasRoom(counted(0, maxWaiting, now.Add(3*time.Second)), testBound, now.Add(3*time.Second)) {
		t.Error("failed records, which may never be folded, stop a comparison although they are few")
	}
	if b.hasRoom(counted(0, testBound/roomPart, now.Add(4*time.Second)), testBound, now.Add(4*time.Second)) {
		t.Error("there is room although half the bound waits")
	}
}

// TestRecordsThatWereFoldedBetweenTwoCounts protects a comparison from waiting for a count that never comes.
func TestRecordsThatWereFoldedBetweenTwoCounts(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	empty := counted(0, 0, now)
	var b backlog
	b.hasRoom(empty, testBound, now)
	for range 1000 {
		now = now.Add(time.Second)
		b.add(maxWaiting-1, now)
		if now = now.Add(countTimeout + 1); !b.hasRoom(empty, testBound, now) {
			t.Fatal("there is no room long after few records were appended")
		}
	}
}

// TestControllersThatDoNotCount protects the journal: stopped controllers write no count, however long they are awaited.
func TestControllersThatDoNotCount(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	empty := counted(0, 0, now)
	var b backlog
	appended := 0
	for b.hasRoom(empty, testBound, now) && appended < testBound {
		for b.hasRoom(empty, testBound, now) {
			now = now.Add(time.Millisecond)
			b.add(fastpixv1.MaxBatchEvents, now)
			appended += fastpixv1.MaxBatchEvents
		}
		now = now.Add(countTimeout + 1)
	}
	if appended < testBound/roomPart || appended > testBound/roomPart+fastpixv1.MaxBatchEvents {
		t.Errorf("%d records were appended, want half the bound", appended)
	}
	if !b.hasRoom(counted(0, 0, now), testBound, now) {
		t.Error("there is no room after the controllers counted")
	}
}
