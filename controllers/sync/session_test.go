// These tests protect tenants from each other: a run that waits holds neither a place nor memory. They also protect mirrors from differences that never end.
package sync

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/sync/plan"
	"github.com/fastpix-operator/fastpix-operator/internal/event"
	"github.com/fastpix-operator/fastpix-operator/internal/fastpixapi"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// oneEndpoint is a cache with one endpoint.
type oneEndpoint struct {
	client.Reader
	endpoint *fastpixv1.WebhookEndpoint
}

// Get implements client.Reader.
func (o oneEndpoint) Get(_ context.Context, _ client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	o.endpoint.DeepCopyInto(into.(*fastpixv1.WebhookEndpoint))
	return nil
}

// pausedAPI asked not to be asked for an hour.
type pausedAPI struct{ Client }

// Pause implements Client.
func (pausedAPI) Pause(fastpixapi.Credentials) time.Duration { return time.Hour }

func testSession(change func(*fastpixv1.WebhookEndpoint)) *session {
	e := &fastpixv1.WebhookEndpoint{}
	e.Namespace, e.Name, e.UID = "video", "fastpix", "uid"
	e.Spec.Sync = &fastpixv1.SyncSpec{}
	change(e)
	return newSession(&environment{cached: oneEndpoint{endpoint: e}, api: pausedAPI{}, now: time.Now, maxPending: testBound, grace: time.Minute}, e)
}

// givesPlaceBack checks that a run in the only place of a syncer gives it to another one while it waits.
func givesPlaceBack(t *testing.T, s *session, wait func(context.Context) error) {
	t.Helper()
	all, tenant := make(chan struct{}, 1), make(chan struct{}, 2)
	s.slot = &slot{all: all, tenant: tenant}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := s.slot.acquire(ctx); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- wait(ctx) }()
	other := &slot{all: all, tenant: tenant}
	if err := other.acquire(ctx); err != nil {
		t.Errorf("another run gets no place: %v", err)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the wait ended with %v", err)
	}
}

func TestWaitingRunsGiveTheirPlaceBack(t *testing.T) {
	t.Parallel()
	suspended := testSession(func(e *fastpixv1.WebhookEndpoint) { e.Spec.Suspend = true })
	givesPlaceBack(t, suspended, suspended.waitForTurn)
	backlogged := testSession(func(e *fastpixv1.WebhookEndpoint) { e.Status.FailedEvents = testBound })
	givesPlaceBack(t, backlogged, backlogged.waitForTurn)
	paused := testSession(func(*fastpixv1.WebhookEndpoint) {})
	givesPlaceBack(t, paused, func(ctx context.Context) error {
		return paused.ask(ctx, func(fastpixapi.Credentials) error { return errors.New("a request was sent") })
	})
}

func TestOneTenantDoesNotTakeAllPlaces(t *testing.T) {
	t.Parallel()
	s := newSlots()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	held := 0
	for range maxRuns {
		if s.slot("greedy").acquire(ctx) == nil {
			held++
		}
	}
	if held != maxTenantRuns {
		t.Errorf("one namespace has %d places, want %d", held, maxTenantRuns)
	}
	if err := s.slot("other").acquire(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestRunsThatWaitTakeLittleMemory(t *testing.T) {
	env := &environment{now: time.Now}
	e := &fastpixv1.WebhookEndpoint{}
	e.Spec.Sync = &fastpixv1.SyncSpec{}
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	runs := make([]*run, 1000)
	for i := range runs {
		runs[i] = newRun(newSession(env, e), logr.Discard(), "", true)
	}
	if after := heap(); after > before+8<<20 {
		t.Errorf("1,000 runs that wait hold %d MiB", (after-before)>>20)
	}
	runtime.KeepAlive(runs)
}

// TestPolicyOfTheMirrorsEndpointDecides protects the mirrors of a namespace with two policies from a repair in every run.
func TestPolicyOfTheMirrorsEndpointDecides(t *testing.T) {
	t.Parallel()
	p := policies{omits: map[string]bool{"omits": true, "mirrors": false}, anyOmit: true}
	for endpoint, want := range map[string]bool{"omits": false, "mirrors": true, "gone": false, "": false} {
		rec := &record.Record{Changes: []record.Change{{Kind: record.MediaAsset, ID: "m", Media: &record.MediaChange{Title: new("a")}}}}
		p.apply(rec, &mirror{Mirror: plan.Mirror{Endpoint: endpoint}})
		if got := rec.Changes[0].Media.Title != nil; got != want {
			t.Errorf("a mirror of endpoint %q may hold text: %v, want %v", endpoint, got, want)
		}
	}
}

// TestObservationsAreCutBeforeTheyAreCompared protects large objects from a repair in every run: a page and a single answer give the same record, although only
// the answer holds what AI found.
func TestObservationsAreCutBeforeTheyAreCompared(t *testing.T) {
	t.Parallel()
	s := testSession(func(*fastpixv1.WebhookEndpoint) {})
	reply := s.reply(time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC))
	var metadata []string
	for i := range 31 {
		metadata = append(metadata, fmt.Sprintf(`"key%02d":%q`, i, strings.Repeat("v", 490)))
	}
	row := `{"id":"m","status":"Ready","metadata":{` + strings.Join(metadata, ",") + `}`
	of := func(text string) *record.Record {
		o, err := event.Observe(record.MediaAsset, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return s.recordOf(o, reply)
	}
	page, single := of(row+"}"), of(row+`,"summary":{"status":"Ready","data":"`+strings.Repeat("s", 2000)+`"}}`)
	if len(*page.Changes[0].Media.Metadata) != 31 || len(*single.Changes[0].Media.Metadata) != 31 {
		t.Errorf("%d and %d keys of metadata are kept, want 31", len(*page.Changes[0].Media.Metadata), len(*single.Changes[0].Media.Metadata))
	}
	if page.ID != single.ID {
		t.Error("a page and a single answer are different records")
	}
}
