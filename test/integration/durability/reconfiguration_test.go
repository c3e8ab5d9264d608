package durability

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

// senderPause is how long a sender waits after each delivery. Without a pause, the events that are left in the end would be as many as the machine is
// busy, and could take longer to mirror than a test waits.
const senderPause = 20 * time.Millisecond

// TestReconfigurationLosesNothing protects all three promises while users change what events in flight depend on: endpoints and Secrets are
// suspended, deleted, recreated and renamed, rights are withdrawn and granted, and namespaces are recreated for other teams. No acknowledged event
// is lost, no forged event is accepted, no event of a deleted namespace appears in the next one, another tenant is not affected, and
// no process ends.
func TestReconfigurationLosesNothing(t *testing.T) {
	const lasting = 8 * time.Second
	receiver, controllers := framework.Deployed.Receiver.PID(), framework.Deployed.Controllers.PID()
	neighbor, byEndpoint, bySecret := newTraffic(t), newTraffic(t), newTraffic(t)
	ctx, stop := context.WithTimeout(t.Context(), lasting)
	defer stop()
	var wg sync.WaitGroup
	for _, tr := range []*traffic{neighbor, byEndpoint, bySecret} {
		wg.Go(func() { tr.run(ctx, t) })
	}
	wg.Go(func() { disrupt(ctx, t, byEndpoint.endpointDisruptions()) })
	wg.Go(func() { disrupt(ctx, t, bySecret.secretDisruptions()) })
	reassignNamespace(ctx, t)
	wg.Wait()
	framework.WaitJournalEmpty(t)

	for name, tr := range map[string]*traffic{"neighbor": neighbor, "endpoint": byEndpoint, "Secret": bySecret} {
		t.Logf("%s: answers %v", name, tr.answers)
		if len(tr.acknowledged) == 0 {
			t.Errorf("%s: nothing was acknowledged", name)
		}
		for _, id := range tr.acknowledged {
			want := fixtures.Mirror{Kind: "MediaAsset", ID: id, State: "Created"}
			if err := controlplane.CheckMirror(t.Context(), framework.Deployed.Admin, tr.Namespace, want); err != nil {
				t.Errorf("%s: acknowledged, and lost: %v", name, err)
			}
		}
	}
	if len(neighbor.answers) != 1 {
		t.Errorf("the other tenant was answered %v", neighbor.answers)
	}
	if framework.Deployed.Receiver.PID() != receiver || framework.Deployed.Controllers.PID() != controllers {
		t.Error("a process was restarted")
	}
	for _, p := range []string{framework.Deployed.Receiver.Log, framework.Deployed.Controllers.Log} {
		if log, err := os.ReadFile(p); err != nil || strings.Contains(string(log), "panic") {
			t.Errorf("%s contains a panic (%v)", p, err)
		}
	}
}

// traffic is the genuine and the forged deliveries to an endpoint.
type traffic struct {
	framework.Endpoint
	secret atomic.Pointer[string] // what FastPix signs with
	name   atomic.Pointer[string] // of the endpoint

	mu           sync.Mutex
	acknowledged []string
	answers      map[int]int
}

func newTraffic(t *testing.T) *traffic {
	t.Helper()
	tr := &traffic{Endpoint: framework.NewEndpoint(t), answers: map[int]int{}}
	tr.secret.Store(new(fixtures.SigningSecret))
	tr.name.Store(new("fastpix"))
	return tr
}

// run sends until the context ends. Every event is sent once, so that what is lost is not made good by the next attempt.
func (tr *traffic) run(ctx context.Context, t *testing.T) {
	t.Helper()
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for ctx.Err() == nil {
				tr.send(t)
				time.Sleep(senderPause)
			}
		})
	}
	wg.Go(func() {
		for ctx.Err() == nil {
			_, body := framework.NewAsset()
			code, err := framework.Deployed.Receiver.Post(t.Context(), tr.Path(), body, fixtures.Sign(framework.OtherSigningSecret, body))
			if err != nil || code == http.StatusOK {
				t.Errorf("a forged delivery is answered %d (%v)", code, err)
			}
		}
	})
	wg.Wait()
}

func (tr *traffic) send(t *testing.T) {
	t.Helper()
	id, body := framework.NewAsset()
	path := "/webhooks/" + tr.Namespace + "/" + *tr.name.Load()
	code, err := framework.Deployed.Receiver.Post(t.Context(), path, body, fixtures.Sign(*tr.secret.Load(), body))
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.answers[code]++
	switch {
	case err != nil:
		t.Errorf("no answer: %v", err)
	case code == http.StatusOK:
		tr.acknowledged = append(tr.acknowledged, id)
	case !slices.Contains([]int{http.StatusUnauthorized, http.StatusNotFound, http.StatusServiceUnavailable}, code):
		t.Errorf("answer %d", code)
	}
}

// disruption changes something and then what it takes for deliveries to be accepted again.
type disruption func(ctx context.Context) error

// disrupt runs one disruption after the other until the context ends; each is completed.
func disrupt(ctx context.Context, t *testing.T, disruptions []disruption) {
	t.Helper()
	for i := 0; ctx.Err() == nil; i++ {
		if err := disruptions[i%len(disruptions)](t.Context()); err != nil {
			t.Errorf("disruption %d: %v", i%len(disruptions), err)
			return
		}
		randomPause(300 * time.Millisecond)
	}
}

// randomPause passes; its length is what varies.
func randomPause(most time.Duration) { <-time.After(rand.N(most)) }

// endpointDisruptions leave the endpoint as it was.
func (tr *traffic) endpointDisruptions() []disruption {
	change := func(ctx context.Context, patch string) error {
		whe := &fastpixv1.WebhookEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: tr.Namespace, Name: "fastpix"}}
		return framework.Deployed.Admin.Patch(ctx, whe, client.RawPatch("application/merge-patch+json", []byte(patch)))
	}
	between := func(first, then func(context.Context) error) disruption {
		return func(ctx context.Context) error {
			err := first(ctx)
			randomPause(200 * time.Millisecond)
			return errors.Join(err, then(ctx))
		}
	}
	remove := func(name string) func(context.Context) error {
		return func(ctx context.Context) error {
			return framework.Deployed.Admin.Delete(ctx, &fastpixv1.WebhookEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: tr.Namespace, Name: name}})
		}
	}
	put := func(name string) func(context.Context) error {
		return func(ctx context.Context) error {
			return framework.Deployed.Admin.Create(ctx, framework.MakeEndpoint(tr.Namespace, name))
		}
	}
	rename := func(from, to string) func(context.Context) error {
		return func(ctx context.Context) error {
			err := put(to)(ctx)
			randomPause(300 * time.Millisecond)
			tr.name.Store(&to)
			return errors.Join(err, remove(from)(ctx))
		}
	}
	return []disruption{
		between(
			func(ctx context.Context) error { return change(ctx, `{"spec":{"suspend":true}}`) },
			func(ctx context.Context) error { return change(ctx, `{"spec":{"suspend":false}}`) },
		),
		between(remove("fastpix"), put("fastpix")),
		func(ctx context.Context) error { return errors.Join(remove("fastpix")(ctx), put("fastpix")(ctx)) }, // at once
		between(rename("fastpix", "renamed"), rename("renamed", "fastpix")),
		between(
			func(ctx context.Context) error {
				return change(ctx, `{"spec":{"metadataPolicy":"Omit","retention":{"deleted":"1h"}}}`)
			},
			func(ctx context.Context) error { return change(ctx, `{"spec":{"metadataPolicy":"Mirror"}}`) },
		),
	}
}

// secretDisruptions leave a Secret that the receiver may read, with the key that FastPix signs with.
func (tr *traffic) secretDisruptions() []disruption {
	meta := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: tr.Namespace, Name: name} }
	remove := func(ctx context.Context, name string) error {
		return framework.Deployed.Admin.Delete(ctx, &corev1.Secret{ObjectMeta: meta(name)})
	}
	put := func(ctx context.Context, name string, kind corev1.SecretType) error {
		return framework.Deployed.Admin.Create(ctx, &corev1.Secret{
			ObjectMeta: meta(name), Type: kind, StringData: map[string]string{fastpixv1.DefaultSigningSecretKey: *tr.secret.Load()},
		})
	}
	point := func(ctx context.Context, name string) error {
		patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"spec":{"signingSecrets":[{"name":%q}]}}`, name))
		return framework.Deployed.Admin.Patch(ctx, framework.MakeEndpoint(tr.Namespace, "fastpix"), patch)
	}
	allow := func(ctx context.Context, name string) error {
		objects := tenant.SecretRights(tr.Namespace, name, tenant.ReceiverAccount)
		return errors.Join(client.IgnoreAlreadyExists(framework.Deployed.Admin.Create(ctx, objects[0])), framework.Deployed.Admin.Create(ctx, objects[1]))
	}
	forbid := func(ctx context.Context, name string) error {
		return framework.Deployed.Admin.Delete(ctx, &rbacv1.RoleBinding{ObjectMeta: meta(name)})
	}
	move := func(ctx context.Context, from, to string) error {
		err := errors.Join(allow(ctx, to), put(ctx, to, fastpixv1.SigningSecretType), point(ctx, to))
		randomPause(200 * time.Millisecond)
		return errors.Join(err, remove(ctx, from), forbid(ctx, from))
	}
	return []disruption{
		func(ctx context.Context) error { // recreated, for a while with another type
			err := remove(ctx, "signing-secret")
			randomPause(200 * time.Millisecond)
			err = errors.Join(err, put(ctx, "signing-secret", corev1.SecretTypeOpaque))
			randomPause(200 * time.Millisecond)
			return errors.Join(err, remove(ctx, "signing-secret"), put(ctx, "signing-secret", fastpixv1.SigningSecretType))
		},
		func(ctx context.Context) error { // the other key
			next := "MaS7xleBUZ39xJ4A7zwNRLX2On3qyDduvYHg8sLNedA="
			if *tr.secret.Load() == next {
				next = fixtures.SigningSecret
			}
			tr.secret.Store(&next)
			patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"stringData":{%q:%q}}`, fastpixv1.DefaultSigningSecretKey, next))
			return framework.Deployed.Admin.Patch(ctx, &corev1.Secret{ObjectMeta: meta("signing-secret")}, patch)
		},
		func(ctx context.Context) error { // no right to it
			err := forbid(ctx, "signing-secret")
			randomPause(300 * time.Millisecond)
			return errors.Join(err, allow(ctx, "signing-secret"))
		},
		func(ctx context.Context) error { // another name
			return errors.Join(move(ctx, "signing-secret", "renamed"), move(ctx, "renamed", "signing-secret"))
		},
	}
}

// reassignNamespace lets teams with signing secrets of their own have one namespace after the other, of the same name.
func reassignNamespace(ctx context.Context, t *testing.T) {
	t.Helper()
	clients, err := kubernetes.NewForConfig(framework.Deployed.Config())
	if err != nil {
		t.Error(err)
		return
	}
	name := framework.NewNamespace(t)
	var others []string
	for team := 0; ; team++ {
		secret := fixtures.Sign(fixtures.SigningSecret, fmt.Append(nil, team)) // any 32 bytes
		tr := &traffic{Endpoint: framework.Endpoint{Namespace: name}, answers: map[int]int{}}
		tr.secret.Store(&secret)
		tr.name.Store(new("fastpix"))
		tr.settle(t, secret)
		has, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		tr.run(has, t)
		cancel()
		if team > 0 && ctx.Err() != nil {
			t.Logf("namespace: %d teams had it, the last was answered %v", team+1, tr.answers)
			tr.checkOwn(t, others)
			return
		}
		others = append(others, tr.acknowledged...)
		if err := endNamespace(t.Context(), clients, name); err != nil {
			t.Error(err)
			return
		}
		framework.Create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	}
}

// settle puts into a namespace what an endpoint needs, and waits until it accepts.
func (tr *traffic) settle(t *testing.T, secret string) {
	t.Helper()
	framework.CreateEndpoint(t, tr.Namespace, framework.SigningSecretOf(secret))
	tr.WaitReady(t)
}

// checkOwn checks that the namespace has every asset of this team, and none of the teams before it.
func (tr *traffic) checkOwn(t *testing.T, others []string) {
	t.Helper()
	framework.WaitJournalEmpty(t)
	if len(others) == 0 || len(tr.acknowledged) == 0 {
		t.Errorf("%d and %d events were acknowledged", len(others), len(tr.acknowledged))
	}
	var assets fastpixv1.MediaAssetList
	if err := framework.Deployed.Admin.List(t.Context(), &assets, client.InNamespace(tr.Namespace)); err != nil {
		t.Error(err)
	}
	exists := map[string]bool{}
	for _, a := range assets.Items {
		exists[a.Name] = true
	}
	for _, id := range tr.acknowledged {
		if !exists[id] {
			t.Errorf("acknowledged, and lost: %s", id)
		}
	}
	for _, id := range others {
		if exists[id] {
			t.Errorf("an event of the namespace before is in this one: %s", id)
		}
	}
}

// endNamespace does what kube-controller-manager does: it removes all that is in a namespace, then the namespace. A namespace takes
// longer than a second to end; times of creation have whole seconds.
func endNamespace(ctx context.Context, clients kubernetes.Interface, name string) error {
	if err := framework.Deployed.Admin.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
		return err
	}
	for range 2 { // what was on its way when it began to end
		for _, kind := range []client.Object{
			&fastpixv1.WebhookEndpoint{}, &fastpixv1.MediaAsset{}, &fastpixv1.LiveStream{}, &corev1.Secret{}, &rbacv1.RoleBinding{}, &rbacv1.Role{},
		} {
			if err := framework.Deployed.Admin.DeleteAllOf(ctx, kind, client.InNamespace(name)); err != nil {
				return err
			}
		}
		randomPause(200 * time.Millisecond)
	}
	ns, err := clients.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	ns.Spec.Finalizers = nil
	_, err = clients.CoreV1().Namespaces().Finalize(ctx, ns, metav1.UpdateOptions{})
	<-time.After(time.Until(time.Now().Truncate(time.Second).Add(time.Second)))
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
