package tenancy

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apiresource "k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// These tests protect all tenants from one whose namespace refuses every object: its failed records take few batches, log lines, Kubernetes
// Events and writes, at any rate of events.

var (
	trickleEvents = flag.Int("trickle-events", 600, "how many events TestRefusedTenantDoesNotFillTheJournal sends")
	tricklePause  = flag.Duration("trickle-pause", 60*time.Millisecond, "the time between two events")
)

// refuseAssets sets the quota of a namespace to no MediaAssets, and waits until it is enforced.
func refuseAssets(t *testing.T, e framework.Endpoint) {
	t.Helper()
	const counted = "count/mediaassets.video.fastpix.com"
	quota := &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Namespace: e.Namespace, Name: "no-assets"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{counted: *apiresource.NewQuantity(0, apiresource.DecimalSI)}},
	}
	framework.Create(t, quota)
	framework.Eventually(t, "the quota of assets is counted", func(ctx context.Context) error {
		if err := framework.Deployed.Admin.Get(ctx, client.ObjectKeyFromObject(quota), quota); err != nil {
			return err
		}
		if _, ok := quota.Status.Hard[counted]; !ok {
			return errors.New("it is not")
		}
		return nil
	})
}

// apiWrites counts the writes that the API server took or refused of some resources since its start.
func apiWrites(t *testing.T, resources ...string) map[string]float64 {
	t.Helper()
	clientset, err := kubernetes.NewForConfig(framework.Deployed.Config())
	if err != nil {
		t.Fatal(err)
	}
	text, err := clientset.RESTClient().Get().AbsPath("/metrics").DoRaw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	writes := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "apiserver_request_total{") {
			continue
		}
		for _, resource := range resources {
			for _, verb := range []string{"POST", "PUT", "PATCH", "DELETE"} {
				if !strings.Contains(line, fmt.Sprintf("resource=%q", resource)) || !strings.Contains(line, fmt.Sprintf("verb=%q", verb)) {
					continue
				}
				if n, err := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndex(line, " "):]), 64); err == nil {
					writes[verb+" "+resource] += n
				}
			}
		}
	}
	return writes
}

// TestRefusedTenantDoesNotFillTheJournal sends events slowly for a tenant whose namespace refuses every asset. The journal never has more batches
// than two thirds of that.
func TestRefusedTenantDoesNotFillTheJournal(t *testing.T) {
	kubeControllers, err := framework.Deployed.ControllerManager()
	if err != nil {
		t.Skip(err) // another control plane than the one that is built here need not have it
	}
	if err := kubeControllers.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	refused, other := framework.NewEndpoint(t), framework.NewEndpoint(t)
	framework.WaitJournalEmpty(t)
	quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: framework.OperatorNamespace, Name: "fastpix-journal"}}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		noAssets := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: refused.Namespace, Name: "no-assets"}}
		err := errors.Join(framework.Deployed.Controllers.Stop(), framework.Deployed.Admin.Delete(ctx, quota), framework.Deployed.Admin.Delete(ctx, noAssets),
			framework.Deployed.Admin.DeleteAllOf(ctx, &fastpixv1.EventBatch{}, client.InNamespace(framework.OperatorNamespace)))
		kubeControllers.Kill()
		if err != nil {
			t.Error(err)
		}
		framework.EnsureRunning(t, framework.Deployed.Controllers)
	})
	if err := framework.Deployed.Apply(t.Context(), "config/quota"); err != nil {
		t.Fatal(err)
	}
	refuseAssets(t, refused)
	framework.SetJournalQuota(t, quota, int64(*trickleEvents)) // it is counted down late: what decides is the length of the journal
	resources := []string{"eventbatches", "mediaassets", "events", "webhookendpoints"}
	before, log := apiWrites(t, resources...), controllersLogSize(t)

	most, longest, answers := 0, 0, map[int]int{}
	begun := time.Now()
	for i := range *trickleEvents {
		_, body := framework.NewAsset()
		got, err := refused.PostOnce(t.Context(), http.DefaultClient, framework.Deployed.Receiver.ReceiverURL, body)
		if err != nil {
			t.Fatal(err)
		}
		if answers[got.Code]++; answers[http.StatusServiceUnavailable] > 2 {
			break
		}
		if i%10 == 9 {
			length, err := framework.JournalLength(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			most, longest = max(most, len(failedBatches(t))), max(longest, length)
		}
		time.Sleep(time.Until(begun.Add(time.Duration(i+1) * *tricklePause)))
	}
	defer func() {
		took := time.Since(begun)
		left := 0
		framework.Eventually(t, "few failed batches are left", func(context.Context) error { // small ones are joined once a minute
			if left = len(failedBatches(t)); left > 20 {
				return fmt.Errorf("there are %d", left)
			}
			return nil
		})
		lines, size := linesSince(t, log)
		var events eventsv1.EventList
		if err := framework.Deployed.Admin.List(t.Context(), &events, client.InNamespace(refused.Namespace)); err != nil {
			t.Error(err)
		}
		t.Logf("%d events in %v, answers %v: at most %d batches, at most %d and in the end %d failed; %d lines (%d kB) in the controllers' log; %d Kubernetes Events",
			*trickleEvents, took.Round(time.Second), answers, longest, most, left, lines, size>>10, len(events.Items))
		writes := 0.0
		for what, n := range apiWrites(t, resources...) {
			t.Logf("%s: %v", what, n-before[what])
			writes += n - before[what]
		}
		t.Logf("%v writes in all", writes)
		if lines > 20 || len(events.Items) > 6 {
			t.Errorf("%d failed batches, %d log lines, %d Kubernetes Events for one tenant whose objects are refused", left, lines, len(events.Items))
		}
		if bound := *trickleEvents * 2 / 3; longest > bound {
			t.Errorf("the journal had %d batches, want at most %d", longest, bound)
		}
	}()
	id, body := framework.NewAsset()
	if err := other.Deliver(t.Context(), body); err != nil {
		t.Errorf("another tenant: %v", err)
	} else {
		other.WaitState(t, id, "Created")
	}
	framework.Eventually(t, "every failed record is reported", func(context.Context) error {
		records, left := 0, failedBatches(t)
		most = max(most, len(left))
		for _, b := range left {
			records += len(b.Spec.Events)
			if len(b.Status.Failed) != len(b.Spec.Events) {
				return fmt.Errorf("%s has %d records and says of %d why they failed", b.Name, len(b.Spec.Events), len(b.Status.Failed))
			}
		}
		// A delivery that was answered 503, by a busy machine, may have been committed.
		if got := refused.Read(t).Status.FailedEvents; records < answers[http.StatusOK] || int(got) != records {
			return fmt.Errorf("%d events were acknowledged, %d are in failed batches, the endpoint counts %d", answers[http.StatusOK], records, got)
		}
		return nil
	})
	if answers[http.StatusServiceUnavailable] > 2 {
		t.Errorf("answers were %v", answers)
	}
}

// TestRetryRecreatesNothing protects deleted objects from retries: a record changes two objects, the API server refuses one of them, and the change
// of the other was applied long ago.
func TestRetryRecreatesNothing(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, e framework.Endpoint, id string){
		"a media that was deleted on FastPix": func(t *testing.T, e framework.Endpoint, id string) {
			t.Helper()
			e.MustDeliver(t, bytes.ReplaceAll(framework.RecentPayload("video.media.deleted.json"), []byte(fixtures.MediaA), []byte(id)))
		},
		"a media that was deleted by hand": func(t *testing.T, e framework.Endpoint, id string) {
			t.Helper()
			if err := framework.Deployed.Admin.Delete(t.Context(), &fastpixv1.MediaAsset{ObjectMeta: metav1.ObjectMeta{Namespace: e.Namespace, Name: id}}); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := framework.NewEndpoint(t)
			if err := framework.Deployed.Admin.Patch(t.Context(), e.Read(t), client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"retention":{"deleted":"5s"}}}`))); err != nil {
				t.Fatal(err)
			}
			allow := deny(t, e.Namespace, "livestreams", &fastpixv1.LiveStream{Spec: fastpixv1.LiveStreamSpec{StreamID: "probe"}})
			id := string(uuid.NewUUID())
			at := time.Now().Add(-time.Minute).UTC().Format(time.RFC3339Nano)
			body := fmt.Appendf(nil, `{"type":"video.media.live_stream.created","id":"e-%s","object":{"type":"media","id":%q},"createdAt":%q,
				"data":{"id":%q,"streamId":%q,"title":"a title","creatorId":"a creator"}}`, id, id, at, id, fixtures.Stream)
			e.MustDeliver(t, body)
			e.WaitState(t, id, "Created")
			attempt := func() *metav1.Time {
				for _, b := range failedBatches(t) {
					if b.Status.LastAttemptTime != nil && strings.HasPrefix(b.Annotations[fastpixv1.EventCountsAnnotation], e.Namespace+"/") {
						return b.Status.LastAttemptTime
					}
				}
				return nil
			}
			framework.Eventually(t, "the change of the stream is kept", func(context.Context) error {
				if attempt() == nil {
					return errors.New("it is not")
				}
				return nil
			})
			end(t, e, id)
			framework.Eventually(t, "the media is deleted", func(context.Context) error {
				if a, err := e.Asset(t, id); !apierrors.IsNotFound(err) {
					return fmt.Errorf("it is %q (%w)", a.Status.State, err)
				}
				return nil
			})
			time.Sleep(time.Second) // times have seconds
			last := attempt()
			framework.Restart(t, framework.Deployed.Controllers) // every start retries
			framework.Eventually(t, "the change of the stream is retried", func(context.Context) error {
				if now := attempt(); now == nil || !last.Before(now) {
					return fmt.Errorf("last at %v, then %v", last, now)
				}
				return nil
			})
			if a, err := e.Asset(t, id); !apierrors.IsNotFound(err) {
				t.Errorf("the media exists again: %q, %q (%v)", a.Status.State, a.Status.Title, err)
			}
			allow()
			framework.Restart(t, framework.Deployed.Controllers)
			framework.WaitJournalEmpty(t)
			var s fastpixv1.LiveStream
			if err := framework.Deployed.Admin.Get(t.Context(), client.ObjectKey{Namespace: e.Namespace, Name: fixtures.Stream}, &s); err != nil || len(s.Status.Recordings) != 1 {
				t.Errorf("the stream, which is not refused any more, has %d recordings (%v)", len(s.Status.Recordings), err)
			}
			if a, err := e.Asset(t, id); !apierrors.IsNotFound(err) {
				t.Errorf("the media exists again: %q, %q (%v)", a.Status.State, a.Status.Title, err)
			}
		})
	}
}

// TestPurgedMediaStaysDeletedWhateverItsReferenceSays protects purgedThrough from endpointRef, which users write.
func TestPurgedMediaStaysDeletedWhateverItsReferenceSays(t *testing.T) {
	e := framework.NewEndpoint(t)
	if err := framework.Deployed.Admin.Patch(t.Context(), e.Read(t), client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"retention":{"deleted":"10s"}}}`))); err != nil {
		t.Fatal(err)
	}
	id, _ := framework.NewAsset()
	about := func(file string) []byte {
		return bytes.ReplaceAll(framework.RecentPayload(file), []byte(fixtures.MediaA), []byte(id))
	}
	ready := about("video.media.ready.json")
	e.MustDeliver(t, ready)
	e.WaitState(t, id, "Ready")
	e.MustDeliver(t, about("video.media.deleted.json"))
	asset := e.WaitState(t, id, "Deleted")
	if err := framework.Deployed.Admin.Patch(t.Context(), asset, client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"endpointRef":{"name":"missing"}}}`))); err != nil {
		t.Fatal(err)
	}
	deleted := func() error {
		if a, err := e.Asset(t, id); !apierrors.IsNotFound(err) {
			return fmt.Errorf("it is %q (%w)", a.Status.State, err)
		}
		return nil
	}
	framework.Eventually(t, "the tombstone is purged", func(context.Context) error { return deleted() })
	framework.Create(t, framework.MakeEndpoint(e.Namespace, "second"))
	second := "/webhooks/" + e.Namespace + "/second"
	framework.Eventually(t, "the other endpoint has the same purgedThrough", func(ctx context.Context) error {
		var whe fastpixv1.WebhookEndpoint
		if err := framework.Deployed.Admin.Get(ctx, client.ObjectKey{Namespace: e.Namespace, Name: "second"}, &whe); err != nil {
			return err
		}
		if first := e.Read(t).Status.PurgedThrough; first == nil || !first.Equal(whe.Status.PurgedThrough) {
			return fmt.Errorf("one says %v, the other %v", first, whe.Status.PurgedThrough)
		}
		return nil
	})
	if err := framework.Deployed.Admin.Delete(t.Context(), e.Read(t)); err != nil {
		t.Fatal(err)
	}
	replay := slices.Concat(ready, []byte(" ")) // other bytes, so that the receiver does not take them for duplicates
	if err := framework.Deployed.Receiver.Deliver(t.Context(), second, replay, framework.Sign(replay)); err != nil {
		t.Fatal(err)
	}
	framework.WaitJournalEmpty(t)
	if err := deleted(); err != nil {
		t.Errorf("a replay by another endpoint of the namespace recreated the media: %v", err)
	}
}

// failedBatches lists the batches of failed records.
func failedBatches(t *testing.T) []fastpixv1.EventBatch {
	t.Helper()
	var list fastpixv1.EventBatchList
	if err := framework.Deployed.Admin.List(t.Context(), &list, client.InNamespace(framework.OperatorNamespace), client.MatchingLabels{fastpixv1.FailedLabel: "true"}); err != nil {
		t.Fatal(err)
	}
	return list.Items
}

func controllersLogSize(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile(framework.Deployed.Controllers.Log)
	if err != nil {
		t.Fatal(err)
	}
	return len(text)
}

// linesSince counts what the controllers have logged since their log had a size.
func linesSince(t *testing.T, from int) (lines, size int) {
	t.Helper()
	text, err := os.ReadFile(framework.Deployed.Controllers.Log)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(text[from:], []byte("\n")), len(text) - from
}
