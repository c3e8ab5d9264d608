package lifecycle

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/clock"
	"github.com/fastpix-operator/fastpix-operator/internal/operator"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// These tests protect the status of an endpoint when several receivers write it: a watch observes each change of Ready once for each cause,
// with few writes and few Kubernetes Events.

// statusLog is what a watch observes of an endpoint.
type statusLog struct {
	mu      sync.Mutex
	updates int
	version string   // of the last one
	ready   []string // status and reason, each time they changed
}

// watchStatus follows an endpoint until the test ends. It begins a new watch when the API server ends one.
func watchStatus(t *testing.T, e framework.Endpoint) *statusLog {
	t.Helper()
	watcher, err := client.NewWithWatch(framework.Deployed.Config(), client.Options{Scheme: operator.NewScheme()})
	if err != nil {
		t.Fatal(err)
	}
	l := &statusLog{}
	go func() {
		for ; t.Context().Err() == nil; clock.Sleep(t.Context(), 100*time.Millisecond) {
			l.follow(t.Context(), watcher, e.Namespace)
		}
	}()
	return l
}

// follow watches the endpoints of a namespace from now on, until the watch ends.
func (l *statusLog) follow(ctx context.Context, c client.WithWatch, namespace string) {
	var list fastpixv1.WebhookEndpointList
	if err := c.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		return
	}
	for i := range list.Items {
		l.observe(&list.Items[i])
	}
	w, err := c.Watch(ctx, &fastpixv1.WebhookEndpointList{}, client.InNamespace(namespace),
		&client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: list.ResourceVersion}})
	if err != nil {
		return
	}
	defer w.Stop()
	for event := range w.ResultChan() {
		if whe, ok := event.Object.(*fastpixv1.WebhookEndpoint); ok {
			l.observe(whe)
		}
	}
}

func (l *statusLog) observe(whe *fastpixv1.WebhookEndpoint) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if whe.ResourceVersion == l.version {
		return
	}
	l.updates, l.version = l.updates+1, whe.ResourceVersion
	ready := apimeta.FindStatusCondition(whe.Status.Conditions, fastpixv1.ConditionReady)
	if ready == nil {
		return
	}
	if word := string(ready.Status) + " " + ready.Reason; len(l.ready) == 0 || l.ready[len(l.ready)-1] != word {
		l.ready = append(l.ready, word)
	}
}

func (l *statusLog) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.ready) == 0 {
		return ""
	}
	return l.ready[len(l.ready)-1]
}

// waitFor waits until Ready says a word, while something makes the receivers look.
func (l *statusLog) waitFor(t *testing.T, word string, look func(context.Context)) {
	t.Helper()
	framework.Eventually(t, "Ready says "+word, func(ctx context.Context) error {
		if got := l.last(); got != word {
			look(ctx)
			return fmt.Errorf("it says %s", got)
		}
		return nil
	})
}

// check waits until the receivers have had time to disagree, and compares what the watch saw with the causes.
func (l *statusLog) check(t *testing.T, e framework.Endpoint, want []string) {
	t.Helper()
	quiet := time.Now()
	for seen := -1; time.Since(quiet) < 4*time.Second; {
		l.mu.Lock()
		updates := l.updates
		l.mu.Unlock()
		if updates != seen {
			seen, quiet = updates, time.Now()
		}
		<-time.After(100 * time.Millisecond)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var list eventsv1.EventList
	if err := framework.Deployed.Admin.List(t.Context(), &list, client.InNamespace(e.Namespace)); err != nil {
		t.Fatal(err)
	}
	events := 0
	for _, event := range list.Items {
		events++
		if event.Series != nil {
			events += int(event.Series.Count) - 1
		}
	}
	t.Logf("%d changes of Ready, %d versions of the endpoint, %d Kubernetes Events", len(l.ready)-1, l.updates, events)
	if !slices.Equal(l.ready, want) {
		t.Errorf("a watch observed\n%s\nwant\n%s", strings.Join(l.ready, "\n"), strings.Join(want, "\n"))
	}
	if most := len(want) + 4; l.updates > most || events > most {
		t.Errorf("%d versions and %d Kubernetes Events for %d causes, want at most %d each", l.updates, events, len(want)-1, most)
	}
}

const accepting = "True " + fastpixv1.ReasonAccepting

func TestReceiversAgreeOnAnEndpoint(t *testing.T) {
	replicas := []*controlplane.Operator{framework.Deployed.Receiver}
	for n := 1; n <= 3; n++ {
		if n > 1 {
			replicas = append(replicas, framework.NewReceiver(t, fmt.Sprintf("receiver-agreeing-%d", n)))
		}
		t.Run(fmt.Sprintf("%d receivers", n), func(t *testing.T) {
			e := framework.NewEndpoint(t)
			l := watchStatus(t, e)
			want := []string{accepting}
			look := func(ctx context.Context) { // a forgery has one receiver read the Secret again
				_, _ = replicas[0].Post(ctx, e.Path(), []byte(`{"type":"video.media.ready"}`), framework.Sign([]byte("other")))
			}
			l.waitFor(t, accepting, look)
			for _, turn := range []struct{ secret, word string }{
				{"not base64!", "False " + fastpixv1.ReasonSecretInvalid}, {fixtures.SigningSecret, accepting},
				{"", "False " + fastpixv1.ReasonSecretInvalid}, {framework.OtherSigningSecret, accepting},
				{"====", "False " + fastpixv1.ReasonSecretInvalid}, {fixtures.SigningSecret, accepting},
			} {
				framework.ReplaceSigningSecret(t, e, turn.secret)
				l.waitFor(t, turn.word, look)
				want = append(want, turn.word)
			}
			l.check(t, e, want)
		})
	}
	t.Run("receivers are killed and the API server restarts", func(t *testing.T) {
		e := framework.NewEndpoint(t)
		l := watchStatus(t, e)
		look := func(ctx context.Context) {
			_, _ = replicas[0].Post(ctx, e.Path(), []byte(`{"type":"video.media.ready"}`), framework.Sign([]byte("other")))
		}
		l.waitFor(t, accepting, look)
		want := []string{accepting}
		invalid := "False " + fastpixv1.ReasonSecretInvalid
		for i, word := range []string{invalid, accepting, invalid, accepting} {
			restart := i%2 == 0 // while every receiver has a valid key, which it keeps when an API server that has just started forbids its read
			if restart {
				for _, r := range replicas {
					waitForKey(t, r, e)
				}
			}
			replicas[1+i%2].Kill()
			if restart {
				framework.Deployed.APIServer.Kill()
				if err := framework.Deployed.APIServer.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			framework.ReplaceSigningSecret(t, e, map[string]string{invalid: "not base64!", accepting: fixtures.SigningSecret}[word])
			framework.EnsureRunning(t, replicas...)
			l.waitFor(t, word, look)
			want = append(want, word)
		}
		l.check(t, e, want)
	})
	t.Run("a Secret that changes all the time", func(t *testing.T) {
		e := framework.NewEndpoint(t)
		l := watchStatus(t, e)
		start := time.Now()
		for i := 0; time.Since(start) < 8*time.Second; i++ {
			framework.ReplaceSigningSecret(t, e, []string{"not base64!", fixtures.SigningSecret}[i%2])
			_, _ = replicas[i%len(replicas)].Post(t.Context(), e.Path(), []byte(`{"type":"x"}`), framework.Sign([]byte("other")))
			<-time.After(50 * time.Millisecond)
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		t.Logf("%d versions of the endpoint in 8 s", l.updates)
		if most := len(replicas)*(8+2) + 2; l.updates > most {
			t.Errorf("%d versions of the endpoint, want at most %d", l.updates, most)
		}
	})
}

// waitForKey waits until a receiver accepts what is signed with the key of the Secret, by an event that is not stored.
func waitForKey(t *testing.T, r *controlplane.Operator, e framework.Endpoint) {
	t.Helper()
	framework.Eventually(t, r.Name+" has the key", func(ctx context.Context) error {
		body := []byte(`{"type":"not.a.known.type","id":"1"}`)
		got, err := r.Post(ctx, e.Path(), body, framework.Sign(body))
		if err == nil && got != http.StatusOK {
			err = fmt.Errorf("answer %d", got)
		}
		return err
	})
}

// TestReceiversAgreeOnRights protects the status when reads are forbidden: the API server answers nothing about the Secret then, and each
// receiver forgets its key at another time.
func TestReceiversAgreeOnRights(t *testing.T) {
	t.Parallel()
	for i := range 2 {
		framework.NewReceiver(t, fmt.Sprintf("receiver-rights-%d", i))
	}
	e := framework.NewEndpoint(t)
	l := watchStatus(t, e)
	look := func(context.Context) {}
	l.waitFor(t, accepting, look)
	binding := &rbacv1.RoleBinding{}
	name := types.NamespacedName{Namespace: e.Namespace, Name: "signing-secret"}
	if err := framework.Deployed.Admin.Get(t.Context(), name, binding); err != nil {
		t.Fatal(err)
	}
	if err := framework.Deployed.Admin.Delete(t.Context(), binding); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	forbidden := "False " + fastpixv1.ReasonSecretForbidden
	for l.last() != forbidden && time.Since(start) < 2*time.Minute {
		<-time.After(framework.PollInterval)
	}
	t.Logf("Ready says so after %s", time.Since(start).Round(time.Second))
	binding.ObjectMeta = metav1.ObjectMeta{Namespace: binding.Namespace, Name: binding.Name}
	<-time.After(25 * time.Second) // every replica has read once more, without an answer
	framework.Create(t, binding)
	l.waitFor(t, accepting, look)
	l.check(t, e, []string{accepting, forbidden, accepting})
}
