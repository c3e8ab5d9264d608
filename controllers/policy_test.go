package controllers

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/journal"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// These tests protect the effect of an endpoint's policy on existing mirrors: retention discards no late event of another media, and Omit
// clears text that was mirrored before.

func (env *testEnv) setPolicy(edit func(*fastpixv1.WebhookEndpointSpec)) {
	env.t.Helper()
	var e fastpixv1.WebhookEndpoint
	if err := env.client.Get(env.t.Context(), types.NamespacedName{Namespace: testNamespace, Name: "fastpix"}, &e); err != nil {
		env.t.Fatal(err)
	}
	edit(&e.Spec)
	if err := env.client.Update(env.t.Context(), &e); err != nil {
		env.t.Fatal(err)
	}
}

func (env *testEnv) deliver(name string, records ...*record.Record) {
	env.t.Helper()
	if err := env.client.Create(env.t.Context(), newBatch(env.t, name, records...)); err != nil {
		env.t.Fatal(err)
	}
	if err := env.run(); err != nil {
		env.t.Fatal(err)
	}
}

func (env *testEnv) asset(id string) *fastpixv1.MediaAsset {
	env.t.Helper()
	var asset fastpixv1.MediaAsset
	err := env.client.Get(env.t.Context(), types.NamespacedName{Namespace: testNamespace, Name: id}, &asset)
	if client.IgnoreNotFound(err) != nil {
		env.t.Fatal(err)
	}
	return &asset
}

// A review found this fault: a mirror that retention removed counted as a tombstone, and the first event of another media, sent late, was
// discarded.
func TestRetentionOfReadyMediaDropsNoLateEvent(t *testing.T) {
	t.Parallel()
	env := newTestEnv(t, newFakeClient(t, interceptor.Funcs{}))
	env.setPolicy(func(s *fastpixv1.WebhookEndpointSpec) { s.Retention.Ready = &metav1.Duration{Duration: time.Minute} })
	env.deliver("b1", event("e1", "video.media.ready", 10, media("m1", "Ready")))
	env.now = env.now.Add(time.Hour)
	if err := env.sweeper.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if env.asset("m1").Name != "" {
		t.Fatal("the mirror outlives its retention")
	}
	env.deliver("b2", event("e2", "video.media.created", 5, media("m2", "Created")))
	if env.asset("m2").Status.State != "Created" {
		t.Error("the first event of another media was dropped for its age")
	}
}

func TestSweepRetriesDelayedPurges(t *testing.T) {
	t.Parallel()
	env := newTestEnv(t, newFakeClient(t, interceptor.Funcs{}))
	env.setPolicy(func(s *fastpixv1.WebhookEndpointSpec) { s.Retention.Ready = &metav1.Duration{Duration: time.Minute} })
	env.deliver("b1", event("e1", "video.media.ready", 10, media("m1", "Ready")))
	env.now = env.now.Add(time.Hour)
	env.backlog.Add(journal.BatchInfo{UID: "unread"})
	s := env.sweeper
	if err := s.Sweep(t.Context()); err != nil || s.Delayed != 1 || env.asset("m1").Name == "" {
		t.Fatalf("%d mirrors are put off (%v), there: %q", s.Delayed, err, env.asset("m1").Name)
	}
	env.backlog.Remove("unread")
	env.backlog.Next() // finds that it is gone
	if err := s.Sweep(t.Context()); err != nil || s.Delayed != 0 || env.asset("m1").Name != "" {
		t.Errorf("%d mirrors are put off (%v), there: %q", s.Delayed, err, env.asset("m1").Name)
	}
}

func TestOmitClearsAtTheNextFold(t *testing.T) {
	t.Parallel()
	told := func(id, text string) record.Change {
		c := media(id, "Ready")
		c.Media.Title, c.Media.CreatorID = &text, &text
		c.Media.Metadata = &map[string]fastpixv1.MetadataValue{"key": fastpixv1.MetadataValue(text)}
		return c
	}
	for name, next := range map[string]*record.Record{
		"a newer event":                  event("e2", "video.media.updated", 20, media("m1", "Ready")),
		"an older event":                 event("e2", "video.media.updated", 5, media("m1", "Ready")),
		"the same event again":           event("e1", "video.media.ready", 10, told("m1", "")),
		"a newer event that brings text": event("e2", "video.media.updated", 20, told("m1", "of another endpoint")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := newTestEnv(t, newFakeClient(t, interceptor.Funcs{}))
			env.deliver("b1", event("e1", "video.media.ready", 10, told("m1", "text")))
			if s := env.asset("m1").Status; s.Title != "text" || s.CreatorID != "text" || len(s.Metadata) != 1 {
				t.Fatalf("mirrored are %q, %q and %v", s.Title, s.CreatorID, s.Metadata)
			}
			env.setPolicy(func(s *fastpixv1.WebhookEndpointSpec) { s.MetadataPolicy = fastpixv1.MetadataOmit })
			env.deliver("b2", next)
			before := env.asset("m1")
			if s := before.Status; s.Title != "" || s.CreatorID != "" || len(s.Metadata) != 0 || s.State != "Ready" {
				t.Errorf("left are %q, %q and %v in state %s", s.Title, s.CreatorID, s.Metadata, s.State)
			}
			env.deliver("b3", next)
			if after := env.asset("m1"); after.ResourceVersion != before.ResourceVersion {
				t.Error("folding it again writes")
			}
		})
	}
}

func TestOlderEventDoesNotRestoreOmittedText(t *testing.T) {
	t.Parallel()
	titled := func(id string, at int, title string) *record.Record {
		c := media("m1", "Ready")
		c.Media.Title = &title
		return event(id, "video.media.updated", at, c)
	}
	older, newer := titled("e1", 10, "old title"), titled("e2", 20, "")
	env := newTestEnv(t, newFakeClient(t, interceptor.Funcs{}))
	env.deliver("b1", older, newer)
	env.setPolicy(func(s *fastpixv1.WebhookEndpointSpec) { s.MetadataPolicy = fastpixv1.MetadataOmit })
	env.deliver("b2", event("e3", "video.media.updated", 30, media("m1", "Ready")))
	env.setPolicy(func(s *fastpixv1.WebhookEndpointSpec) { s.MetadataPolicy = fastpixv1.MetadataMirror })
	env.deliver("b3", older)
	if got := env.asset("m1").Status.Title; got != "" {
		t.Errorf("an old redelivery sets the title %q, which a newer event had cleared", got)
	}
}
