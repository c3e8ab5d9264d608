package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/clock"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
	"github.com/fastpix-operator/fastpix-operator/test/chaos/workload"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// occupyName makes an object that has the name of a media of later events, but another id: they fail until it is
// removed. Only where the name is a hash does the API server accept that.
func occupyName(ctx context.Context, n *round, f fault) error {
	l, name := n.victim(f, hashedIDs)
	squatter := &fastpixv1.MediaAsset{
		ObjectMeta: metav1.ObjectMeta{Namespace: l.Tenant.Namespace, Name: name},
		Spec:       fastpixv1.MediaAssetSpec{MediaID: hashedIDs + l.NewID("another")},
	}
	if err := n.env.create(ctx, squatter); err != nil {
		return err
	}
	if err := n.block(ctx, f, l, name); err != nil {
		return err
	}
	return retry(ctx, func(ctx context.Context) error { return n.env.removeOccupant(ctx, squatter) })
}

// refuse has the API server refuse a media of later events, by a policy such as a tenant may have.
func refuse(ctx context.Context, n *round, f fault) error {
	l, name := n.victim(f, "")
	policy := policyAgainst(l.Tenant.Namespace, name)
	for _, o := range policy {
		if err := n.env.create(ctx, o); err != nil {
			return err
		}
	}
	if err := n.waitInForce(ctx, l.Tenant.Namespace, name); err != nil {
		return err
	}
	if err := n.block(ctx, f, l, name); err != nil {
		return err
	}
	for _, o := range policy {
		if err := retry(ctx, func(ctx context.Context) error { return client.IgnoreNotFound(n.env.admin.Delete(ctx, o)) }); err != nil {
			return err
		}
	}
	return nil
}

// policyAgainst refuses to create one MediaAsset, or to write its status.
func policyAgainst(namespace, name string) []client.Object {
	meta := metav1.ObjectMeta{Name: "refuse-" + name}
	return []client.Object{
		&admissionv1.ValidatingAdmissionPolicy{ObjectMeta: meta, Spec: admissionv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionv1.MatchResources{
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespace}},
				ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{
					Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update},
					Rule: admissionv1.Rule{
						APIGroups: []string{fastpixv1.GroupVersion.Group}, APIVersions: []string{"*"}, Resources: []string{"mediaassets", "mediaassets/status"},
					},
				}}},
			},
			Validations: []admissionv1.Validation{{Expression: fmt.Sprintf("object.metadata.name != %q", name), Message: "not here"}},
		}},
		&admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: meta, Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: meta.Name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
		}},
	}
}

// waitInForce waits until the API server refuses a media.
func (n *round) waitInForce(ctx context.Context, namespace, name string) error {
	probe := &fastpixv1.MediaAsset{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: fastpixv1.MediaAssetSpec{MediaID: name},
	}
	return retry(ctx, func(ctx context.Context) error {
		if err := n.env.admin.Create(ctx, probe.DeepCopy(), client.DryRunAll); !apierrors.IsInvalid(err) {
			return fmt.Errorf("the policy is not in force: %w", err)
		}
		return nil
	})
}

// hashedIDs begins ids that cannot be names, so that the names of their mirrors are hashes.
const hashedIDs = "x_"

// victim returns a history of which nothing was sent yet, and the name of the mirror of its media. It is sent by itself: its time depends on the
// clock, on which the histories of the generator must not depend.
func (n *round) victim(f fault, prefix string) (*workload.History, string) {
	l := workload.NewHistoryWithIDs(prefix, rand.New(rand.NewPCG(f.seed, 0)), n.tenants[f.target], n.scenarios[n.scenarioIndex("A-pull-asset")])
	return l, record.ObjectName(l.IDFor(fixtures.MediaA))
}

// block sends a history whose mirror cannot be written, and returns when its records are reported as failed.
func (n *round) block(ctx context.Context, f fault, l *workload.History, name string) error {
	n.enqueue(ctx, l.Take(len(l.Events)/3+1)) // so that some are refused in any case
	n.blocked.Go(func() { n.sendHistory(ctx, l, rand.New(rand.NewPCG(f.seed, 2))) })
	clock.Sleep(ctx, f.length)
	return n.waitRefused(ctx, l.Tenant.Namespace, name)
}

// waitRefused waits until the journal says that records of a media fail. While other faults go on that may take any time; afterwards it
// must not take longer than folding.
func (n *round) waitRefused(ctx context.Context, namespace, name string) error {
	key := record.Key{Kind: record.MediaAsset, Namespace: namespace, Name: name}.String()
	refused := 0
	err := wait.PollUntilContextTimeout(ctx, time.Second, time.Until(n.ends)+journalTimeout, true, func(ctx context.Context) (bool, error) {
		batches, err := n.env.batches(ctx, client.MatchingLabels{fastpixv1.FailedLabel: "true"})
		for _, b := range batches {
			for _, failure := range b.Status.Failed {
				if failure.Object == key {
					refused++
				}
			}
		}
		return err == nil && refused > 0, nil
	})
	if err != nil {
		return fmt.Errorf("no record is reported as failed although something is in the way of %s: %w", key, err)
	}
	n.report.refused(refused)
	return nil
}

// removeOccupant removes a squatter, but never what took its place.
func (r *testEnv) removeOccupant(ctx context.Context, squatter *fastpixv1.MediaAsset) error {
	var now fastpixv1.MediaAsset
	err := r.admin.Get(ctx, types.NamespacedName{Namespace: squatter.Namespace, Name: squatter.Name}, &now)
	if err != nil || now.Spec.MediaID != squatter.Spec.MediaID {
		return client.IgnoreNotFound(err)
	}
	err = r.admin.Delete(ctx, &now, client.Preconditions{UID: &now.UID})
	if client.IgnoreNotFound(err) != nil {
		return errors.Join(err, errors.New("remove the squatter"))
	}
	return nil
}
