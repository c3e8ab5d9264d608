package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/clock"
	"github.com/fastpix-operator/fastpix-operator/test/chaos/workload"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

const (
	// plainCount tenants of a round have webhooks alone. syncedCount have a workspace, too, with which the syncers compare them.
	plainCount  = 2
	syncedCount = 6
	tenantCount = plainCount + syncedCount
	// plainShare is how many histories a tenant without a workspace has for each of one with a workspace. A run waits for a minute until no event of its
	// tenant waits to be folded, so busy tenants have few runs.
	plainShare = 6

	// maxQueued holds the events of a tenant while its Secret is deleted, at 30 events a second each.
	maxQueued = 2000
)

// newTenant makes a namespace with an endpoint that accepts events, and is compared with a workspace if there is one.
func (r *testEnv) newTenant(ctx context.Context, name string, w *workload.Workspace) (*workload.Tenant, error) {
	t := &workload.Tenant{Namespace: name, Queue: make(chan *workload.Event, maxQueued), Workspace: w}
	objects := append([]client.Object{&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}}, t.Rights()...)
	for _, o := range append(objects, t.Secret(), t.Endpoint()) {
		if err := r.admin.Create(ctx, o); err != nil {
			return nil, fmt.Errorf("make tenant %s: %w", name, err)
		}
	}
	var e fastpixv1.WebhookEndpoint
	err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		err := r.admin.Get(ctx, client.ObjectKey{Namespace: name, Name: tenant.EndpointName}, &e)
		return apimeta.IsStatusConditionTrue(e.Status.Conditions, fastpixv1.ConditionReady), err
	})
	if err != nil {
		return nil, fmt.Errorf("wait for the endpoint of %s, conditions %v: %w", name, e.Status.Conditions, err)
	}
	return t, nil
}

// waitSecretMissed waits until the endpoint's status says that its Secret, deleted at that time, does not exist. It reports whether the status says so.
func (r *testEnv) waitSecretMissed(ctx context.Context, t *workload.Tenant, deleted time.Time, timeout time.Duration) bool {
	err := wait.PollUntilContextTimeout(ctx, 200*time.Millisecond, timeout, true, func(ctx context.Context) (bool, error) {
		var e fastpixv1.WebhookEndpoint
		err := r.admin.Get(ctx, client.ObjectKeyFromObject(t.Endpoint()), &e)
		ready := apimeta.FindStatusCondition(e.Status.Conditions, fastpixv1.ConditionReady)
		return err == nil && ready != nil && ready.Reason == fastpixv1.ReasonSecretNotFound &&
			!ready.LastTransitionTime.Time.Before(deleted.Truncate(time.Second)), nil
	})
	return err == nil
}

// remove deletes an object, however long the API server is away.
func (r *testEnv) remove(ctx context.Context, object client.Object) error {
	return retry(ctx, func(ctx context.Context) error { return client.IgnoreNotFound(r.admin.Delete(ctx, object)) })
}

// recreate deletes an object and makes another like it after a while.
func (r *testEnv) recreate(ctx context.Context, object, another client.Object, away time.Duration) error {
	if err := r.remove(ctx, object); err != nil {
		return err
	}
	clock.Sleep(ctx, away)
	return r.create(ctx, another)
}

// create makes an object, however long the API server is away.
func (r *testEnv) create(ctx context.Context, object client.Object) error {
	return retry(ctx, func(ctx context.Context) error {
		// An answer that was lost has done its work.
		err := r.admin.Create(ctx, object.DeepCopyObject().(client.Object))
		if apierrors.IsAlreadyExists(err) {
			return nil
		}
		return err
	})
}
