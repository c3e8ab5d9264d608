package lifecycle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

func TestAppliedAssetIsAdoptedAndItsSpecMayChange(t *testing.T) {
	e := framework.NewEndpoint(t)
	id, _ := framework.NewAsset()
	// Applied before FastPix says anything, its id written in capitals.
	framework.Create(t, &fastpixv1.MediaAsset{
		ObjectMeta: metav1.ObjectMeta{Namespace: e.Namespace, Name: id}, Spec: fastpixv1.MediaAssetSpec{MediaID: strings.ToUpper(id)},
	})
	if a, err := e.Asset(t, id); err != nil || a.Status.ObservedGeneration != -1 {
		t.Fatalf("before its first event: observedGeneration %d (%v)", a.Status.ObservedGeneration, err)
	}
	e.MustDeliver(t, bytes.ReplaceAll(framework.RecentPayload("video.media.ready.json"), []byte("d003b383-bac0-42e9-a039-9bd4360f98a3"), []byte(id)))
	a := e.WaitState(t, id, "Ready")

	a.Spec.EndpointRef.Name = "another"
	if err := framework.Deployed.Admin.Update(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	framework.Eventually(t, "the status catches up with the spec", func(context.Context) error {
		a, err := e.Asset(t, id)
		if err != nil {
			return err
		}
		ready := apimeta.FindStatusCondition(a.Status.Conditions, fastpixv1.ConditionReady)
		if a.Generation < 2 || a.Status.ObservedGeneration != a.Generation || ready.ObservedGeneration != a.Generation {
			return fmt.Errorf("generation %d is observed as %d", a.Generation, a.Status.ObservedGeneration)
		}
		return nil
	})
}

func TestTombstoneIsPurgedAndReplaysDoNotRecreateIt(t *testing.T) {
	e := framework.NewEndpoint(t)
	e.Edit(t, func(s *fastpixv1.WebhookEndpointSpec) { s.Retention.Deleted = &metav1.Duration{Duration: time.Second} })
	id, created := framework.NewAsset()
	deleted := bytes.ReplaceAll(framework.RecentPayload("video.media.deleted.json"), []byte("d003b383-bac0-42e9-a039-9bd4360f98a3"), []byte(id))
	// The controllers' copy of the endpoint may be older than the edit: a first asset waits until the retention counts.
	e.MustDeliver(t, created)
	e.WaitState(t, id, "Created")
	e.MustDeliver(t, deleted)
	framework.Eventually(t, "the tombstone is purged", func(context.Context) error {
		a, err := e.Asset(t, id)
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("it exists, timer %q at %v (%w)", a.Status.Timer, a.Status.TimerTime, err)
	})
	if e.Read(t).Status.PurgedThrough == nil {
		t.Error("the endpoint has no purgedThrough")
	}
	// The same event in other bytes, so that the deduplication cache of the receiver does not contain it.
	e.MustDeliver(t, append(deleted, ' '))
	framework.WaitJournalEmpty(t)
	if a, err := e.Asset(t, id); !apierrors.IsNotFound(err) {
		t.Errorf("a replay recreated the asset: %+v (%v)", a.Status, err)
	}
}

// The next leader does what became due without a leader: a tombstone is purged, and a stream whose encoder did not reconnect is
// no longer in doubt.
func TestTimersFireAlthoughTheControllersWereDown(t *testing.T) {
	const seconds = 10
	e := framework.NewEndpoint(t)
	e.Edit(t, func(s *fastpixv1.WebhookEndpointSpec) {
		s.Retention.Deleted = &metav1.Duration{Duration: seconds * time.Second}
	})
	framework.Restart(t, framework.Deployed.Controllers) // so that they know the retention
	t.Cleanup(func() { framework.EnsureRunning(t, framework.Deployed.Controllers) })
	id, _ := framework.NewAsset()
	now := time.Now().UTC().Format(time.RFC3339Nano)
	e.MustDeliver(t, fmt.Appendf(nil, `{"type":"video.media.deleted","id":"e1","object":{"type":"media","id":%q},"createdAt":%q}`, id, now))
	e.MustDeliver(t, fmt.Appendf(nil, `{"type":"video.live_stream.disconnected","id":"e2","object":{"type":"live","id":%q},"createdAt":%q,"data":{"reconnectWindow":%d}}`,
		fixtures.Stream, now, seconds))
	running := framework.AssetOf(id, "Deleted", "{.status.timer}", "Retention")
	waiting := framework.StreamOf(fixtures.Stream, "Disconnected", "{.status.timer}", "Reconnect", framework.LiveStatus, "Unknown")
	for _, want := range []fixtures.Mirror{running, waiting} {
		if err := controlplane.WaitMirror(t.Context(), framework.Deployed.Admin, e.Namespace, want); err != nil {
			t.Fatal(err)
		}
	}
	framework.WaitJournalEmpty(t)
	framework.Deployed.Controllers.Kill()
	framework.Eventually(t, "both are due", func(ctx context.Context) error {
		var s fastpixv1.LiveStream
		a, err := e.Asset(t, id)
		if err := errors.Join(err, framework.Deployed.Admin.Get(ctx, client.ObjectKey{Namespace: e.Namespace, Name: fixtures.Stream}, &s)); err != nil {
			return err
		}
		for _, at := range []*metav1.MicroTime{a.Status.TimerTime, s.Status.TimerTime} {
			if at == nil || time.Now().Before(at.Time) {
				return fmt.Errorf("a timer is due at %v", at)
			}
		}
		return nil
	})
	for _, want := range []fixtures.Mirror{running, waiting} {
		if err := controlplane.CheckMirror(t.Context(), framework.Deployed.Admin, e.Namespace, want); err != nil {
			t.Fatalf("without controllers: %v", err)
		}
	}
	framework.EnsureRunning(t, framework.Deployed.Controllers)
	over := framework.StreamOf(fixtures.Stream, "Disconnected", "{.status.timer}", "", framework.LiveStatus, "False", `{.status.conditions[?(@.type=="Live")].reason}`, "WindowPassed")
	if err := controlplane.WaitMirror(t.Context(), framework.Deployed.Admin, e.Namespace, over); err != nil {
		t.Error(err)
	}
	framework.Eventually(t, "the tombstone is purged", func(context.Context) error {
		if _, err := e.Asset(t, id); !apierrors.IsNotFound(err) {
			return fmt.Errorf("it exists (%w)", err)
		}
		return nil
	})
}

// TestKubernetesEventsAreRecordedOnce protects what kubectl describe shows: each Event once, however often events repeat.
func TestKubernetesEventsAreRecordedOnce(t *testing.T) {
	e := framework.NewEndpoint(t)
	framework.Restart(t, framework.Deployed.Controllers) // no other test's burst leaves these out
	media := func(id string, bodies ...string) {
		for _, file := range bodies {
			body := bytes.ReplaceAll(framework.RecentPayload(file), []byte(fixtures.MediaA), []byte(id))
			for range 3 {
				body = append(body, ' ') // other bytes, so that the deduplication cache does not contain them
				e.MustDeliver(t, body)
			}
			framework.WaitJournalEmpty(t)
		}
	}
	media(fixtures.MediaA, "video.media.created.json", "video.media.ready.json", "video.media.updated.json", "video.media.deleted.json")
	media(fixtures.MediaC, "video.media.created.failing.json", "video.media.failed.json")
	now := time.Now().UTC()
	for i, typ := range []string{"created", "active", "disconnected", "idle"} {
		body := fmt.Appendf(nil, `{"type":"video.live_stream.%s","id":"e%d","object":{"type":"live","id":%q},"createdAt":%q,"data":{"reconnectWindow":600}}`,
			typ, i, fixtures.Stream, now.Add(time.Duration(i-5)*time.Second).Format(time.RFC3339Nano))
		for range 3 {
			body = append(body, ' ')
			e.MustDeliver(t, body)
		}
		framework.WaitJournalEmpty(t)
	}
	want := []string{
		"LiveStream Ended", "LiveStream Interrupted", "LiveStream WentLive", "MediaAsset Deleted", "MediaAsset Failed", "MediaAsset Ready",
	}
	framework.Eventually(t, "all Events exist", func(ctx context.Context) error {
		var list eventsv1.EventList
		if err := framework.Deployed.Admin.List(ctx, &list, client.InNamespace(e.Namespace)); err != nil {
			return err
		}
		var got []string
		for _, ev := range list.Items {
			if ev.Regarding.Kind != "WebhookEndpoint" {
				got = append(got, ev.Regarding.Kind+" "+ev.Reason)
				if ev.Series != nil {
					t.Errorf("%s was recorded %d times", ev.Reason, ev.Series.Count)
				}
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			return fmt.Errorf("got %q, want %q", got, want)
		}
		return nil
	})
}
