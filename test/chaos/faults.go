package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/clock"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
	"github.com/fastpix-operator/fastpix-operator/test/chaos/proxy"
	"github.com/fastpix-operator/fastpix-operator/test/chaos/workload"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
	"github.com/fastpix-operator/fastpix-operator/test/framework/flood"
	"github.com/fastpix-operator/fastpix-operator/test/framework/process"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

// kinds returns every way to break something. See testEnv.processes for the order of targets: all but the last receiver, the
// last controllers and the last syncer may be killed.
func kinds() []kind {
	const (
		firstReceiver, firstSyncer = controllerCount, controllerCount + receiverCount
		mortalControllers          = controllerCount - 1
		mortalReceivers            = receiverCount - 1
		mortalSyncers              = syncerCount - 1
	)
	return []kind{
		{"kill -9 of controllers", 3, 0, mortalControllers, 0, time.Second, killProcess},
		{"kill -9 of a receiver", 3, firstReceiver, mortalReceivers, 0, time.Second, killProcess},
		{"SIGTERM to controllers", 2, 0, mortalControllers, 0, time.Second, stopProcess},
		{"SIGTERM to a receiver", 2, firstReceiver, mortalReceivers, 0, time.Second, stopProcess},
		{"SIGSTOP of controllers", 2, 0, controllerCount, time.Second, 3 * time.Second, freezeProcess},
		{"SIGSTOP of the leader beyond its lease", 1, 0, 1, beyondLease, 30 * time.Second, freezeLeader},
		{"SIGSTOP of a receiver", 2, firstReceiver, receiverCount, time.Second, 3 * time.Second, freezeProcess},
		{"kill -9 of a syncer", 2, firstSyncer, mortalSyncers, 0, time.Second, killProcess},
		{"SIGTERM to a syncer", 2, firstSyncer, mortalSyncers, 0, time.Second, stopProcess},
		{"SIGSTOP of a syncer", 2, firstSyncer, syncerCount, time.Second, 3 * time.Second, freezeProcess},
		{"SIGSTOP of the leading syncer beyond its lease", 1, firstSyncer, 1, beyondLease, 30 * time.Second, freezeLeadingSyncer},
		{"FastPix's API away", 2, 0, 1, 500 * time.Millisecond, 3 * time.Second, removeFastPix},
		{"FastPix's API answers 500, or 502 with a page", 2, 0, 1, 500 * time.Millisecond, 3 * time.Second, answer5xx},
		{"FastPix's API answers 429 with Retry-After", 2, 0, 1, 500 * time.Millisecond, 3 * time.Second, answer429},
		{"FastPix's API cuts answers off", 2, 0, 1, 500 * time.Millisecond, 3 * time.Second, cutAnswersOff},
		{"FastPix's API is slow", 2, 0, 1, 500 * time.Millisecond, 3 * time.Second, answerSlowly},
		{"kill -9 of kube-apiserver", 2, 0, 1, 0, 3 * time.Second, killAPIServer},
		{"kill -9 of etcd", 2, 0, 1, 0, 3 * time.Second, killEtcd},
		{"reset of a link to the API server", 3, 0, processCount, 100 * time.Millisecond, 2 * time.Second, resetAPILink},
		{"slow link to the API server", 2, 0, processCount, 2 * time.Second, 6 * time.Second, slowAPILink},
		{"black hole to the API server", 2, 0, processCount, 2 * time.Second, 12 * time.Second, holeAPILink},
		{"reset of a link to a receiver", 3, firstReceiver, receiverCount, 100 * time.Millisecond, 2 * time.Second, resetFrontLink},
		{"slow link to a receiver", 2, firstReceiver, receiverCount, 2 * time.Second, 6 * time.Second, slowFrontLink},
		{"black hole to a receiver", 2, firstReceiver, receiverCount, 2 * time.Second, 8 * time.Second, holeFrontLink},
		{"Secret deleted, created again", 1, 0, tenantCount, 25 * time.Second, 45 * time.Second, recreateSecret},
		{"WebhookEndpoint deleted, created again", 1, 0, tenantCount, 200 * time.Millisecond, 3 * time.Second, recreateEndpoint},
		{"journal's quota used up", 1, 0, 1, 2 * time.Second, 6 * time.Second, useUpQuota},
		{"object that squats a name, later removed", 2, 0, tenantCount, 4 * time.Second, 15 * time.Second, occupyName},
		{"policy that refuses a media, later removed", 2, 0, tenantCount, 4 * time.Second, 15 * time.Second, refuse},
		{"flood of unauthenticated clients", 2, 0, processCount, 2 * time.Second, 6 * time.Second, floodProcess},
		{"batches by a stolen receiver identity", 2, 0, tenantCount, 2 * time.Second, 6 * time.Second, forge},
	}
}

func killProcess(ctx context.Context, n *round, f fault) error {
	n.env.processes[f.target].crashAndRestart(ctx, n.env, f.length)
	return nil
}

func stopProcess(ctx context.Context, n *round, f fault) error {
	n.env.processes[f.target].stopAndRestart(ctx, n.env, f.length)
	return nil
}

func freezeProcess(ctx context.Context, n *round, f fault) error {
	n.env.processes[f.target].freeze(ctx, f.length)
	return nil
}

func freezeLeader(ctx context.Context, n *round, f fault) error {
	return n.env.freezeLeader(ctx, n.env.controllers(), controllersLease, f.length)
}

func freezeLeadingSyncer(ctx context.Context, n *round, f fault) error {
	return n.env.freezeLeader(ctx, n.env.syncers(), syncersLease, f.length)
}

func killAPIServer(ctx context.Context, n *round, f fault) error {
	return n.env.killControlPlane(ctx, n.env.plane.APIServer, f.length)
}

func killEtcd(ctx context.Context, n *round, f fault) error {
	return n.env.killControlPlane(ctx, n.env.plane.Etcd, f.length)
}

func longOutage(ctx context.Context, n *round, f fault) error {
	n.env.outage.Store(true)
	defer n.env.outage.Store(false)
	return n.env.killControlPlane(ctx, n.env.plane.APIServer, f.length)
}

// floodProcess attacks all ports of a process by all shapes at once. What it does to the process's memory is seen by its vitals; that others are
// served meanwhile, by the sender. It has no effect if the process cannot be reached all the while.
func floodProcess(ctx context.Context, n *round, f fault) error {
	m := n.env.processes[f.target]
	ctx, cancel := context.WithTimeout(ctx, f.length)
	defer cancel()
	counts := flood.RunAll(ctx, m.ports(n.tenants[0].Path()))
	if counts.Connections == 0 {
		return fmt.Errorf("%w: %s took no connection", errNoEffect, m.Name)
	}
	return n.env.checkPeak(m)
}

// ports are those that unauthenticated clients reach.
func (m *operatorProcess) ports(path string) []flood.Port {
	ports := []flood.Port{
		{Name: "probes", Address: strings.TrimPrefix(m.ProbeURL, "http://"), Path: "/readyz"},
		{Name: "metrics", Address: strings.TrimPrefix(m.MetricsURL, "https://"), TLS: true, Path: "/metrics"},
	}
	if m.front != nil {
		ports = append(ports, flood.Port{Name: "webhooks", Address: strings.TrimPrefix(m.ReceiverURL, "http://"), Path: path})
	}
	return ports
}

// checkPeak fails a process that a flood has made hold more than its limit of memory leaves it.
func (r *testEnv) checkPeak(m *operatorProcess) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, peak := process.Memory(m.PID()); m.Running() && peak > maxRSS {
		r.fail("%s held %.0f MiB in or before a flood", m.Name, peak)
	}
	return nil
}

// killControlPlane kills etcd or the API server and starts it again after a while.
func (r *testEnv) killControlPlane(ctx context.Context, p *process.Process, away time.Duration) error {
	r.planeMu.Lock()
	defer r.planeMu.Unlock()
	p.Kill()
	clock.Sleep(ctx, away)
	return r.startControlPlaneLocked(ctx)
}

// The most that a slow link delays each piece of data.
const maxDelay = 300 * time.Millisecond

func resetAPILink(ctx context.Context, n *round, f fault) error {
	return disturb(ctx, n.env.processes[f.target].api, proxy.Fault{Reset: true}, f.length)
}

func slowAPILink(ctx context.Context, n *round, f fault) error {
	return disturb(ctx, n.env.processes[f.target].api, proxy.Fault{Delay: maxDelay}, f.length)
}

func holeAPILink(ctx context.Context, n *round, f fault) error {
	return disturb(ctx, n.env.processes[f.target].api, proxy.Fault{Hole: make(chan struct{})}, f.length)
}

func resetFrontLink(ctx context.Context, n *round, f fault) error {
	return disturb(ctx, n.env.processes[f.target].front, proxy.Fault{Reset: true}, f.length)
}

func slowFrontLink(ctx context.Context, n *round, f fault) error {
	return disturb(ctx, n.env.processes[f.target].front, proxy.Fault{Delay: maxDelay}, f.length)
}

func holeFrontLink(ctx context.Context, n *round, f fault) error {
	return disturb(ctx, n.env.processes[f.target].front, proxy.Fault{Hole: make(chan struct{})}, f.length)
}

// disturb makes a link fail for a while. Of two faults at once the later one counts, and the first end ends both.
func disturb(ctx context.Context, p *proxy.Proxy, f proxy.Fault, length time.Duration) error {
	p.SetFault(f)
	clock.Sleep(ctx, length)
	p.SetFault(proxy.Fault{})
	return nil
}

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
