// These tests protect what happens between runs: mirrors that a user applied are filled at once.
package sync

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fastpixfake"
)

// TestAppliedMirrorIsFilled protects a pipeline that applies a MediaAsset and waits: the media is asked for, although no run is due.
func TestAppliedMirrorIsFilled(t *testing.T) {
	w := newWorkspace(t)
	w.configure(t, func(s *fastpixv1.SyncSpec) { s.Backfill = fastpixv1.BackfillExisting })
	w.waitReason(t, fastpixv1.ReasonSynced)
	id, unknown := string(uuid.NewUUID()), string(uuid.NewUUID())
	w.PutMedia(fastpixfake.NewMedia(id, old()))
	for _, id := range []string{id, unknown} {
		framework.Create(t, &fastpixv1.MediaAsset{
			ObjectMeta: metav1.ObjectMeta{Namespace: w.endpoint.Namespace, Name: id},
			Spec:       fastpixv1.MediaAssetSpec{MediaID: id},
		})
	}
	w.fake.Requests()
	w.endpoint.WaitState(t, id, "Ready")
	if got := w.fake.Requests(); got["media page"] != 0 || got["media"] == 0 {
		t.Errorf("the requests were %v, want single objects", got)
	}
	// An object that FastPix does not know stays as it is, and is not asked for again and again.
	<-time.After(25 * time.Second) // two more rounds
	if got := w.fake.Requests()["media"]; got > 1 {
		t.Errorf("an unknown object was asked for %d times more", got)
	}
	if a, err := w.endpoint.Asset(t, unknown); err != nil || a.Status.State != "" {
		t.Errorf("the unknown media is %+v (%v)", a, err)
	}
}
