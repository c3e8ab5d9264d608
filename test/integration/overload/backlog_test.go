package overload

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
)

// acceptedUntil503 delivers by several senders at once until one answer is 503, and returns how many were 200.
func acceptedUntil503(t *testing.T, e framework.Endpoint, to string, most int64) int64 {
	t.Helper()
	var accepted atomic.Int64
	var refused atomic.Bool
	var wg sync.WaitGroup
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	defer client.CloseIdleConnections()
	for range 8 {
		wg.Go(func() {
			for !refused.Load() && accepted.Load() < most {
				_, body := framework.NewAsset()
				got, err := e.PostOnce(t.Context(), client, to, body)
				switch {
				case err != nil:
					t.Error(err)
					refused.Store(true)
				case got.Code == http.StatusOK:
					accepted.Add(1)
				case got.Code == http.StatusServiceUnavailable && got.RetryAfter != "":
					refused.Store(true)
				default:
					t.Errorf("got %d, Retry-After %q", got.Code, got.RetryAfter)
					refused.Store(true)
				}
			}
		})
	}
	wg.Wait()
	return accepted.Load()
}

func TestBacklogIsBoundedAndDrains(t *testing.T) {
	const bound, senders = 400, 8
	e := framework.NewEndpoint(t)
	r := framework.NewReceiver(t, "bounded", fmt.Sprintf("--max-pending-events-per-endpoint=%d", bound))
	framework.Deployed.Controllers.Kill()
	t.Cleanup(func() { framework.EnsureRunning(t, framework.Deployed.Controllers) })

	accepted := acceptedUntil503(t, e, r.ReceiverURL, 2*bound)
	if accepted < bound || accepted >= bound+senders {
		t.Errorf("%d events were accepted, the bound is %d", accepted, bound)
	}
	// FastPix goes on trying.
	before := framework.PeakMiB(t, r)
	for range 2000 {
		_, body := framework.NewAsset()
		if code, err := r.Post(t.Context(), e.Path(), body, framework.Sign(body)); err != nil || code != http.StatusServiceUnavailable {
			t.Fatalf("above the bound: %d, %v", code, err)
		}
	}
	if peak := framework.PeakMiB(t, r); peak > before+32 {
		t.Errorf("2,000 refused deliveries took the receiver from %d to %d MiB", before, peak)
	}
	framework.EnsureRunning(t, framework.Deployed.Controllers)
	_, body := framework.NewAsset()
	if err := r.Deliver(t.Context(), e.Path(), body, framework.Sign(body)); err != nil {
		t.Errorf("controllers are back: %v", err)
	}
	framework.WaitJournalEmpty(t)
	var assets fastpixv1.MediaAssetList
	if err := framework.Deployed.Admin.List(t.Context(), &assets, client.InNamespace(e.Namespace)); err != nil || len(assets.Items) != int(accepted)+1 {
		t.Errorf("%d events were acknowledged, %d assets exist (%v)", accepted+1, len(assets.Items), err)
	}
}

func TestControllersStartWithAFullJournal(t *testing.T) {
	const (
		batches = 391 // 100,096 events: as many as receivers accept of one endpoint by default, and twice what is read at once
		objects = 500
	)
	e := framework.NewEndpoint(t)
	if err := framework.Deployed.Controllers.Stop(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { framework.EnsureRunning(t, framework.Deployed.Controllers) })
	fillJournal(t, e.Namespace, batches, objects)

	c := framework.NewProcessWithEnv(t, "full", []string{controlplane.GoMemoryLimit}, framework.Deployed.AsControllers, "--receiver=false", "--syncer=false")
	begun := time.Now()
	id, body := framework.NewAsset()
	e.MustDeliver(t, body)
	e.WaitState(t, id, "Created")
	first := time.Since(begun)
	waitFoldedWithProgress(t)
	peak := framework.PeakMiB(t, c)
	t.Logf("%d events in %d batches: the first new event was mirrored after %v, all were after %v; memory was %d MiB at most",
		batches*fastpixv1.MaxBatchEvents, batches, first.Round(10*time.Millisecond), time.Since(begun).Round(100*time.Millisecond), peak)
	if peak >= framework.MemoryRequestMiB {
		t.Errorf("the controllers took %d MiB, they may take %d", peak, framework.MemoryRequestMiB)
	}
	var assets fastpixv1.MediaAssetList
	if err := framework.Deployed.Admin.List(t.Context(), &assets, client.InNamespace(e.Namespace)); err != nil || len(assets.Items) != objects+1 {
		t.Errorf("there are %d assets, want %d (%v)", len(assets.Items), objects+1, err)
	}
}

// waitFoldedWithProgress waits until the journal is empty, as long as it becomes shorter: how long that takes depends on the machine.
func waitFoldedWithProgress(t *testing.T) {
	t.Helper()
	for left := math.MaxInt; left > 0; {
		framework.Eventually(t, "the journal becomes shorter", func(ctx context.Context) error {
			now, err := framework.JournalLength(ctx)
			if err != nil {
				return err
			}
			if now >= left {
				return fmt.Errorf("%d batches are left", now)
			}
			left = now
			return nil
		})
	}
}

// fillJournal writes full batches of records about so many media, as receivers would.
func fillJournal(t *testing.T, namespace string, batches, objects int) {
	t.Helper()
	received := metav1.NowMicro()
	framework.InParallel(t, batches, func(n int) error {
		b := &fastpixv1.EventBatch{ObjectMeta: metav1.ObjectMeta{
			Namespace: framework.OperatorNamespace, Name: fmt.Sprintf("full-%04d", n),
			Annotations: map[string]string{fastpixv1.EventCountsAnnotation: fmt.Sprintf("%s/fastpix=%d", namespace, fastpixv1.MaxBatchEvents)},
		}}
		for i := range fastpixv1.MaxBatchEvents {
			at := metav1.NewMicroTime(received.Add(-time.Duration(i) * time.Second))
			id := n*fastpixv1.MaxBatchEvents + i
			title := fmt.Sprintf("title %d of a media that is updated again and again", id)
			text, err := record.Encode(&record.Record{
				Version: record.Version, ID: fmt.Sprintf("full-%d", id), Type: "video.media.updated", Time: &at, Received: received,
				Namespace: namespace, Endpoint: "fastpix", EndpointUID: "uid", Fingerprint: "01234567", Changes: []record.Change{{
					Kind: record.MediaAsset, ID: fmt.Sprintf("full-%d", id%objects), Media: &record.MediaChange{State: "Processing", Title: &title},
				}},
			})
			if err != nil {
				return err
			}
			b.Spec.Events = append(b.Spec.Events, text)
		}
		return framework.Deployed.Admin.Create(t.Context(), b)
	})
}

func TestQuotaIsTheLastResort(t *testing.T) {
	kubeControllers, err := framework.Deployed.ControllerManager()
	if err != nil {
		t.Skip(err) // another control plane than the one that is built here need not have it
	}
	if err := kubeControllers.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	e := framework.NewEndpoint(t)
	quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: framework.OperatorNamespace, Name: "fastpix-journal"}}
	t.Cleanup(func() {
		kubeControllers.Kill()
		// A quota that was counted once is enforced by the API server alone, and without controllers never counted down.
		ctx := context.WithoutCancel(t.Context())
		if err := framework.Deployed.Admin.Delete(ctx, quota); err != nil {
			t.Error(err)
		}
	})
	if err := framework.Deployed.Apply(t.Context(), "config/quota"); err != nil {
		t.Fatal(err)
	}
	framework.Deployed.Controllers.Kill()
	t.Cleanup(func() { framework.EnsureRunning(t, framework.Deployed.Controllers) })
	const batches = 20
	framework.SetJournalQuota(t, quota, batches)

	// One after the other, so that each event is a batch of its own.
	accepted := 0
	for {
		if err := framework.Deployed.Admin.Get(t.Context(), client.ObjectKeyFromObject(quota), quota); err != nil {
			t.Fatal(err)
		}
		used := quota.Status.Used[framework.JournalQuota]
		_, body := framework.NewAsset()
		begun := time.Now()
		got, err := e.PostOnce(t.Context(), http.DefaultClient, framework.Deployed.Receiver.ReceiverURL, body)
		if err != nil {
			t.Fatal(err)
		}
		if got.Code == http.StatusOK {
			if accepted++; accepted > batches {
				t.Fatal("the quota is not enforced")
			}
			continue
		}
		if took := time.Since(begun); got.Code != http.StatusServiceUnavailable || got.RetryAfter == "" || took > 8*time.Second {
			t.Fatalf("with %s of the quota used up: %d, Retry-After %q, after %v", used.String(), got.Code, got.RetryAfter, took)
		}
		if used.Value() == batches {
			break
		}
	}
	if accepted < batches-3 { // a busy machine may answer 503 although the batch is written, or counted
		t.Errorf("%d batches were accepted, the quota allows %d", accepted, batches)
	}
	framework.EnsureRunning(t, framework.Deployed.Controllers)
	begun := time.Now()
	_, body := framework.NewAsset()
	e.MustDeliver(t, body)
	t.Logf("%v after the restart of the controllers the journal accepted a batch again", time.Since(begun).Round(100*time.Millisecond))
	framework.WaitJournalEmpty(t)
}
