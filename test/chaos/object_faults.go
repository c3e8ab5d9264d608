package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/clock"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

// recreateSecret has no effect if no receiver reads the keys while there are none, which they do every 20 seconds.
func recreateSecret(ctx context.Context, n *round, f fault) error {
	t := n.tenants[f.target]
	t.Mu.Lock()
	defer t.Mu.Unlock()
	if err := n.env.remove(ctx, t.Secret()); err != nil {
		return err
	}
	deleted := time.Now()
	noticed := n.env.waitSecretMissed(ctx, t, deleted, f.length)
	clock.Sleep(ctx, time.Until(deleted.Add(f.length)))
	if err := n.env.create(ctx, t.Secret()); err != nil {
		return err
	}
	if !noticed {
		return fmt.Errorf("%w: no receiver noticed it", errNoEffect)
	}
	return nil
}

func recreateEndpoint(ctx context.Context, n *round, f fault) error {
	t := n.tenants[f.target]
	t.Mu.Lock()
	defer t.Mu.Unlock()
	t.WasDeleted.Store(true)
	return n.env.recreate(ctx, t.Endpoint(), t.Endpoint(), f.length)
}

// useUpQuota leaves no room in the journal: neither for what receivers commit nor for records that fail and are moved. It has no effect
// if kube-controller-manager, which has to take it over, is away for too long.
func useUpQuota(ctx context.Context, n *round, f fault) error {
	r := n.env
	r.quotaMu.Lock()
	defer r.quotaMu.Unlock()
	var quota corev1.ResourceQuota
	name := client.ObjectKey{Namespace: tenant.OperatorNamespace, Name: "fastpix-journal"}
	if err := retry(ctx, func(ctx context.Context) error { return r.admin.Get(ctx, name, &quota) }); err != nil {
		return err
	}
	full := quota.DeepCopy()
	full.Spec.Hard = corev1.ResourceList{}
	for counted := range quota.Spec.Hard {
		full.Spec.Hard[counted] = resource.MustParse("0")
	}
	if err := r.limitJournal(ctx, full.Spec); err != nil {
		return err
	}
	inForce := r.waitJournalFull(ctx)
	if inForce {
		clock.Sleep(ctx, f.length)
	}
	if err := r.limitJournal(ctx, quota.Spec); err != nil {
		return err
	}
	if !inForce {
		return fmt.Errorf("%w: no batch was refused", errNoEffect)
	}
	return nil
}

// quotaTimeout is how long a quota may take until it is in force, after which it is given up.
const quotaTimeout = 20 * time.Second

// waitJournalFull waits until the API server refuses one more batch, and reports whether it does.
func (r *testEnv) waitJournalFull(ctx context.Context) bool {
	probe := &fastpixv1.EventBatch{
		ObjectMeta: metav1.ObjectMeta{Namespace: tenant.OperatorNamespace, Name: "probe"}, Spec: fastpixv1.EventBatchSpec{Events: []string{"{}"}},
	}
	err := wait.PollUntilContextTimeout(ctx, 200*time.Millisecond, quotaTimeout, true, func(ctx context.Context) (bool, error) {
		err := r.admin.Create(ctx, probe.DeepCopy(), client.DryRunAll)
		return apierrors.IsForbidden(err) && strings.Contains(err.Error(), "exceeded quota"), nil // an API server that starts forbids everything
	})
	return err == nil
}

// limitJournal changes the journal's quota.
func (r *testEnv) limitJournal(ctx context.Context, spec corev1.ResourceQuotaSpec) error {
	return retry(ctx, func(ctx context.Context) error {
		quota := &corev1.ResourceQuota{}
		if err := r.admin.Get(ctx, client.ObjectKey{Namespace: tenant.OperatorNamespace, Name: "fastpix-journal"}, quota); err != nil {
			return err
		}
		quota.Spec = spec
		return r.admin.Update(ctx, quota)
	})
}
