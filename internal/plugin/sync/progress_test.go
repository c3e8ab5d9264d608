package sync

import (
	"bytes"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/progress"
)

// TestBarShowsHowFarAFirstRunIs protects the bar: it follows the message of the syncer, and elsewhere than on a terminal each step is one line.
func TestBarShowsHowFarAFirstRunIs(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	started := time.Unix(1000, 0)
	b := &bar{out: &out, now: func() time.Time { return started }, started: started}
	e := &fastpixv1.WebhookEndpoint{}
	b.show(e)
	b.show(e)
	e.Status.Conditions = []metav1.Condition{{Type: fastpixv1.ConditionSynced, Status: metav1.ConditionUnknown, Reason: fastpixv1.ReasonSyncing,
		Message: progress.Progress{Page: 3, Pages: 12, Of: progress.Media, Created: 100}.String()}}
	b.show(e)
	e.Status.Conditions[0].Message = "The first comparison with FastPix has started."
	b.show(e)
	e.Status.Conditions[0].Reason = fastpixv1.ReasonSynced
	e.Status.Sync = &fastpixv1.SyncStatus{LastStartedTime: &metav1.MicroTime{Time: started}}
	b.show(e)
	want := "Waiting for the run to begin\n[######..................] media: page 3 of 12\nThe first run has begun\nThe run has begun\n"
	if out.String() != want {
		t.Errorf("it prints\n%s\nwant\n%s", out.String(), want)
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("it draws on what is no terminal")
	}
}
