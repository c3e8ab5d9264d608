package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

const (
	pollInterval = 20 * time.Millisecond
	pollTimeout  = time.Minute
)

// endpoint is a namespace of its own with a WebhookEndpoint that accepts fixtures.SigningSecret.
type endpoint struct {
	namespace string
}

func newNamespace(t *testing.T) string {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("test-%08x", rand.Uint32())}}
	create(t, ns)
	return ns.Name
}

// newEndpoint makes a namespace like that of config/samples and waits until its endpoint accepts.
func newEndpoint(t *testing.T) endpoint {
	t.Helper()
	e := newEndpointWith(t, signingSecret(fixtures.SigningSecret))
	e.waitReady(t)
	return e
}

// signingSecret is a Secret that holds a signing secret, without a name.
func signingSecret(secret string) *corev1.Secret {
	return &corev1.Secret{Type: fastpixv1.SigningSecretType, StringData: map[string]string{fastpixv1.DefaultSigningSecretKey: secret}}
}

// newEndpointWith makes a namespace with a Secret that the receiver may read, and an endpoint that names it.
func newEndpointWith(t *testing.T, signing *corev1.Secret) endpoint {
	t.Helper()
	ns := newNamespace(t)
	putEndpoint(t, ns, signing)
	return endpoint{namespace: ns}
}

// putEndpoint puts such an endpoint into a namespace.
func putEndpoint(t *testing.T, namespace string, signing *corev1.Secret) {
	t.Helper()
	const secret = "signing-secret"
	meta := metav1.ObjectMeta{Namespace: namespace, Name: secret}
	signing.ObjectMeta = meta
	create(t, signing)
	create(t, &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{secret}, Verbs: []string{"get"}},
	}})
	create(t, &rbacv1.RoleBinding{
		ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: secret},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: operatorNamespace, Name: "fastpix-receiver"}},
	})
	create(t, makeEndpoint(namespace, "fastpix"))
}

func makeEndpoint(namespace, name string) *fastpixv1.WebhookEndpoint {
	return &fastpixv1.WebhookEndpoint{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       fastpixv1.WebhookEndpointSpec{SigningSecrets: []fastpixv1.SigningSecretReference{{Name: "signing-secret"}}},
	}
}

func (e endpoint) path() string { return "/webhooks/" + e.namespace + "/fastpix" }

func (e endpoint) waitReady(t *testing.T) {
	t.Helper()
	var whe fastpixv1.WebhookEndpoint
	eventually(t, "the endpoint accepts", func(ctx context.Context) error {
		if err := deployment.admin.Get(ctx, client.ObjectKey{Namespace: e.namespace, Name: "fastpix"}, &whe); err != nil {
			return err
		}
		if !apimeta.IsStatusConditionTrue(whe.Status.Conditions, fastpixv1.ConditionReady) {
			return fmt.Errorf("conditions are %v", whe.Status.Conditions)
		}
		return nil
	})
}

// deliver sends a sample until it is acknowledged.
func (e endpoint) deliver(ctx context.Context, body []byte) error {
	return deployment.receiver.Deliver(ctx, e.path(), body, fixtures.Sign(fixtures.SigningSecret, body))
}

func (e endpoint) mustDeliver(t *testing.T, body []byte) {
	t.Helper()
	if err := e.deliver(t.Context(), body); err != nil {
		t.Fatal(err)
	}
}

// waitFolded waits until the journal is empty: everything that was acknowledged is then mirrored.
func waitFolded(t *testing.T) {
	t.Helper()
	eventually(t, "the journal is empty", func(ctx context.Context) error {
		var batches fastpixv1.EventBatchList
		if err := deployment.admin.List(ctx, &batches, client.InNamespace(operatorNamespace)); err != nil {
			return err
		}
		var errs []error
		for _, b := range batches.Items[:min(len(batches.Items), 10)] {
			errs = append(errs, fmt.Errorf("batch %s has %d events, failed: %v", b.Name, len(b.Spec.Events), b.Status.Failed))
		}
		return errors.Join(errs...)
	})
}

func create(t *testing.T, o client.Object) {
	t.Helper()
	if err := deployment.admin.Create(t.Context(), o); err != nil {
		t.Fatal(err)
	}
}

// eventually fails the test if check does not return nil within a minute.
func eventually(t *testing.T, what string, check func(context.Context) error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), pollInterval, pollTimeout, true, func(ctx context.Context) (bool, error) {
		err := check(ctx)
		if ctx.Err() == nil {
			last = err // not that time is up, which tells nothing
		}
		return err == nil, nil
	})
	if err != nil {
		t.Fatalf("wait until %s: %v", what, errors.Join(err, last))
	}
}

// TestEndpointMadeAgainStartsFromNothing protects a WebhookEndpoint from what was seen of another one that had its name: times from before
// it existed.
func TestEndpointMadeAgainStartsFromNothing(t *testing.T) {
	e := newEndpoint(t)
	for range 3 {
		e.mirrored(t)
		eventually(t, "the time of the last event is told", func(context.Context) error {
			s := e.read(t).Status
			if s.LastEventTime == nil || len(s.SigningSecrets) != 1 || s.SigningSecrets[0].LastVerifiedTime == nil {
				return fmt.Errorf("the status is %+v", s)
			}
			return nil
		})
		whe := e.read(t)
		if at := whe.Status.LastEventTime; at.Time.Before(whe.CreationTimestamp.Time) {
			t.Errorf("the last event came at %s, the endpoint was made at %s", at, whe.CreationTimestamp)
		}
		if err := deployment.admin.Delete(t.Context(), whe); err != nil {
			t.Fatal(err)
		}
		create(t, makeEndpoint(e.namespace, "fastpix"))
		e.waitReady(t)
		eventually(t, "counts are published", func(context.Context) error {
			if e.read(t).Status.PendingTime == nil {
				return errors.New("they are not")
			}
			return nil
		})
		if s := e.read(t).Status; s.LastEventTime != nil || s.SigningSecrets[0].LastVerifiedTime != nil {
			t.Errorf("before its first event, the last one came at %v, and its key verified at %v", s.LastEventTime, s.SigningSecrets[0].LastVerifiedTime)
		}
	}
}
