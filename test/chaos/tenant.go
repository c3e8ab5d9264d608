package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/clock"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

const (
	tenantCount = 2

	// maxQueued holds what is told about a tenant while its Secret is away, at 60 events a second.
	maxQueued = 2000
)

// The names of what a tenant has.
const (
	endpointName = "fastpix"
	secretName   = "fastpix-signing-secret"
)

// tenant is a namespace with one endpoint.
type tenant struct {
	namespace string
	queue     chan *event // to deliver; one for each, as one that cannot take any must not hold up the others
	mu        sync.Mutex  // held by the one fault that removes something of it
	wasGone   atomic.Bool // its endpoint was away at some time: 404 was right for a while
}

func (t *tenant) path() string { return "/webhooks/" + t.namespace + "/" + endpointName }

func (t *tenant) secret() *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: t.namespace, Name: secretName}, Type: fastpixv1.SigningSecretType,
		StringData: map[string]string{fastpixv1.DefaultSigningSecretKey: fixtures.SigningSecret},
	}
}

func (t *tenant) endpoint() *fastpixv1.WebhookEndpoint {
	return &fastpixv1.WebhookEndpoint{
		ObjectMeta: metav1.ObjectMeta{Namespace: t.namespace, Name: endpointName},
		Spec:       fastpixv1.WebhookEndpointSpec{SigningSecrets: []fastpixv1.SigningSecretReference{{Name: secretName}}},
	}
}

// rights let the receivers read the Secret, as config/samples does.
func (t *tenant) rights() []client.Object {
	meta := metav1.ObjectMeta{Namespace: t.namespace, Name: secretName}
	return []client.Object{
		&rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{secretName}, Verbs: []string{"get"}},
		}},
		&rbacv1.RoleBinding{
			ObjectMeta: meta,
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: secretName},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: operatorNamespace, Name: receiverAccount}},
		},
	}
}

// newTenant makes a namespace with an endpoint that accepts events.
func (r *rig) newTenant(ctx context.Context, name string) (*tenant, error) {
	t := &tenant{namespace: name, queue: make(chan *event, maxQueued)}
	objects := append([]client.Object{&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}}, t.rights()...)
	for _, o := range append(objects, t.secret(), t.endpoint()) {
		if err := r.admin.Create(ctx, o); err != nil {
			return nil, fmt.Errorf("make tenant %s: %w", name, err)
		}
	}
	var e fastpixv1.WebhookEndpoint
	err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		err := r.admin.Get(ctx, client.ObjectKey{Namespace: name, Name: endpointName}, &e)
		return apimeta.IsStatusConditionTrue(e.Status.Conditions, fastpixv1.ConditionReady), err
	})
	if err != nil {
		return nil, fmt.Errorf("wait for the endpoint of %s, conditions %v: %w", name, e.Status.Conditions, err)
	}
	return t, nil
}

// waitSecretMissed waits until the endpoint's status says that its Secret, which is gone since then, does not exist, and reports whether it does.
func (r *rig) waitSecretMissed(ctx context.Context, t *tenant, gone time.Time, patience time.Duration) bool {
	err := wait.PollUntilContextTimeout(ctx, 200*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		var e fastpixv1.WebhookEndpoint
		err := r.admin.Get(ctx, client.ObjectKeyFromObject(t.endpoint()), &e)
		ready := apimeta.FindStatusCondition(e.Status.Conditions, fastpixv1.ConditionReady)
		return err == nil && ready != nil && ready.Reason == fastpixv1.ReasonSecretNotFound &&
			!ready.LastTransitionTime.Time.Before(gone.Truncate(time.Second)), nil
	})
	return err == nil
}

// remove deletes an object, however long the API server is away.
func (r *rig) remove(ctx context.Context, object client.Object) error {
	return insist(ctx, func(ctx context.Context) error { return client.IgnoreNotFound(r.admin.Delete(ctx, object)) })
}

// recreate deletes an object and makes another like it after a while.
func (r *rig) recreate(ctx context.Context, object, another client.Object, away time.Duration) error {
	if err := r.remove(ctx, object); err != nil {
		return err
	}
	clock.Sleep(ctx, away)
	return r.create(ctx, another)
}

// create makes an object, however long the API server is away.
func (r *rig) create(ctx context.Context, object client.Object) error {
	return insist(ctx, func(ctx context.Context) error {
		// An answer that was lost has done its work.
		err := r.admin.Create(ctx, object.DeepCopyObject().(client.Object))
		if apierrors.IsAlreadyExists(err) {
			return nil
		}
		return err
	})
}
