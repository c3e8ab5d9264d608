// These tests protect what a run changes: the mirrors become what the workspace says, and a run that finds nothing writes nothing.
package sync

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/uuid"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fastpixfake"
)

// TestWorkspaceWithAPast protects the whole of sync: what existed before the endpoint is mirrored, and lost webhooks are repaired by one run each.
func TestWorkspaceWithAPast(t *testing.T) {
	w := newWorkspace(t)
	ids := w.addMedia(120)
	stream := fastpixfake.StreamID(1)
	w.PutStream(fastpixfake.NewStream(stream, old()))
	w.configure(t, nil)
	w.waitReason(t, fastpixv1.ReasonSynced)
	w.waitAssets(t, 120)
	s := w.endpoint.Read(t).Status.Sync
	if s.MediaAssets != 120 || s.LiveStreams != 1 || s.Created != 121 || s.Repaired != 0 || s.Deleted != 0 || s.WorkspaceID != w.ID || s.LastCompletedTime == nil {
		t.Errorf("status.sync is %+v", s)
	}
	if got := w.endpoint.WaitState(t, ids[7], "Ready"); got.Status.Title != "media "+ids[7] || got.Status.WorkspaceID != w.ID || len(got.Status.Tracks) != 2 {
		t.Errorf("the mirror is %+v", got.Status)
	}

	if s := w.run(t); s.Created+s.Repaired+s.Deleted != 0 || s.MediaAssets != 120 {
		t.Errorf("a run after the backfill changed something: %+v", s)
	}

	// Three webhooks are lost: a media is created, one is renamed, one is deleted.
	created := string(uuid.NewUUID())
	w.PutMedia(fastpixfake.NewMedia(created, time.Now().Add(-time.Minute)))
	row := w.Media(ids[3])
	row["title"] = "renamed"
	w.PutMedia(row)
	w.DeleteMedia(ids[5])
	if s := w.run(t); s.Created != 1 || s.Repaired != 1 || s.Deleted != 1 {
		t.Errorf("the run that repairs says %+v", s)
	}
	w.endpoint.WaitState(t, created, "Ready")
	w.endpoint.WaitState(t, ids[5], "Deleted")
	framework.WaitJournalEmpty(t)
	if got, err := w.endpoint.Asset(t, ids[3]); err != nil || got.Status.Title != "renamed" {
		t.Errorf("the title is %q (%v)", got.Status.Title, err)
	}
	if s := w.run(t); s.Created+s.Repaired+s.Deleted != 0 {
		t.Errorf("a run after the repair changed something: %+v", s)
	}
}
