package durability

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
)

// These tests protect users who change something while a watch is broken: each part that watches finds the change within seconds after the API
// server is available again.

// foundWithin bounds how long a change waits, on a busy machine. Informers, whose backoff this repository does not set, double their pause with each
// restart within two minutes of another: the test waits for them in the first tries only.
const foundWithin = 20 * time.Second

// found collects how long changes waited, by what was changed.
type found struct {
	mu   sync.Mutex
	took map[string][]time.Duration
}

// wait measures how long it takes from a change until it is found.
func (f *found) wait(ctx context.Context, t *testing.T, what string, changed time.Time, check func(context.Context) error) {
	t.Helper()
	ctx, stop := context.WithDeadline(ctx, changed.Add(foundWithin))
	defer stop()
	for {
		err := check(ctx)
		if err == nil {
			break
		}
		select {
		case <-ctx.Done():
			t.Errorf("%s: not found within %s: %v", what, foundWithin, err)
			return
		case <-time.After(framework.PollInterval):
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.took[what] = append(f.took[what], time.Since(changed))
}

func (f *found) log(t *testing.T) {
	t.Helper()
	for what, took := range f.took {
		slices.Sort(took)
		t.Logf("%s: %d times, median %s, longest %s", what, len(took), took[len(took)/2].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond))
	}
}

// changeSpec changes the spec of a mirror as soon as the API server takes it.
func changeSpec(t *testing.T, e framework.Endpoint, id, to string) time.Time {
	t.Helper()
	framework.Eventually(t, "the spec is changed", func(ctx context.Context) error {
		asset := &fastpixv1.MediaAsset{ObjectMeta: metav1.ObjectMeta{Namespace: e.Namespace, Name: id}}
		patch := fmt.Appendf(nil, `{"spec":{"endpointRef":{"name":%q}}}`, to)
		return framework.Deployed.Admin.Patch(ctx, asset, client.RawPatch("application/merge-patch+json", patch))
	})
	return time.Now()
}

// isObserved checks that the status of a mirror has caught up with its spec.
func isObserved(e framework.Endpoint, id string) func(context.Context) error {
	return func(ctx context.Context) error {
		var asset fastpixv1.MediaAsset
		if err := framework.Deployed.Admin.Get(ctx, client.ObjectKey{Namespace: e.Namespace, Name: id}, &asset); err != nil {
			return err
		}
		if asset.Generation < 2 || asset.Status.ObservedGeneration != asset.Generation {
			return fmt.Errorf("generation %d, observed %d", asset.Generation, asset.Status.ObservedGeneration)
		}
		return nil
	}
}

// suspends checks that the receiver knows that the endpoint is suspended, or is not.
func suspends(e framework.Endpoint, want int) func(context.Context) error {
	return func(ctx context.Context) error {
		_, body := framework.NewAsset()
		got, err := framework.Deployed.Receiver.Post(ctx, e.Path(), body, framework.Sign(body))
		if err == nil && got != want {
			err = fmt.Errorf("answer %d", got)
		}
		return err
	}
}

func TestChangesAroundARestartOfTheAPIServerAreFound(t *testing.T) {
	const tries, ofInformers = 3, 2
	e, suspended := framework.NewEndpoint(t), framework.NewEndpoint(t)
	t.Cleanup(func() {
		if !framework.Deployed.APIServer.Running() {
			if err := framework.Deployed.APIServer.Start(context.WithoutCancel(t.Context())); err != nil {
				t.Error(err)
			}
		}
	})
	f := found{took: map[string][]time.Duration{}}
	for try := range tries {
		before := e.MirrorAsset(t)
		var during []string
		for range 6 {
			during = append(during, e.MirrorAsset(t))
		}
		purging := framework.NewEndpoint(t) // a new one each time: what was purged keeps older events out
		purging.Edit(t, func(s *fastpixv1.WebhookEndpointSpec) { s.Retention.Deleted = &metav1.Duration{Duration: time.Second} })
		tombstone := purging.MirrorAsset(t)

		changeSpec(t, e, before, fmt.Sprint("before-", try))
		framework.NewNamespace(t) // so that the API server begins later than what any watch of mirrors has seen: it answers 410
		framework.Deployed.APIServer.Kill()
		killed := time.Now()
		if err := framework.Deployed.APIServer.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		back := time.Now()
		if away := back.Sub(killed); away > 10*time.Second {
			t.Logf("try %d: the API server was away for %s", try, away)
		}
		var wg sync.WaitGroup
		if try < ofInformers {
			wg.Go(func() { f.purge(t, purging, tombstone) })
		}
		f.changeAll(t, try, try < ofInformers, back, e, suspended, before, during)
		wg.Wait()
	}
	f.log(t)
	framework.WaitJournalEmpty(t)
}

// changeAll changes something for each watch, as soon as the API server is back, and waits until all is found.
func (f *found) changeAll(t *testing.T, try int, informers bool, back time.Time, e, suspended framework.Endpoint, before string, during []string) {
	t.Helper()
	var wg sync.WaitGroup
	wait := func(what string, changed time.Time, check func(context.Context) error) {
		wg.Go(func() { f.wait(t.Context(), t, what, changed, check) })
	}
	wait("spec changed just before", back, isObserved(e, before))
	wg.Go(func() {
		for i, id := range during { // through the first two seconds
			wait("spec changed at once", changeSpec(t, e, id, fmt.Sprint("during-", try)), isObserved(e, id))
			time.Sleep(time.Until(back.Add(time.Duration(i+1) * 2 * time.Second / time.Duration(len(during)))))
		}
	})

	suspended.Edit(t, func(s *fastpixv1.WebhookEndpointSpec) { s.Suspend = true })
	if informers {
		wait("endpoint suspended (receiver)", time.Now(), suspends(suspended, http.StatusServiceUnavailable))
	}

	id, body := framework.NewAsset()
	wait("event (batches)", time.Now(), func(ctx context.Context) error {
		if code, err := framework.Deployed.Receiver.Post(ctx, e.Path(), body, framework.Sign(body)); err != nil || code != http.StatusOK {
			return fmt.Errorf("answer %d: %w", code, err)
		}
		_, err := e.Asset(t, id)
		return err
	})
	time.Sleep(time.Until(back.Add(2 * time.Second)))
	late := before // once observed, it may change again
	wg.Wait()
	wait("spec changed later", changeSpec(t, e, late, fmt.Sprint("late-", try)), isObserved(e, late))
	suspended.Edit(t, func(s *fastpixv1.WebhookEndpointSpec) { s.Suspend = false })
	wait("endpoint accepts again (receiver)", time.Now(), suspends(suspended, http.StatusOK))
	wg.Wait()
}

// purge waits until a tombstone goes.
func (f *found) purge(t *testing.T, e framework.Endpoint, id string) {
	t.Helper()
	deleted := bytes.ReplaceAll(framework.RecentPayload("video.media.deleted.json"), []byte("d003b383-bac0-42e9-a039-9bd4360f98a3"), []byte(id))
	f.wait(t.Context(), t, "tombstone purged (timers)", time.Now(), func(ctx context.Context) error {
		if code, err := framework.Deployed.Receiver.Post(ctx, e.Path(), deleted, framework.Sign(deleted)); err != nil || code != http.StatusOK {
			return fmt.Errorf("answer %d: %w", code, err)
		}
		if _, err := e.Asset(t, id); !apierrors.IsNotFound(err) {
			return errors.Join(errors.New("it exists"), err)
		}
		return nil
	})
}

// TestChangesWithoutALeaderAreFound protects the same when the controllers are replaced: what changed while none led, and as the next one
// begins.
func TestChangesWithoutALeaderAreFound(t *testing.T) {
	e := framework.NewEndpoint(t)
	t.Cleanup(func() { framework.EnsureRunning(t, framework.Deployed.Controllers) })
	f := found{took: map[string][]time.Duration{}}
	for try := range 4 {
		ids := []string{e.MirrorAsset(t), e.MirrorAsset(t), e.MirrorAsset(t)}
		framework.Deployed.Controllers.Kill()
		changeSpec(t, e, ids[0], fmt.Sprint("away-", try))
		if err := framework.Deployed.Controllers.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		started := time.Now()
		var wg sync.WaitGroup
		wg.Go(func() { f.wait(t.Context(), t, "spec changed without a leader", started, isObserved(e, ids[0])) })
		for i, id := range ids[1:] {
			changed := changeSpec(t, e, id, fmt.Sprint("begins-", try, i))
			wg.Go(func() { f.wait(t.Context(), t, "spec changed as a leader begins", changed, isObserved(e, id)) })
			randomPause(time.Second)
		}
		wg.Wait()
	}
	f.log(t)
}
