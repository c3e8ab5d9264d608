package live

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fastpixfake"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

const (
	pastMedia   = 12 // of the workspace, before it has an endpoint
	lostEvents  = 3
	failing     = 4 // events of the namespace that refuses mirrors
	eventPause  = 1500 * time.Millisecond
	mediaPause  = 250 * time.Millisecond
	failedEvery = 8
)

// workspace is a fake workspace of FastPix, whose events go to the endpoint of a namespace.
type workspace struct {
	*fastpixfake.Workspace
	access   fastpixfake.Access
	endpoint framework.Endpoint
}

// newWorkspace creates a namespace with an endpoint, and a workspace with a past.
func newWorkspace(t *testing.T, fake *fastpixfake.Fake) *workspace {
	t.Helper()
	scenarios, err := fixtures.LoadScenarios()
	if err != nil {
		t.Fatal(err)
	}
	w := &workspace{access: fastpixfake.Access{TokenID: "dashboards-token", SecretKey: "dashboards-key"}, endpoint: newEndpoint(t, "video")}
	w.Workspace = fake.AddWorkspace(scenarios.IDs["workspace"], w.access)
	for i := range pastMedia {
		w.PutMedia(fastpixfake.NewMedia(fastpixfake.MediaID(i), time.Now().AddDate(0, 0, -i-1)))
	}
	w.PutStream(fastpixfake.NewStream(fastpixfake.StreamID(0), time.Now().AddDate(0, -1, 0)))
	framework.CreateAPISecret(t, w.endpoint.Namespace, w.access.TokenID, w.access.SecretKey)
	return w
}

// newEndpoint creates a namespace with an endpoint.
func newEndpoint(t *testing.T, namespace string) framework.Endpoint {
	t.Helper()
	framework.Create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	framework.CreateEndpoint(t, namespace, framework.SigningSecretOf(fixtures.SigningSecret))
	e := framework.Endpoint{Namespace: namespace}
	e.WaitReady(t)
	return e
}

// event returns an event of the workspace about a media that was created at a time.
func (w *workspace) event(eventType, id, status string, created time.Time) []byte {
	now := time.Now()
	data := fastpixfake.NewMedia(id, created)
	data["status"], data["updatedAt"] = status, fastpixfake.Time(now)
	body, err := json.Marshal(map[string]any{
		"type": eventType, "id": uuid.NewUUID(), "createdAt": fastpixfake.Time(now), "object": map[string]any{"type": "media", "id": id},
		"workspace": map[string]any{"name": "Development", "id": w.ID}, "data": data,
	})
	if err != nil {
		panic(err) // maps of texts can be encoded
	}
	return body
}

// send changes the workspace as an event says, and sends the event.
func (w *workspace) send(ctx context.Context, body []byte) error {
	return errors.Join(w.Apply(body), w.endpoint.Deliver(ctx, body))
}

// upload creates media until it is told to stop. They become ready, or some of them fail.
func (w *workspace) upload(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.uploadUntil(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}

func (w *workspace) uploadUntil(ctx context.Context) error {
	for i := 0; ctx.Err() == nil; i++ {
		id, now := string(uuid.NewUUID()), time.Now()
		outcome, status := "video.media.ready", "Ready"
		if i%failedEvery == 0 {
			outcome, status = "video.media.failed", "Failed"
		}
		for _, body := range [][]byte{w.event("video.media.created", id, "Created", now), w.event(outcome, id, status, now)} {
			if err := w.send(context.WithoutCancel(ctx), body); err != nil {
				return err
			}
			pause(ctx, mediaPause)
		}
	}
	return nil
}

// pause waits.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// runScenarios sends the events of the demo. Those of other workspaces change nothing in this one.
func (w *workspace) runScenarios(t *testing.T) {
	t.Helper()
	for _, s := range fixtures.Steps() {
		body := framework.RecentPayload(s.File)
		deliver := w.send
		if !bytes.Contains(body, []byte(w.ID)) {
			deliver = w.endpoint.Deliver
		}
		if err := deliver(t.Context(), body); err != nil {
			t.Fatalf("%s: %v", s.File, err)
		}
		pause(t.Context(), eventPause)
	}
}

// goLive lets the stream of the past go live.
func (w *workspace) goLive(t *testing.T) {
	t.Helper()
	id := fastpixfake.StreamID(0)
	body := framework.RecentPayload("video.live_stream.active.json")
	var event map[string]any
	if err := json.Unmarshal(bytes.ReplaceAll(body, []byte(fixtures.Stream), []byte(id)), &event); err != nil {
		t.Fatal(err)
	}
	event["id"], event["createdAt"] = uuid.NewUUID(), fastpixfake.Time(time.Now())
	body, err := json.Marshal(event)
	if err == nil {
		err = w.send(t.Context(), body)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// compare configures sync, and waits until what the workspace had before is mirrored.
func (w *workspace) compare(t *testing.T) {
	t.Helper()
	w.endpoint.Edit(t, func(s *fastpixv1.WebhookEndpointSpec) {
		s.Sync = &fastpixv1.SyncSpec{CredentialsSecret: fastpixv1.APICredentialsReference{Name: tenant.APISecretName}}
	})
	w.endpoint.WaitState(t, fastpixfake.MediaID(0), "Ready")
}

// loseEvents renames media of the past without an event, and lets a run repair their mirrors.
func (w *workspace) loseEvents(t *testing.T) {
	t.Helper()
	for i := range lostEvents {
		row := w.Media(fastpixfake.MediaID(i))
		row["title"], row["updatedAt"] = fmt.Sprintf("Renamed %d", i), fastpixfake.Time(time.Now().Add(-time.Minute))
		w.PutMedia(row)
	}
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"annotations":{"`+fastpixv1.SyncRequestedAtAnnotation+`":"now"}}}`))
	if err := framework.Deployed.Admin.Patch(t.Context(), w.endpoint.Read(t), patch); err != nil {
		t.Fatal(err)
	}
	framework.Eventually(t, "the requested run has ended", func(context.Context) error {
		if s := w.endpoint.Read(t).Status.Sync; s == nil || s.HandledRequest != "now" {
			return fmt.Errorf("status.sync is %+v", s)
		}
		return nil
	})
}

// failEvents sends events to a namespace that refuses mirrors.
func failEvents(t *testing.T, w *workspace) {
	t.Helper()
	if err := framework.Deployed.Apply(t.Context(), "test/dashboards/live/testdata/refuse_media_assets.yaml"); err != nil {
		t.Fatal(err)
	}
	archive := newEndpoint(t, "archive")
	framework.Eventually(t, "MediaAssets are refused", func(ctx context.Context) error {
		probe := &fastpixv1.MediaAsset{
			ObjectMeta: metav1.ObjectMeta{Namespace: archive.Namespace, Name: "probe"}, Spec: fastpixv1.MediaAssetSpec{MediaID: "probe"},
		}
		if err := framework.Deployed.Admin.Create(ctx, probe, client.DryRunAll); err == nil {
			return errors.New("they are accepted")
		}
		return nil
	})
	for range failing {
		archive.MustDeliver(t, w.event("video.media.created", string(uuid.NewUUID()), "Created", time.Now()))
	}
}

// sendOddities sends what a receiver does not accept as a new event: the same event again, an unknown type, a forged one, and one to a
// suspended endpoint.
func (w *workspace) sendOddities(t *testing.T) {
	t.Helper()
	id, created := fastpixfake.MediaID(pastMedia-1), time.Now().AddDate(0, 0, -pastMedia)
	again, unknown := w.event("video.media.updated", id, "Ready", created), w.event("video.media.unheard_of", id, "Ready", created)
	for range 5 {
		if err := errors.Join(w.endpoint.Deliver(t.Context(), again), w.endpoint.Deliver(t.Context(), unknown)); err != nil {
			t.Fatal(err)
		}
		code, err := framework.Deployed.Receiver.Post(t.Context(), w.endpoint.Path(), again, fixtures.Sign(framework.OtherSigningSecret, again))
		if err != nil || code != http.StatusUnauthorized {
			t.Fatalf("a forged delivery: %d, %v", code, err)
		}
	}
	suspended := newEndpoint(t, "paused")
	suspended.Edit(t, func(s *fastpixv1.WebhookEndpointSpec) { s.Suspend = true })
	for range 5 {
		framework.Eventually(t, "the suspended endpoint answers 503", func(ctx context.Context) error {
			answer, err := suspended.PostOnce(ctx, http.DefaultClient, framework.Deployed.Receiver.ReceiverURL, again)
			if err != nil || answer.Code != http.StatusServiceUnavailable {
				return fmt.Errorf("%d, %w", answer.Code, err)
			}
			return nil
		})
		pause(t.Context(), scrapeInterval)
	}
}

// parts starts the controllers and the syncer as config/default does, in place of the controllers of the other tests, which elect no leader. It
// returns all parts by the names of their Services.
func parts(t *testing.T, apiURL string) map[string]*controlplane.Operator {
	t.Helper()
	if err := framework.Deployed.Controllers.Stop(); err != nil {
		t.Fatal(err)
	}
	return map[string]*controlplane.Operator{
		"fastpix-receiver-metrics": framework.Deployed.Receiver,
		"fastpix-controller-manager-metrics": framework.NewProcess(t, "controllers-with-lease", framework.Deployed.AsControllers,
			"--receiver=false", "--syncer=false", "--leader-elect"),
		"fastpix-syncer-metrics": framework.StartSyncer(t, "syncer", apiURL, "--sync-grace=5s"),
	}
}
