package previous

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/chaos/oracle"
	"github.com/fastpix-operator/fastpix-operator/test/chaos/workload"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/process"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

// These tests protect upgrades and downgrades between releases: in no order of the parts is an acknowledged event lost, or a mirror wrong in the
// end.

// step is one part of an upgrade.
type step struct {
	name string
	do   func(*installation, *testing.T, release)
}

var (
	manifests   = step{"manifests", (*installation).applyManifests}
	receivers   = step{"receivers", (*installation).rollReceivers}
	controllers = step{"controllers", (*installation).rollControllers}
	syncer      = step{"syncer", (*installation).rollSyncer}

	documented = []step{manifests, controllers, receivers, syncer}
	wrong      = []step{receivers, controllers, manifests, syncer}
)

// orders returns every order of steps.
func orders(of []step) [][]step {
	if len(of) == 0 {
		return [][]step{nil}
	}
	var all [][]step
	for n := range of {
		rest := slices.Delete(slices.Clone(of), n, n+1)
		for _, order := range orders(rest) {
			all = append(all, append([]step{of[n]}, order...))
		}
	}
	return all
}

func nameOf(order []step) string {
	var names []string
	for _, s := range order {
		names = append(names, s.name)
	}
	return strings.Join(names, ",")
}

// before reports whether a step comes before another one.
func before(order []step, a, b string) bool {
	return slices.IndexFunc(order, func(s step) bool { return s.name == a }) < slices.IndexFunc(order, func(s step) bool { return s.name == b })
}

// ordersByKustomize are the documented order and the one that is as wrong as possible, or all. A syncer cannot start before the manifests, which
// create its ServiceAccount: such an order is the same as the one with the syncer right after them.
func ordersByKustomize() [][]step {
	if os.Getenv("UPGRADES") != "all" {
		return [][]step{wrong}
	}
	return slices.DeleteFunc(orders(documented), func(order []step) bool { return before(order, "syncer", "manifests") })
}

// ordersByChart are orders in which Deployments roll out: Helm has applied all manifests by then.
func ordersByChart() [][]step {
	if os.Getenv("UPGRADES") != "all" {
		return [][]step{documented}
	}
	return slices.DeleteFunc(orders(documented), func(order []step) bool { return order[0].name != "manifests" })
}

func TestUpgradeByKustomize(t *testing.T) { testOrders(t, byKustomize, ordersByKustomize()) }

func TestUpgradeByChart(t *testing.T) { testOrders(t, byChart, ordersByChart()) }

func testOrders(t *testing.T, install installer, orders [][]step) {
	t.Helper()
	t.Parallel()
	from, to := previousRelease(t), currentRelease(t)
	for _, order := range orders {
		t.Run(nameOf(order), func(t *testing.T) {
			t.Parallel()
			r := newRun(t, install, from)
			r.upgrade(t, order, to)
			r.downgrade(t, order, from)
			r.upgradeAgain(t, to)
		})
	}
}

// run is one upgrade under load, and back.
type run struct {
	*installation
	load     *load
	journal  *oracle.Journal
	webhooks *workload.Tenant // receives the load
	synced   *syncedTenant
}

func newRun(t *testing.T, install installer, from release) *run {
	t.Helper()
	r := &run{installation: newInstallation(t, install, from), journal: oracle.NewJournal(), webhooks: &workload.Tenant{Namespace: "video"}}
	r.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: r.webhooks.Namespace}})
	r.create(t, append(r.webhooks.Rights(), r.webhooks.Secret(), r.webhooks.Endpoint())...)
	r.waitCondition(t, r.webhooks.Namespace, fastpixv1.ConditionReady)
	go r.journal.Follow(t.Context(), r.ControlPlane)
	r.load = newLoad(t, 1, r.webhooks, r.receiverURLs)
	return r
}

func (r *run) create(t *testing.T, objects ...client.Object) {
	t.Helper()
	for _, o := range objects {
		if err := r.admin.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
}

// waitCondition waits until a condition of the endpoint in a namespace is true.
func (r *run) waitCondition(t *testing.T, namespace, condition string) {
	t.Helper()
	framework.Eventually(t, "the endpoint is "+condition, func(ctx context.Context) error {
		var e fastpixv1.WebhookEndpoint
		if err := r.admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: tenant.EndpointName}, &e); err != nil {
			return err
		}
		if !apimeta.IsStatusConditionTrue(e.Status.Conditions, condition) {
			return fmt.Errorf("conditions are %v", e.Status.Conditions)
		}
		return nil
	})
}

// upgrade fills mirrors and journal with the previous release, upgrades under load, and checks everything.
func (r *run) upgrade(t *testing.T, order []step, to release) {
	t.Helper()
	r.load.deliverCanary(t)
	end := r.load.start(t)
	r.watch(t, "the previous release")
	end()
	r.waitJournalEmpty(t)
	end = r.load.start(t)
	stop(t, r.controllers) // so that its batches wait in the journal
	r.watch(t, "its controllers are away")
	r.roll(t, "upgrade", order, to)
	end()
	r.checkMirrors(t)
	r.checkApply(t)
	r.synced = r.newSyncedTenant(t)
	r.synced.checkMirrored(t)
}

// downgrade downgrades in the reverse order, with observations in the journal, which the previous release does not know.
func (r *run) downgrade(t *testing.T, order []step, to release) {
	t.Helper()
	stop(t, r.controllers)
	r.synced.observe(t)
	backwards := slices.Clone(order)
	slices.Reverse(backwards)
	end := r.load.start(t)
	r.roll(t, "downgrade", backwards, to)
	end()
	r.checkJournal(t)
	r.checkStalled(t)
}

// upgradeAgain upgrades in the documented order: what was acknowledged in the meantime is mirrored.
func (r *run) upgradeAgain(t *testing.T, to release) {
	t.Helper()
	end := r.load.start(t)
	r.roll(t, "upgrade again", documented, to)
	end()
	r.checkMirrors(t)
	r.synced.checkMirrored(t)
}

// roll upgrades or downgrades in an order, and logs what the load noticed.
func (r *run) roll(t *testing.T, what string, order []step, to release) {
	t.Helper()
	for _, s := range order {
		s.do(r.installation, t, to)
		r.watch(t, what+": "+s.name)
	}
}

// watch lets the load run for a while, and then logs what it noticed and what is in the journal.
func (r *run) watch(t *testing.T, what string) {
	t.Helper()
	time.Sleep(time.Second)
	acknowledged, others, gap := r.load.step()
	pending, failed, err := r.journalNow(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%-27s %4d acknowledged, other answers %v, longest gap %v; %d in the journal, of which failed %v",
		what, acknowledged, others, gap.Round(time.Millisecond), pending, failed)
}

// checkStalled checks what docs/upgrading.md says of this downgrade: the older controllers cannot read the mirrors, and so they fold nothing.
func (r *run) checkStalled(t *testing.T) {
	t.Helper()
	const why = "cannot unmarshal string into Go struct field"
	framework.Eventually(t, "the older controllers say that they cannot read a mirror, as docs/upgrading.md has it", func(context.Context) error {
		if log := process.Tail(r.controllers.Log, 1000); !strings.Contains(log, why) {
			return fmt.Errorf("if they can read it, change docs/upgrading.md. Their log ends:\n%s", process.Tail(r.controllers.Log, 20))
		}
		return nil
	})
}
