package plugin

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
)

// TestFailedRecordIsShownAndRetried protects users whose events cannot be mirrored: they see why, and when the cause is removed they need not wait for the
// operator's own retry, which comes half a minute after the failure.
func TestFailedRecordIsShownAndRetried(t *testing.T) {
	e := framework.NewEndpoint(t)
	if got := run(t, "failed", "--namespace", e.Namespace); got.code != 0 || !strings.Contains(got.problem, "No event failed.") {
		t.Errorf("without failed events it exits with %d and prints\n%s%s", got.code, got.out, got.problem)
	}
	mediaID := "a media " + string(uuid.NewUUID())
	name := record.ObjectName(mediaID)
	squatter := &fastpixv1.MediaAsset{ObjectMeta: metav1.ObjectMeta{Namespace: e.Namespace, Name: name}, Spec: fastpixv1.MediaAssetSpec{MediaID: "something else"}}
	framework.Create(t, squatter)
	e.MustDeliver(t, framework.NewEvent(mediaID))
	var got result
	framework.Eventually(t, "the failed record is shown", func(context.Context) error {
		if got = run(t, "failed", "--namespace", e.Namespace, "-o", "wide"); strings.Contains(got.out, "NameTaken") {
			return nil
		}
		return errors.New(got.out + got.problem)
	})
	failedAt := time.Now()
	if got.code != 3 {
		t.Errorf("it exits with %d", got.code)
	}
	wantLines(t, got.out, "REASON OBJECT EVENT AGE LAST TRY BATCH EVENT ID MESSAGE", "NameTaken mediaasset/"+e.Namespace+"/"+name+" video.media.created")
	other := run(t, "failed", "--namespace", framework.NewNamespace(t))
	if other.code != 0 {
		t.Errorf("another namespace shows\n%s", other.out)
	}
	batch := strings.TrimSpace(run(t, "failed", "--namespace", e.Namespace, "-o", "jsonpath={.records[0].batch}").out)
	if names := run(t, "failed", "-A", "-o", "name"); names.out != "eventbatch.video.fastpix.com/"+batch+"\n" {
		t.Errorf("-o name prints %q", names.out)
	}

	if err := framework.Deployed.Admin.Delete(t.Context(), squatter); err != nil {
		t.Fatal(err)
	}
	wantLines(t, mustRun(t, "failed", "retry", batch), "A retry of "+batch+" is requested.")
	e.WaitState(t, name, "Created")
	if waited := time.Since(failedAt); waited > 20*time.Second {
		t.Errorf("it is mirrored %s after it failed, as without the request", waited)
	}
	framework.WaitJournalEmpty(t)
	gone := run(t, "failed", "retry", batch)
	if gone.code != 1 || !strings.Contains(gone.problem, "there is no batch "+batch) {
		t.Errorf("the retry of a batch that is gone exits with %d and prints\n%s", gone.code, gone.problem)
	}
	if none := run(t, "failed", "retry", "--all", "-A"); none.code != 0 || !strings.Contains(none.problem, "No event failed.") {
		t.Errorf("--all without failed events exits with %d and prints\n%s", none.code, none.problem)
	}
}

// TestFailedNamesTheMissingRight protects users with few rights.
func TestFailedNamesTheMissingRight(t *testing.T) {
	namespace := framework.NewNamespace(t)
	wantMissingRight(t, namespace, "list eventbatches.video.fastpix.com in namespace "+framework.OperatorNamespace, "failed", "--namespace", namespace)
	wantMissingRight(t, namespace, "patch eventbatches.video.fastpix.com in namespace "+framework.OperatorNamespace, "failed", "retry", "failed-1")
}
