package controllers

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/trace"
)

// setTrace lets the components trace into a logger.
func (env *testEnv) setTrace(log logr.Logger) {
	env.reader.Trace, env.reconciler.Trace = trace.Logger(log), trace.Logger(log)
}

// TestEventsAreTracedFromJournalToMirror protects the traces of the controllers: a trace says when an event was read, each attempt to fold it, and what
// became of it.
func TestEventsAreTracedFromJournalToMirror(t *testing.T) {
	conflicts := 1
	occupant := &fastpixv1.LiveStream{ObjectMeta: metav1.ObjectMeta{Namespace: testNamespace, Name: testStream}, Spec: fastpixv1.LiveStreamSpec{StreamID: "something-else"}}
	gone := event("discarded", "video.media.ready", 3, media(testMedia, "Ready"))
	gone.Namespace = "deleted"
	c := newFakeClient(t, interceptor.Funcs{
		SubResourceUpdate: func(ctx context.Context, c client.Client, sub string, o client.Object, opts ...client.SubResourceUpdateOption) error {
			if conflicts--; conflicts >= 0 {
				return apierrors.NewConflict(schema.GroupResource{Resource: "mediaassets"}, o.GetName(), nil)
			}
			return c.SubResource(sub).Update(ctx, o, opts...)
		},
	}, occupant, newBatch(t, "b1", event("written", "video.media.ready", 1, media(testMedia, "Ready")),
		event("failed", "video.live_stream.active", 2, stream(testStream, "Active")), gone))
	env := newTestEnv(t, c)
	var log strings.Builder
	env.setTrace(funcr.New(func(_, args string) { fmt.Fprintln(&log, args) }, funcr.Options{Verbosity: trace.Level}))
	if err := env.run(); err != nil {
		t.Fatal(err)
	}
	if err := c.Create(t.Context(), newBatch(t, "b2", event("written", "video.media.ready", 1, media(testMedia, "Ready")))); err != nil {
		t.Fatal(err)
	}
	if err := env.run(); err != nil {
		t.Fatal(err)
	}
	steps := map[string]string{}
	for line := range strings.Lines(log.String()) {
		value := func(key string) string {
			_, after, _ := strings.Cut(line, `"`+key+`"=`)
			value, _, _ := strings.Cut(strings.TrimPrefix(after, `"`), `"`)
			return value
		}
		step := value("msg")
		if result := value("result"); result != "" {
			step = result + " " + value("eventBatch")
		}
		if _, attempt, ok := strings.Cut(strings.TrimSpace(line), `"attempt"=`); ok {
			step += " " + attempt
		}
		steps[value("eventID")] += step + "; "
		for _, key := range []string{"eventType", "WebhookEndpoint", "eventBatch"} {
			if value(key) == "" {
				t.Errorf("a line of a trace has no %s: %s", key, line)
			}
		}
	}
	for id, want := range map[string]string{
		"written":   "Read an event; Folds an event 1; Folds an event 2; written b1; Read an event; Folds an event 1; Folds an event 2; unchanged b2; ",
		"failed":    "Read an event; Folds an event 1; Folds an event 2; failed b1; ",
		"discarded": "Read an event; discarded b1; ",
	} {
		if got := steps[id]; !strings.HasPrefix(got, want) {
			t.Errorf("the trace of %q is\n%s\nwant it to begin with\n%s", id, got, want)
		}
	}
	if t.Failed() {
		t.Log(log.String())
	}
}
