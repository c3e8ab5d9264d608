package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/operator"
	"github.com/fastpix-operator/fastpix-operator/test/benchmark/meter"
	"github.com/fastpix-operator/fastpix-operator/test/benchmark/sender"
	"github.com/fastpix-operator/fastpix-operator/test/benchmark/workload"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/process"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

// testEnv is a control plane with a receiver and the controllers beside it, as config/default deploys them: two processes with their own
// identities.
type testEnv struct {
	plane       *controlplane.ControlPlane
	admin       client.Client
	receiver    *controlplane.Operator
	controllers *controlplane.Operator
	syncer      *controlplane.Operator // nil unless sync is measured
	audit       *meter.AuditLog
	warmth      workload.Tenant // where events go that only warm something up
	workload    *workload.Workload
	profiles    string // folder for profiles; empty if none are wanted
	// pprofAddress is where the controllers serve profiles, if they are wanted.
	pprofAddress string
}

// newTestEnv starts a control plane and prepares the operator's processes, the receiver with further arguments.
func newTestEnv(ctx context.Context, o options, seed uint64, receiverArgs ...string) (_ *testEnv, err error) {
	// The audit log stays one file, however long it gets.
	plane, err := controlplane.Start(ctx, controlplane.Options{Audit: true, APIServerArgs: []string{"--audit-log-maxsize=100000"}})
	if err != nil {
		return nil, err
	}
	r := &testEnv{plane: plane, audit: &meter.AuditLog{File: plane.AuditLog}, workload: workload.New(seed), profiles: o.profiles}
	defer func() {
		if err != nil {
			err = errors.Join(err, plane.Close())
		}
	}()
	if err := plane.Apply(ctx, "config/default"); err != nil {
		return nil, err
	}
	if r.admin, err = client.New(plane.Config(), client.Options{Scheme: operator.NewScheme()}); err != nil {
		return nil, err
	}
	if err := r.prepareOperator(ctx, o.binary, receiverArgs); err != nil {
		return nil, err
	}
	return r, nil
}

// prepareOperator prepares the two processes with the arguments and the memory limit of config/receiver and config/manager.
func (r *testEnv) prepareOperator(ctx context.Context, binary string, receiverArgs []string) (err error) {
	if binary == "" {
		if binary, err = controlplane.BuildOperator(ctx, r.plane.Dir); err != nil {
			return err
		}
	}
	args := append([]string{"--controllers=false", "--syncer=false", "--drain-delay=0s"}, receiverArgs...)
	if r.receiver, err = r.process(ctx, "receiver", binary, tenant.ReceiverAccount, args...); err != nil {
		return err
	}
	args = []string{"--receiver=false", "--syncer=false", "--leader-elect"}
	if r.profiles != "" {
		if r.pprofAddress, err = process.FreeAddress(); err != nil {
			return err
		}
		args = append(args, "--pprof-bind-address="+r.pprofAddress)
	}
	r.controllers, err = r.process(ctx, "controllers", binary, tenant.ControllersAccount, args...)
	return err
}

func (r *testEnv) process(ctx context.Context, name, binary, account string, args ...string) (*controlplane.Operator, error) {
	identity, err := r.plane.ServiceAccount(ctx, tenant.OperatorNamespace, account)
	if err != nil {
		return nil, err
	}
	o, err := r.plane.NewOperator(name, binary, identity, append(args, "--operator-namespace="+tenant.OperatorNamespace)...)
	if err == nil {
		o.Env = []string{controlplane.GoMemoryLimit}
		if account == tenant.ReceiverAccount {
			o.Env = []string{controlplane.ReceiverGoMemoryLimit}
		}
	}
	return o, err
}

// start starts both processes and returns when an event goes all the way.
func (r *testEnv) start(ctx context.Context) error {
	if err := errors.Join(r.receiver.Start(ctx), r.controllers.Start(ctx)); err != nil {
		return err
	}
	return r.warmUp(ctx)
}

// stop stops both processes: the floor is measured without them.
func (r *testEnv) stop() error { return errors.Join(r.receiver.Stop(), r.controllers.Stop()) }

// restartControllers makes the controllers forget every asset they have read or written.
func (r *testEnv) restartControllers(ctx context.Context) error {
	if err := r.controllers.Stop(); err != nil {
		return err
	}
	if err := r.controllers.Start(ctx); err != nil {
		return err
	}
	return r.warmUp(ctx)
}

// warmUp sends one event and waits until it is reflected: then the lease is held and every cache is filled.
func (r *testEnv) warmUp(ctx context.Context) error {
	if r.warmth.Namespace == "" {
		t, err := r.newTenant(ctx, "warmth")
		if err != nil {
			return err
		}
		r.warmth = t
	}
	b := r.workload.Hot(r.warmth, 1)
	if _, err := sender.Send(ctx, r.receiver.ReceiverURL, b.Requests, 1); err != nil {
		return err
	}
	if err := r.waitReflected(ctx, time.Minute); err != nil {
		return err
	}
	return r.verify(ctx, b)
}

// waitReflected waits until the journal is empty: every event is in a status that was written.
func (r *testEnv) waitReflected(ctx context.Context, timeout time.Duration) error {
	var left []metav1.PartialObjectMetadata
	err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, timeout, true, func(ctx context.Context) (bool, error) {
		var list metav1.PartialObjectMetadataList
		list.SetGroupVersionKind(fastpixv1.GroupVersion.WithKind("EventBatchList"))
		err := r.admin.List(ctx, &list, client.InNamespace(tenant.OperatorNamespace), client.Limit(1))
		left = list.Items
		return err == nil && len(list.Items) == 0, err
	})
	if err != nil && len(left) > 0 {
		return fmt.Errorf("wait for the journal to be empty: batch %s (labels %v) is left: %w", left[0].Name, left[0].Labels, err)
	}
	return err
}

// pids names the processes whose consumption is reported.
func (r *testEnv) pids() map[string]int {
	pids := map[string]int{"bench": os.Getpid(), "kube-apiserver": r.plane.APIServer.PID(), "etcd": r.plane.Etcd.PID()}
	for name, o := range map[string]*controlplane.Operator{"receiver": r.receiver, "controllers": r.controllers, "syncer": r.syncer} {
		if o != nil && o.Running() {
			pids[name] = o.PID()
		}
	}
	return pids
}

// explain adds the ends of the logs to an error, unless the user pressed Ctrl-C.
func (r *testEnv) explain(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	names := []string{"receiver", "controllers"}
	if r.syncer != nil {
		names = append(names, "syncer")
	}
	for _, name := range names {
		err = fmt.Errorf("%w\nthe log of the %s ends:\n%s", err, name, process.Tail(filepath.Join(r.plane.LogDir(), name+".log"), 15))
	}
	return err
}

func (r *testEnv) createNamespace(ctx context.Context, name string) error {
	return client.IgnoreAlreadyExists(r.admin.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}))
}
