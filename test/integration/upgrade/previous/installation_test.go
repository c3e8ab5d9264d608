package previous

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/operator"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fastpixfake"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

// installer applies the manifests of a release.
type installer func(ctx context.Context, plane *controlplane.ControlPlane, r release) error

// byKustomize applies config/default. There is no kubelet, so the Deployments have no effect.
func byKustomize(ctx context.Context, plane *controlplane.ControlPlane, r release) error {
	_, err := plane.Kubectl(ctx, "apply", "-k", filepath.Join(r.root, "config", "default"))
	return err
}

// byChart installs or upgrades the Helm release.
func byChart(ctx context.Context, plane *controlplane.ControlPlane, r release) error {
	cmd := exec.CommandContext(ctx, filepath.Join("bin", "helm", "helm"), "upgrade", "--install", "fastpix", filepath.Join(r.root, "config", "helm", "fastpix-operator"),
		"--namespace", tenant.OperatorNamespace, "--create-namespace", "--reset-then-reuse-values",
		"--set", "image.repository=registry.example/fastpix-operator", "--set", "image.tag="+r.name)
	home := filepath.Join(plane.Dir, "helm")
	cmd.Env = append(os.Environ(), "KUBECONFIG="+plane.Kubeconfig, "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("helm upgrade: %w\n%s", err, out)
	}
	return nil
}

// installation is an operator on a control plane of its own: manifests, two receivers, the controllers and the syncer, each of some release.
type installation struct {
	*controlplane.ControlPlane
	admin   client.Client
	install installer
	api     *fastpixfake.Fake
	apiURL  string

	mu          sync.Mutex
	receivers   [2]*controlplane.Operator
	controllers *controlplane.Operator
	syncer      *controlplane.Operator
	started     int
}

// newInstallation installs a release.
func newInstallation(t *testing.T, install installer, r release) *installation {
	t.Helper()
	plane, err := controlplane.Start(t.Context(), controlplane.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := plane.Close(); err != nil {
			t.Error(err)
		}
	})
	i := &installation{ControlPlane: plane, install: install, api: fastpixfake.New()}
	server, err := fastpixfake.Serve(i.api, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	i.apiURL = server.URL()
	if i.admin, err = client.New(plane.Config(), client.Options{Scheme: operator.NewScheme()}); err != nil {
		t.Fatal(err)
	}
	i.applyManifests(t, r)
	i.rollReceivers(t, r)
	i.rollControllers(t, r)
	return i
}

// applyManifests upgrades everything except processes: CRDs, rights, policies.
func (i *installation) applyManifests(t *testing.T, r release) {
	t.Helper()
	if err := i.install(t.Context(), i.ControlPlane, r); err != nil {
		t.Fatal(err)
	}
	if err := i.WaitEstablished(t.Context(), "customresourcedefinition", "--all"); err != nil {
		t.Fatal(err)
	}
}

// start starts a process of a release and waits until it is ready.
func (i *installation) start(t *testing.T, r release, part, account string, args ...string) *controlplane.Operator {
	t.Helper()
	identity, err := i.ServiceAccount(t.Context(), tenant.OperatorNamespace, account)
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range []string{"receiver", "controllers", "syncer"} {
		if other != part && (other != "syncer" || r.hasSyncer) {
			args = append(args, "--"+other+"=false")
		}
	}
	i.started++
	o, err := i.NewOperator(fmt.Sprintf("%s-%s-%d", r.name, part, i.started), r.binary, identity, args...)
	if err != nil {
		t.Fatal(err)
	}
	o.Env = []string{controlplane.GoMemoryLimit}
	if err := o.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return o
}

func stop(t *testing.T, o *controlplane.Operator) {
	t.Helper()
	if o == nil {
		return
	}
	if err := o.Stop(); err != nil {
		t.Error(err)
	}
}

// rollReceivers replaces one receiver after the other: the new one is ready before the old one ends.
func (i *installation) rollReceivers(t *testing.T, r release) {
	t.Helper()
	for n := range i.receivers {
		next := i.start(t, r, "receiver", tenant.ReceiverAccount, "--drain-delay=200ms")
		i.mu.Lock()
		before := i.receivers[n]
		i.receivers[n] = next
		i.mu.Unlock()
		stop(t, before)
	}
}

func (i *installation) receiverURLs() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return []string{i.receivers[0].ReceiverURL, i.receivers[1].ReceiverURL}
}

// rollControllers replaces the controllers: the new ones wait for the lease until the old ones end.
func (i *installation) rollControllers(t *testing.T, r release) {
	t.Helper()
	next := i.start(t, r, "controllers", tenant.ControllersAccount, "--leader-elect")
	stop(t, i.controllers)
	i.controllers = next
}

// rollSyncer replaces the syncer, or removes it if the release has none. As long as its ServiceAccount does not exist, Kubernetes starts no pod,
// so nothing happens then.
func (i *installation) rollSyncer(t *testing.T, r release) {
	t.Helper()
	stop(t, i.syncer)
	i.syncer = nil
	err := i.admin.Get(t.Context(), client.ObjectKey{Namespace: tenant.OperatorNamespace, Name: tenant.SyncerAccount}, &corev1.ServiceAccount{})
	if r.hasSyncer && err == nil {
		i.syncer = i.start(t, r, "syncer", tenant.SyncerAccount, "--leader-elect", "--fastpix-api-url="+i.apiURL, "--sync-grace=3s")
	}
}

// journalNow returns how many events wait in the journal, and the reasons of those that failed.
func (i *installation) journalNow(ctx context.Context) (pending int, failed map[string]int, err error) {
	var batches fastpixv1.EventBatchList
	err = i.admin.List(ctx, &batches, client.InNamespace(tenant.OperatorNamespace))
	failed = map[string]int{}
	for _, b := range batches.Items {
		pending += len(b.Spec.Events)
		for _, f := range b.Status.Failed {
			failed[f.Reason]++
		}
	}
	return pending, failed, err
}

// foldTimeout is how long the journal may take to become empty. Records that failed wait for their next retry, which may be minutes away.
const foldTimeout = 6 * time.Minute

// waitJournalEmpty waits until every event is folded, and returns how long that took.
func (i *installation) waitJournalEmpty(t *testing.T) time.Duration {
	t.Helper()
	begun := time.Now()
	last := ""
	err := wait.PollUntilContextTimeout(t.Context(), 200*time.Millisecond, foldTimeout, true, func(ctx context.Context) (bool, error) {
		pending, failed, err := i.journalNow(ctx)
		last = fmt.Sprintf("%d events wait, of which failed %v (%v)", pending, failed, err)
		return err == nil && pending == 0, nil
	})
	if err != nil {
		t.Fatalf("wait until the journal is empty: %v: %s", err, last)
	}
	return time.Since(begun).Round(10 * time.Millisecond)
}
