// These tests protect sync from faults of its own process and of the API server.
package sync

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fastpixfake"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

// TestSyncerKilledAtEveryRequest kills the syncer at each request of a run to the API in turn. The run of the next process ends what is left.
func TestSyncerKilledAtEveryRequest(t *testing.T) {
	w := newWorkspace(t)
	ids := w.addMedia(120)
	w.configure(t, nil)
	w.waitReason(t, fastpixv1.ReasonSynced)
	for at := int64(1); at <= 8; at++ {
		row := w.Media(ids[at])
		row["title"] = fmt.Sprint("changed before kill ", at)
		w.PutMedia(row)
		lost := string(uuid.NewUUID())
		w.PutMedia(fastpixfake.NewMedia(lost, old()))
		w.DeleteMedia(ids[100+at])
		var requests atomic.Int64
		killed := make(chan struct{})
		w.fake.Inject(fastpixfake.Fault{Before: func(*http.Request) {
			if requests.Add(1) == at {
				w.syncer.Kill()
				close(killed)
			}
		}})
		w.annotate(t, fastpixv1.SyncRequestedAtAnnotation, fmt.Sprint("kill ", at))
		select {
		case <-killed:
		case <-time.After(time.Minute):
			t.Fatalf("the run sends fewer than %d requests", at)
		}
		w.fake.Heal()
		lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: framework.OperatorNamespace, Name: tenant.SyncerAccount}}
		if err := framework.Deployed.Admin.Delete(t.Context(), lease); err != nil { // it would expire in 15 seconds
			t.Fatal(err)
		}
		framework.EnsureRunning(t, w.syncer)
		framework.Eventually(t, "the mirrors are repaired", func(context.Context) error {
			a, err := w.endpoint.Asset(t, ids[at])
			if err != nil || a.Status.Title != fmt.Sprint("changed before kill ", at) {
				return fmt.Errorf("the title is %q: %w", a.Status.Title, orNone(err))
			}
			b, err := w.endpoint.Asset(t, lost)
			if err != nil || b.Status.State != "Ready" {
				return fmt.Errorf("the lost media is %q: %w", b.Status.State, orNone(err))
			}
			c, err := w.endpoint.Asset(t, ids[100+at])
			if err != nil || c.Status.State != "Deleted" {
				return fmt.Errorf("the deleted media is %q: %w", c.Status.State, orNone(err))
			}
			return nil
		})
	}
}

// errNotYet is why a wait goes on although nothing failed.
var errNotYet = errors.New("not yet")

func orNone(err error) error {
	if err == nil {
		return errNotYet
	}
	return err
}

// TestClocksDiffer protects the order of observations and events from a clock of FastPix that is five minutes off.
func TestClocksDiffer(t *testing.T) {
	for name, offset := range map[string]time.Duration{"FastPix is ahead": 5 * time.Minute, "FastPix is behind": -5 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			w := newWorkspace(t)
			w.fake.SetClock(func() time.Time { return time.Now().Add(offset) })
			ids := w.addMedia(3)
			w.configure(t, nil)
			w.waitReason(t, fastpixv1.ReasonSynced)
			w.waitAssets(t, 3)
			row := w.Media(ids[1])
			row["title"] = "renamed"
			w.PutMedia(row)
			w.DeleteMedia(ids[2])
			if s := w.run(t); s.Repaired != 1 || s.Deleted != 1 {
				t.Errorf("the run says %+v", s)
			}
			w.endpoint.WaitState(t, ids[2], "Deleted")
			framework.Eventually(t, "the title is repaired", func(context.Context) error {
				a, err := w.endpoint.Asset(t, ids[1])
				if err != nil || a.Status.Title != "renamed" {
					return fmt.Errorf("it is %q: %w", a.Status.Title, orNone(err))
				}
				return nil
			})
			if s := w.run(t); s.Created+s.Repaired+s.Deleted != 0 {
				t.Errorf("the next run says %+v", s)
			}
		})
	}
}
