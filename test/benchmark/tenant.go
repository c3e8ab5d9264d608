package main

import (
	"context"
	"fmt"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/benchmark/workload"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

// newTenant makes a tenant and waits until its endpoint accepts events.
func (r *testEnv) newTenant(ctx context.Context, name string) (workload.Tenant, error) {
	t, err := r.addTenant(ctx, name)
	if err != nil {
		return t, err
	}
	return t, r.waitAccepting(ctx, t)
}

// addTenant makes a namespace with what config/samples puts there.
func (r *testEnv) addTenant(ctx context.Context, name string) (workload.Tenant, error) {
	t := workload.Tenant{Namespace: "bench-" + name}
	if err := r.createNamespace(ctx, t.Namespace); err != nil {
		return t, err
	}
	for _, o := range t.Objects() {
		if err := r.admin.Create(ctx, o); err != nil {
			return t, fmt.Errorf("make tenant %s: %w", name, err)
		}
	}
	return t, nil
}

// waitAccepting waits until a tenant's endpoint accepts events.
func (r *testEnv) waitAccepting(ctx context.Context, t workload.Tenant) error {
	var e fastpixv1.WebhookEndpoint
	err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		err := r.admin.Get(ctx, client.ObjectKey{Namespace: t.Namespace, Name: tenant.EndpointName}, &e)
		return apimeta.IsStatusConditionTrue(e.Status.Conditions, fastpixv1.ConditionReady), err
	})
	if err != nil {
		return fmt.Errorf("wait for the endpoint in %s, conditions %v: %w", t.Namespace, e.Status.Conditions, err)
	}
	return nil
}

// verify compares every asset of a burst with what the events say.
func (r *testEnv) verify(ctx context.Context, b *workload.Burst) error {
	seen := 0
	err := r.eachAsset(ctx, b.Tenant.Namespace, func(a *fastpixv1.MediaAsset) error {
		want, ok := b.Want[a.Name]
		if !ok {
			return nil // of another burst
		}
		seen++
		return want.Check(a)
	})
	if err == nil && seen != len(b.Want) {
		err = fmt.Errorf("%d assets are mirrored of %d", seen, len(b.Want))
	}
	if err != nil {
		return fmt.Errorf("verify tenant %s: %w", b.Tenant.Namespace, err)
	}
	return nil
}

// eachAsset calls f for every asset of a namespace.
func (r *testEnv) eachAsset(ctx context.Context, namespace string, f func(*fastpixv1.MediaAsset) error) error {
	for token := ""; ; {
		var page fastpixv1.MediaAssetList
		if err := r.admin.List(ctx, &page, client.InNamespace(namespace), client.Limit(500), client.Continue(token)); err != nil {
			return err
		}
		for i := range page.Items {
			if err := f(&page.Items[i]); err != nil {
				return err
			}
		}
		if token = page.Continue; token == "" {
			return nil
		}
	}
}
