// These tests protect what a run changes: the mirrors become what the workspace says, and a run that finds nothing writes nothing.
package sync

import (
	"fmt"
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

// TestOddWorkspace protects a run from rows and totals that are not what the API documents: what is usable is mirrored, and nothing is called missing.
func TestOddWorkspace(t *testing.T) {
	w := newWorkspace(t)
	ids := w.addMedia(60)
	w.PutMedia(fastpixfake.Row{"id": "no-uuid", "status": "Ready", "createdAt": fastpixfake.Time(old())})
	w.PutMedia(fastpixfake.Row{"status": "Ready", "createdAt": fastpixfake.Time(old())})
	w.PutMedia(fastpixfake.Row{"id": 7, "status": "In Queue", "tracks": "none", "createdAt": fastpixfake.Time(old()), "duration": nil})
	w.PutStream(fastpixfake.Row{"streamId": fastpixfake.StreamID(1), "status": "hibernating", "createdAt": fastpixfake.Time(old())})
	w.fake.Inject(fastpixfake.WrongTotal(100_000)) // a page beyond the last one is empty, and asked for three times
	w.configure(t, func(s *fastpixv1.SyncSpec) { s.MaxObjects = 300_000 })
	w.waitReason(t, fastpixv1.ReasonSynced)
	w.waitAssets(t, 62)
	w.fake.Heal()
	for _, total := range []int{0, 1} {
		w.fake.Inject(fastpixfake.WrongTotal(total))
		if s := w.run(t); s.Created+s.Repaired+s.Deleted != 0 || s.MediaAssets != 62 || s.LiveStreams != 1 {
			t.Errorf("with %d as the total, a run says %+v", total, s)
		}
		w.fake.Heal()
	}
	w.endpoint.WaitState(t, "no-uuid", "Ready")
	w.endpoint.WaitState(t, "7", "InQueue")

	// A media that cannot be asked for by its id is repaired by another walk, and not called missing. The others are.
	row := w.Media("no-uuid")
	row["title"] = "renamed"
	w.PutMedia(row)
	if s := w.run(t); s.Repaired != 1 {
		t.Errorf("the run that repairs says %+v", s)
	}
	w.DeleteMedia("no-uuid")
	w.DeleteMedia(ids[0])
	if s := w.run(t); s.Deleted != 1 {
		t.Errorf("the run that deletes says %+v", s)
	}
	w.endpoint.WaitState(t, "no-uuid", "Ready")
	w.endpoint.WaitState(t, ids[0], "Deleted")
}

// TestUploadsAndOtherWorkspacesAreNotMissing protects mirrors that the API's lists never hold: of uploads, of other workspaces, of what nobody has seen.
func TestUploadsAndOtherWorkspacesAreNotMissing(t *testing.T) {
	w := newWorkspace(t)
	ids := w.addMedia(3)
	w.configure(t, nil)
	w.waitReason(t, fastpixv1.ReasonSynced)
	upload, _ := framework.NewAsset()
	other := string(uuid.NewUUID())
	for _, body := range []string{
		fmt.Sprintf(`{"type":"video.media.upload","id":"e1","object":{"type":"upload","id":%q},"workspace":{"id":%q},"createdAt":%q,"data":{"uploadId":%q}}`, upload, w.ID, fastpixfake.Time(old()), upload),
		fmt.Sprintf(`{"type":"video.media.ready","id":"e2","object":{"type":"media","id":%q},"workspace":{"id":"another"},"createdAt":%q,"data":{"id":%q}}`, other, fastpixfake.Time(old()), other),
	} {
		w.endpoint.MustDeliver(t, []byte(body))
	}
	w.endpoint.WaitState(t, upload, "Waiting")
	w.endpoint.WaitState(t, other, "Ready")
	if s := w.run(t); s.Created+s.Repaired+s.Deleted != 0 {
		t.Errorf("the run says %+v", s)
	}
	w.DeleteMedia(ids[0])
	if s := w.run(t); s.Deleted != 1 {
		t.Errorf("the run that deletes says %+v", s)
	}
	w.endpoint.WaitState(t, other, "Ready")
}
