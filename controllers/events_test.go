package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/mirror"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// These tests protect the Kubernetes Events of the operator: they report state changes at most once, after the write, and never delay
// folding.

// recordedEvents returns the reasons of the Events that were recorded since the last call.
func (env *testEnv) recordedEvents() string {
	var reasons []string
	for {
		select {
		case e := <-env.recorder.Events:
			reasons = append(reasons, strings.Fields(e)[1])
		default:
			return strings.Join(reasons, " ")
		}
	}
}

// tryDeliver adds a batch of records to the journal and folds it.
func (env *testEnv) tryDeliver(name string, records ...*record.Record) error {
	env.t.Helper()
	if err := env.client.Create(env.t.Context(), newBatch(env.t, name, records...)); err != nil {
		env.t.Fatal(err)
	}
	return env.run()
}

func TestEventsReportStateChanges(t *testing.T) {
	t.Parallel()
	m := func(typ, state string, second int) *record.Record {
		return event(fmt.Sprintf("e%d", second), "video.media."+typ, second, media(testMedia, state))
	}
	s := func(typ, state string, second int) *record.Record {
		return event(fmt.Sprintf("e%d", second), "video.live_stream."+typ, second, stream(testStream, state))
	}
	type step struct {
		records []*record.Record
		want    string
	}
	one := func(want string, records ...*record.Record) step { return step{records, want} }
	for name, steps := range map[string][]step{
		"a media that is made, and deleted": {
			one("", m("created", "Created", 1)), one("Ready", m("ready", "Ready", 2)), one("", m("updated", "Ready", 3)), one("Deleted", m("deleted", "Deleted", 4)),
			one("", m("updated", "Ready", 5)),
		},
		"a media that fails":             {one("", m("created", "Created", 1)), one("Failed", m("failed", "Failed", 2))},
		"a media of which all came late": {one("Ready", m("created", "Created", 1), m("ready", "Ready", 2))},
		"a media told backwards":         {one("Ready", m("ready", "Ready", 2)), one("", m("created", "Created", 1))},
		"a part of a media":              {one("", event("e1", "video.media.track.created", 1, media(testMedia, "")))},
		"an upload":                      {one("", m("upload", "Waiting", 1)), one("", m("upload.cancelled", "Cancelled", 2))},
		"a broadcast": {
			one("", s("created", "Idle", 1)), one("", s("preparing", "Preparing", 2)), one("WentLive", s("active", "Active", 3)), one("", s("recording", "Active", 4)),
			one("Interrupted", s("disconnected", "Disconnected", 50)), one("WentLive", s("active", "Active", 55)), one("Interrupted", s("disconnected", "Disconnected", 58)),
			one("Ended", s("idle", "Idle", 59)), one("", s("updated", "", 60)), one("Deleted", s("deleted", "Deleted", 61)),
		},
		"a broadcast without interruption":   {one("WentLive", s("active", "Active", 1)), one("Ended", s("idle", "Idle", 2))},
		"a stream that is deleted on air":    {one("WentLive", s("active", "Active", 1)), one("Deleted Ended", s("deleted", "Deleted", 2))},
		"a broadcast of which all came late": {one("", s("active", "Active", 1), s("idle", "Idle", 2))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := newTestEnv(t, newFakeClient(t, interceptor.Funcs{}))
			for i, step := range steps {
				if err := env.tryDeliver(fmt.Sprintf("b%d", i), step.records...); err != nil {
					t.Fatal(err)
				}
				if got := env.recordedEvents(); got != step.want {
					t.Errorf("step %d records %q, want %q", i, got, step.want)
				}
			}
			// Everything again, in this process and in the next.
			for _, again := range []*testEnv{env, newTestEnv(t, env.client)} {
				for i, step := range steps {
					if err := again.tryDeliver(fmt.Sprintf("again%d", i), step.records...); err != nil {
						t.Fatal(err)
					}
				}
				if got := again.recordedEvents(); got != "" {
					t.Errorf("recorded again: %q", got)
				}
			}
		})
	}
}

func TestEventReportsTheEndOfTheReconnectWindow(t *testing.T) {
	t.Parallel()
	env := newTestEnv(t, newFakeClient(t, interceptor.Funcs{}))
	if err := errors.Join(
		env.tryDeliver("b1", event("e1", "video.live_stream.active", 1, stream(testStream, "Active"))),
		env.tryDeliver("b2", event("e2", "video.live_stream.disconnected", 50, stream(testStream, "Disconnected"))),
	); err != nil {
		t.Fatal(err)
	}
	env.now = env.now.Add(time.Hour)
	if err := errors.Join(env.fireTimers(), env.fireTimers()); err != nil {
		t.Fatal(err)
	}
	if got := env.recordedEvents(); got != "WentLive Interrupted Ended" {
		t.Errorf("recorded %q", got)
	}
}

// TestEventsFollowTheWrite protects Events from being wrong or repeated: an Event is recorded only after the status was written.
func TestEventsFollowTheWrite(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]func(ctx context.Context, write func() error) error{
		"the write fails":    func(context.Context, func() error) error { return errInterrupted },
		"the answer is lost": func(_ context.Context, write func() error) error { return errors.Join(write(), errInterrupted) },
		"another client has written meanwhile": func(context.Context, func() error) error {
			return apierrors.NewConflict(schema.GroupResource{}, testMedia, errInterrupted)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			troubled := false
			var env *testEnv
			c := newFakeClient(t, interceptor.Funcs{
				SubResourceUpdate: func(ctx context.Context, c client.Client, sub string, o client.Object, opts ...client.SubResourceUpdateOption) error {
					write := func() error { return c.SubResource(sub).Update(ctx, o, opts...) }
					if _, ok := o.(*fastpixv1.MediaAsset); ok && !troubled {
						troubled = true
						err := trouble(ctx, write)
						if got := env.recordedEvents(); got != "" {
							t.Errorf("recorded %q before the write succeeded", got)
						}
						return err
					}
					return write()
				},
			})
			env = newTestEnv(t, c)
			for i := 0; env.tryDeliver(fmt.Sprintf("b%d", i), event("e1", "video.media.ready", 1, media(testMedia, "Ready"))) != nil; i++ {
				if got := env.recordedEvents(); got != "" {
					t.Errorf("recorded %q although the write failed", got)
				}
			}
			// At most once: when the answer is lost, the write may have succeeded, and nobody knows that it has not been told.
			if got, want := env.recordedEvents(), map[bool]string{true: "", false: "Ready"}[name == "the answer is lost"]; got != want {
				t.Errorf("recorded %q, want %q", got, want)
			}
		})
	}
}

// blockedSink accepts Events and never answers.
type blockedSink struct{ events.EventSink }

func (blockedSink) Create(ctx context.Context, _ *eventsv1.Event) (*eventsv1.Event, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func (s blockedSink) Patch(ctx context.Context, e *eventsv1.Event, _ []byte) (*eventsv1.Event, error) {
	return s.Create(ctx, e)
}

func TestFoldingDoesNotWaitForEvents(t *testing.T) {
	t.Parallel()
	const n = 3000 // more than the library queues
	c := newFakeClient(t, interceptor.Funcs{})
	env := newTestEnv(t, c)
	broadcaster := events.NewBroadcaster(blockedSink{})
	if err := broadcaster.StartRecordingToSinkWithContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broadcaster.Shutdown)
	recorder := mirror.NewEventRecorder(broadcaster.NewRecorder(c.Scheme(), "test"))
	before, after := mirror.NewFor(assetKey("m"), "m", "fastpix"), mirror.NewFor(assetKey("m"), "m", "fastpix")
	after.(*mirror.MediaAsset).Status.State = record.StateReady
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range n {
			recorder.Recorder.Eventf(after.APIObject(), nil, "Normal", "Ready", "Mirror", "note")
			recorder.Record(before, after)
		}
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("folding waits for Events")
	}

	env.reconciler.Store.RecordEvents = recorder.Record
	var records []*record.Record
	for i := range 100 {
		records = append(records, event(fmt.Sprintf("e%d", i), "video.media.ready", 1, media(fmt.Sprintf("m%d", i), "Ready")))
	}
	if err := env.tryDeliver("b1", records...); err != nil {
		t.Fatal(err)
	}
	var assets fastpixv1.MediaAssetList
	if err := c.List(t.Context(), &assets); err != nil {
		t.Fatal(err)
	}
	ready := slices.DeleteFunc(assets.Items, func(a fastpixv1.MediaAsset) bool { return a.Status.State != "Ready" })
	if len(ready) != len(records) {
		t.Errorf("%d of %d are mirrored", len(ready), len(records))
	}
}

func TestBurstMakesFewEvents(t *testing.T) {
	t.Parallel()
	env := newTestEnv(t, newFakeClient(t, interceptor.Funcs{}))
	var records []*record.Record
	for i := range 200 {
		records = append(records, event(fmt.Sprintf("e%d", i), "video.media.ready", 1, media(fmt.Sprintf("m%d", i), "Ready")))
	}
	start := time.Now()
	if err := env.tryDeliver("b1", records...); err != nil {
		t.Fatal(err)
	}
	most := mirror.EventsBurst + int(time.Since(start).Seconds()*mirror.EventsPerSecond) + 1
	if got := len(strings.Fields(env.recordedEvents())); got < mirror.EventsBurst || got > most {
		t.Errorf("%d Events, want %d to %d", got, mirror.EventsBurst, most)
	}
	if got := len(batches(t, env.client)); got != 0 {
		t.Errorf("the journal still holds %d batches", got)
	}
}
