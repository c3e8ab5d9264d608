// This test protects the memory of the syncer, which lists the mirrors of every namespace, from a namespace whose mirrors are large.
package sync

import (
	"strings"
	"testing"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
)

// TestLargeMirrorsAreListedInSmallPages makes 200 mirrors of 400 kB, as many events can: they are a page of 80 MB.
func TestLargeMirrorsAreListedInSmallPages(t *testing.T) {
	w := newWorkspace(t)
	ids := w.addMedia(200)
	w.configure(t, nil)
	w.waitReason(t, fastpixv1.ReasonSynced)
	w.waitAssets(t, len(ids))
	small := framework.PeakMiB(t, w.syncer)

	framework.WaitJournalEmpty(t)
	controllers := framework.ClientFor(t, framework.Deployed.AsControllers)
	for _, id := range ids {
		m, err := w.endpoint.Asset(t, id)
		if err != nil {
			t.Fatal(err)
		}
		for len(m.Status.Provenance) < 1000 {
			m.Status.Provenance = append(m.Status.Provenance, fastpixv1.ProvenanceLine("2026-01-01T00:00:00.000000Z video.media.updated "+strings.Repeat("x", 350)+": none"))
		}
		if err := controllers.Status().Update(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	w.DeleteMedia(ids[5])
	if s := w.run(t); s.Deleted != 1 || s.Created+s.Repaired != 0 {
		t.Errorf("the run says %+v", s)
	}
	w.endpoint.WaitState(t, ids[5], "Deleted")
	large := framework.PeakMiB(t, w.syncer)
	t.Logf("peak memory of the syncer: %d MiB before the mirrors grew, %d MiB after", small, large)
	if large > small+64 {
		t.Errorf("the syncer took %d MiB for large mirrors, and %d MiB before", large, small)
	}
}
