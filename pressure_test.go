package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiresource "k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
)

// These tests protect what happens when events come faster than they are mirrored, or cannot be kept: nothing is promised that cannot be
// held, no process takes more memory than it has, and everything goes on by itself.

// metricIs returns nil if a metric without labels has a value.
func metricIs(ctx context.Context, o *controlplane.Operator, name string, want float64) error {
	metrics, err := deployment.Metrics(ctx, o)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(metrics)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			if got, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err != nil || got != want {
				return fmt.Errorf("%s is %s, want %v", name, strings.TrimSpace(value), want)
			}
			return nil
		}
	}
	return fmt.Errorf("there is no metric %s", name)
}

// peakMiB is the most memory that a process ever had resident. It is known on Linux only.
func peakMiB(t *testing.T, o *controlplane.Operator) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", o.PID()))
	if err != nil {
		t.Skipf("memory of a process cannot be read here: %v", err)
	}
	lines := bufio.NewScanner(bytes.NewReader(status))
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			kib, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
			if err != nil {
				t.Fatal(err)
			}
			return kib >> 10
		}
	}
	t.Fatal("a process has no peak of memory")
	return 0
}

// memoryBound, in MiB, is what each half asks for in config/ and keeps to; goMemory is what config/ tells Go about its limit.
const (
	memoryBound = 128
	goMemory    = "GOMEMLIMIT=230MiB"
)

// acceptedUntil503 delivers by several senders at once until one answer is 503, and returns how many were 200.
func acceptedUntil503(t *testing.T, e endpoint, to string, most int64) int64 {
	t.Helper()
	var accepted atomic.Int64
	var refused atomic.Bool
	var wg sync.WaitGroup
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	defer client.CloseIdleConnections()
	for range 8 {
		wg.Go(func() {
			for !refused.Load() && accepted.Load() < most {
				_, body := newAsset()
				got, err := e.once(t.Context(), client, to, body)
				switch {
				case err != nil:
					t.Error(err)
					refused.Store(true)
				case got.code == http.StatusOK:
					accepted.Add(1)
				case got.code == http.StatusServiceUnavailable && got.retryAfter != "":
					refused.Store(true)
				default:
					t.Errorf("got %d, Retry-After %q", got.code, got.retryAfter)
					refused.Store(true)
				}
			}
		})
	}
	wg.Wait()
	return accepted.Load()
}

func TestBacklogIsBoundedAndGoesByItself(t *testing.T) {
	const bound, senders = 400, 8
	e := newEndpoint(t)
	r := newReceiver(t, "bounded", fmt.Sprintf("--max-pending-events-per-endpoint=%d", bound))
	deployment.controllers.Kill()
	t.Cleanup(func() { restart(t, deployment.controllers) })

	accepted := acceptedUntil503(t, e, r.ReceiverURL, 2*bound)
	if accepted < bound || accepted >= bound+senders {
		t.Errorf("%d events were accepted, the bound is %d", accepted, bound)
	}
	// FastPix goes on trying.
	before := peakMiB(t, r)
	for range 2000 {
		_, body := newAsset()
		if code, err := r.Post(t.Context(), e.path(), body, signed(body)); err != nil || code != http.StatusServiceUnavailable {
			t.Fatalf("above the bound: %d, %v", code, err)
		}
	}
	if peak := peakMiB(t, r); peak > before+32 {
		t.Errorf("2,000 refused deliveries took the receiver from %d to %d MiB", before, peak)
	}
	restart(t, deployment.controllers)
	_, body := newAsset()
	if err := r.Deliver(t.Context(), e.path(), body, signed(body)); err != nil {
		t.Errorf("controllers are back: %v", err)
	}
	waitFolded(t)
	var assets fastpixv1.MediaAssetList
	if err := deployment.admin.List(t.Context(), &assets, client.InNamespace(e.namespace)); err != nil || len(assets.Items) != int(accepted)+1 {
		t.Errorf("%d events were acknowledged, %d assets exist (%v)", accepted+1, len(assets.Items), err)
	}
}

func TestControllersStartWithAFullJournal(t *testing.T) {
	const (
		batches = 391 // 100,096 events: as many as receivers accept of one endpoint by default, and twice what is read at once
		objects = 500
	)
	e := newEndpoint(t)
	if err := deployment.controllers.Stop(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { restart(t, deployment.controllers) })
	fillJournal(t, e.namespace, batches, objects)

	c := newProcessWith(t, "full", []string{goMemory}, deployment.asControllers, "--receiver=false")
	begun := time.Now()
	id, body := newAsset()
	e.mustDeliver(t, body)
	e.waitState(t, id, "Created")
	first := time.Since(begun)
	waitFoldedWithProgress(t)
	peak := peakMiB(t, c)
	t.Logf("%d events in %d batches: the first new event was mirrored after %v, all were after %v; memory was %d MiB at most",
		batches*fastpixv1.MaxBatchEvents, batches, first.Round(10*time.Millisecond), time.Since(begun).Round(100*time.Millisecond), peak)
	if peak >= memoryBound {
		t.Errorf("the controllers took %d MiB, they may take %d", peak, memoryBound)
	}
	var assets fastpixv1.MediaAssetList
	if err := deployment.admin.List(t.Context(), &assets, client.InNamespace(e.namespace)); err != nil || len(assets.Items) != objects+1 {
		t.Errorf("there are %d assets, want %d (%v)", len(assets.Items), objects+1, err)
	}
}

// waitFoldedWithProgress waits until the journal is empty, as long as it becomes shorter: how long that takes depends on the machine.
func waitFoldedWithProgress(t *testing.T) {
	t.Helper()
	for left := math.MaxInt; left > 0; {
		eventually(t, "the journal becomes shorter", func(ctx context.Context) error {
			var list metav1.PartialObjectMetadataList
			list.SetGroupVersionKind(fastpixv1.GroupVersion.WithKind("EventBatchList"))
			if err := deployment.admin.List(ctx, &list, client.InNamespace(operatorNamespace)); err != nil {
				return err
			}
			if len(list.Items) >= left {
				return fmt.Errorf("%d batches are left", len(list.Items))
			}
			left = len(list.Items)
			return nil
		})
	}
}

// fillJournal writes full batches of records about so many media, as receivers would.
func fillJournal(t *testing.T, namespace string, batches, objects int) {
	t.Helper()
	received := metav1.NowMicro()
	inParallel(t, batches, func(n int) error {
		b := &fastpixv1.EventBatch{ObjectMeta: metav1.ObjectMeta{
			Namespace: operatorNamespace, Name: fmt.Sprintf("full-%04d", n),
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
		return deployment.admin.Create(t.Context(), b)
	})
}

func TestQuotaIsTheLastResort(t *testing.T) {
	kubeControllers, err := deployment.ControllerManager()
	if err != nil {
		t.Skip(err) // another control plane than the one that is built here need not have it
	}
	if err := kubeControllers.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	e := newEndpoint(t)
	quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: operatorNamespace, Name: "fastpix-journal"}}
	t.Cleanup(func() {
		kubeControllers.Kill()
		// A quota that was counted once is enforced by the API server alone, and without controllers never counted down.
		ctx := context.WithoutCancel(t.Context())
		if err := deployment.admin.Delete(ctx, quota); err != nil {
			t.Error(err)
		}
	})
	if err := deployment.Apply(t.Context(), "config/quota"); err != nil {
		t.Fatal(err)
	}
	deployment.controllers.Kill()
	t.Cleanup(func() { restart(t, deployment.controllers) })
	const room = 20
	setQuota(t, quota, room)

	// One after the other, so that each event is a batch of its own.
	accepted := 0
	for {
		_, body := newAsset()
		begun := time.Now()
		got, err := e.once(t.Context(), http.DefaultClient, deployment.receiver.ReceiverURL, body)
		if err != nil {
			t.Fatal(err)
		}
		if got.code == http.StatusOK {
			if accepted++; accepted > room {
				t.Fatal("the quota is not enforced")
			}
			continue
		}
		if took := time.Since(begun); got.code != http.StatusServiceUnavailable || got.retryAfter == "" || took > 4*time.Second {
			t.Errorf("with the quota used up: %d, Retry-After %q, after %v", got.code, got.retryAfter, took)
		}
		break
	}
	if accepted != room {
		t.Errorf("%d batches were accepted, the quota has room for %d", accepted, room)
	}
	restart(t, deployment.controllers)
	begun := time.Now()
	_, body := newAsset()
	e.mustDeliver(t, body)
	t.Logf("%v after the controllers were back there was room again", time.Since(begun).Round(100*time.Millisecond))
	waitFolded(t)
}

// setQuota limits the journal to so many batches, and waits until it is enforced.
func setQuota(t *testing.T, quota *corev1.ResourceQuota, batches int64) {
	t.Helper()
	const counted = "count/eventbatches.video.fastpix.com"
	eventually(t, "the quota is counted", func(ctx context.Context) error {
		if err := deployment.admin.Get(ctx, client.ObjectKeyFromObject(quota), quota); err != nil {
			return err
		}
		want := *apiresource.NewQuantity(batches, apiresource.DecimalSI)
		if now := quota.Spec.Hard[counted]; now.Cmp(want) != 0 {
			quota.Spec.Hard = corev1.ResourceList{counted: want}
			return errors.Join(deployment.admin.Update(ctx, quota), errors.New("it was changed just now"))
		}
		hard, used := quota.Status.Hard[counted], quota.Status.Used[counted]
		if hard.Cmp(want) != 0 || !used.IsZero() {
			return fmt.Errorf("it is %s, of which %s are used", hard.String(), used.String())
		}
		return nil
	})
}

func TestAPIServerAwayIs503AtOnceAnd200SoonAfterwards(t *testing.T) {
	e := newEndpoint(t)
	deployment.APIServer.Kill()
	back := sync.OnceValue(func() error { return deployment.APIServer.Start(context.WithoutCancel(t.Context())) })
	t.Cleanup(func() {
		if err := back(); err != nil {
			t.Error(err)
		}
	})
	for range 3 {
		_, body := newAsset()
		begun := time.Now()
		got, err := e.once(t.Context(), http.DefaultClient, deployment.receiver.ReceiverURL, body)
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); got.code != http.StatusServiceUnavailable || got.retryAfter == "" || took > 4*time.Second {
			t.Errorf("without an API server: %d, Retry-After %q, after %v", got.code, got.retryAfter, took)
		}
		if !isReady(t.Context(), deployment.receiver) {
			t.Error("without an API server the receiver leaves the load balancer")
		}
	}
	if err := back(); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	_, body := newAsset()
	e.mustDeliver(t, body)
	took := time.Since(begun)
	t.Logf("%v from the API server's readiness to the first 200", took.Round(time.Millisecond))
	if took > 5*time.Second {
		t.Errorf("it took %v until something was acknowledged again", took)
	}
	waitFolded(t)
}
