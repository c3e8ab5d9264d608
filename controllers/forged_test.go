package controllers

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/journal"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// receivedAt returns an event with the same time of happening and receipt.
func receivedAt(id string, at time.Time, title string) *record.Record {
	change := media(testMedia, "Ready")
	change.Media.Title = &title
	e := event(id, "video.media.ready", 0, change)
	e.Time, e.Received = new(metav1.NewMicroTime(at)), metav1.NewMicroTime(at)
	return e
}

// TestFutureReceiptWaits protects a mirror and its endpoint's status from a record that would win over every later event.
func TestFutureReceiptWaits(t *testing.T) {
	genuine := event("e1", "video.media.ready", 1, media(testMedia, "Ready"))
	forged := receivedAt("e9", time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), "Forged")
	c := newFakeClient(t, interceptor.Funcs{}, newBatch(t, "b1", forged, genuine))
	env := newTestEnv(t, c)
	if err := env.run(); err != nil {
		t.Fatal(err)
	}
	for range 3 { // retries change nothing
		env.now = env.now.Add(2 * time.Hour)
		if err := env.run(); err != nil {
			t.Fatal(err)
		}
	}
	if got := env.asset(testMedia).Status; got.State != "Ready" || got.LastEvent == nil || got.LastEvent.ID != "e1" {
		t.Errorf("the mirror is %+v", got)
	}
	left := batches(t, c)
	if len(left) != 1 || len(left[0].Spec.Events) != 1 || left[0].Status.Failed[0].Reason != journal.ReasonReceivedLater {
		t.Fatalf("left is %+v", left)
	}
	if err := env.publisher.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	var e fastpixv1.WebhookEndpoint
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: testNamespace, Name: "fastpix"}, &e); err != nil {
		t.Fatal(err)
	}
	if got := e.Status.LastEventTime; got == nil || !got.Equal(&genuine.Received) {
		t.Errorf("the last event came at %v", got)
	}
}

// TestPastReceiptIsFolded protects the events of a receiver whose clock is ahead: no event is lost, and the mirror becomes the same.
func TestPastReceiptIsFolded(t *testing.T) {
	early, late := receivedAt("e1", testStart.Add(30*time.Minute), "Early"), receivedAt("e2", testStart.Add(time.Hour), "Late")
	for name, records := range map[string][]*record.Record{"one order": {early, late}, "the other": {late, early}} {
		c := newFakeClient(t, interceptor.Funcs{}, newBatch(t, "b1", records...))
		env := newTestEnv(t, c)
		for range 6 {
			if err := env.run(); err != nil {
				t.Fatal(err)
			}
			env.now = env.now.Add(20 * time.Minute)
		}
		if left := batches(t, c); len(left) > 0 {
			t.Errorf("%s: %d batches are left", name, len(left))
		}
		if got := env.asset(testMedia).Status; got.LastEvent == nil || got.LastEvent.ID != "e2" || got.Title != "Late" || len(got.RecentEvents) != 2 {
			t.Errorf("%s: the mirror is %+v", name, got)
		}
	}
}

// TestCountsComeFromRecords protects an endpoint from forged counts of a batch. Before it is read, a batch counts for at most as many
// events as it may hold. After that, it counts for the records in it. Names of endpoints that do not exist are not kept.
func TestCountsComeFromRecords(t *testing.T) {
	key := types.NamespacedName{Namespace: testNamespace, Name: "fastpix"}
	for name, tt := range map[string]struct {
		says                string
		wantFirst, wantRead int64
	}{
		"a genuine count":  {"video/fastpix=1", 1, 1},
		"as many as fit":   {"video/fastpix=256", 256, 1},
		"a forged count":   {"video/fastpix=1000000000", 0, 1},
		"another endpoint": {"a/b=100,c/d=100,video/fastpix=1", 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			unreadable := event("e1", "video.media.ready", 1, media(testMedia, "Ready"))
			unreadable.Version = record.ObservationVersion + 1
			b := newBatch(t, "b1", unreadable)
			b.Labels = map[string]string{fastpixv1.FailedLabel: "true"}
			b.Annotations[fastpixv1.EventCountsAnnotation] = tt.says
			env := newTestEnv(t, newFakeClient(t, interceptor.Funcs{}, b))
			if err := env.syncWatches(); err != nil {
				t.Fatal(err)
			}
			if got, _ := env.backlog.Totals(); got.Failed[key] != tt.wantFirst || len(got.Failed) > 1 {
				t.Errorf("before it is read: %v", got.Failed)
			}
			if err := env.run(); err != nil {
				t.Fatal(err)
			}
			if got, _ := env.backlog.Totals(); got.Failed[key] != tt.wantRead || len(got.Failed) != 1 {
				t.Errorf("once it is read: %v", got.Failed)
			}
		})
	}
}
