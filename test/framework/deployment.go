package framework

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/operator"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/process"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

// OperatorNamespace is the namespace of the operator and of its journal.
const OperatorNamespace = tenant.OperatorNamespace

// Deployment is the operator as config/default installs it, on a control plane of its own.
type Deployment struct {
	*controlplane.ControlPlane
	// Admin is a client with an administrator's rights: tests change and read objects with it.
	Admin client.Client
	// AsReceiver, AsControllers and AsSyncer are the identities of the three parts.
	AsReceiver, AsControllers, AsSyncer controlplane.Identity
	// Receiver and Controllers are the processes that run all the time. A test that needs a syncer starts one by StartSyncer.
	Receiver, Controllers *controlplane.Operator
}

// Deployed is what the tests of a package share. A test that disturbs it restores it.
var Deployed Deployment

// Main installs config/default on a control plane, runs the tests of a package and exits. TestMain calls it. The working directory of the tests
// is the root of the repository, so that paths are those of the documentation. The receiver and the controllers get further flags.
func Main(m *testing.M, flags ...string) {
	ctrllog.SetLogger(zap.New(zap.WriteTo(os.Stderr)))
	go endOnInterrupt()
	chdirToRoot()
	code, err := deployAndRun(context.Background(), m, flags)
	if err != nil {
		fmt.Fprintln(os.Stderr, "integration tests:", err)
		code = 1
	}
	os.Exit(code)
}

func deployAndRun(ctx context.Context, m *testing.M, flags []string) (code int, err error) {
	Deployed.ControlPlane, err = controlplane.Start(ctx, controlplane.Options{NoSync: true})
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, Deployed.Close()) }()
	if err := deploy(ctx, flags); err != nil {
		return 1, err
	}
	code = m.Run()
	if code != 0 {
		for _, p := range []*controlplane.Operator{Deployed.Receiver, Deployed.Controllers} {
			fmt.Fprintf(os.Stderr, "--- the log of the %s ends:\n%s\n", p.Name, process.Tail(p.Log, 40))
		}
	}
	return code, nil
}

// endOnInterrupt leaves nothing behind on Ctrl-C.
func endOnInterrupt() {
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	<-interrupted
	if Deployed.ControlPlane != nil {
		_ = Deployed.Close()
	}
	os.Exit(1)
}

// deploy installs config/default and starts a receiver and the controllers.
func deploy(ctx context.Context, flags []string) error {
	d := &Deployed
	binary := os.Getenv("OPERATOR_BINARY") // built once for all areas by make test
	if binary == "" {
		var err error
		if binary, err = controlplane.BuildOperator(ctx, filepath.Join(d.Dir, "bin")); err != nil {
			return err
		}
	}
	if err := d.Apply(ctx, "config/default"); err != nil {
		return err
	}
	var err error
	if d.Admin, err = client.New(d.Config(), client.Options{Scheme: operator.NewScheme(), FieldValidation: "Strict"}); err != nil {
		return err
	}
	if d.AsReceiver, err = d.ServiceAccount(ctx, OperatorNamespace, tenant.ReceiverAccount); err != nil {
		return err
	}
	if d.AsControllers, err = d.ServiceAccount(ctx, OperatorNamespace, tenant.ControllersAccount); err != nil {
		return err
	}
	if d.AsSyncer, err = d.ServiceAccount(ctx, OperatorNamespace, tenant.SyncerAccount); err != nil {
		return err
	}
	if err := waitPolicies(ctx); err != nil {
		return err
	}
	receiver := append([]string{"--controllers=false", "--syncer=false", "--drain-delay=0s"}, flags...)
	if d.Receiver, err = d.NewOperator("receiver", binary, d.AsReceiver, receiver...); err != nil {
		return err
	}
	if d.Controllers, err = d.NewOperator("controllers", binary, d.AsControllers, append([]string{"--receiver=false", "--syncer=false"}, flags...)...); err != nil {
		return err
	}
	return errors.Join(d.Receiver.Start(ctx), d.Controllers.Start(ctx))
}

// waitPolicies waits until the API server enforces the admission policies of config/default. It reads them some time after they are created, and
// until then it allows what they refuse.
func waitPolicies(ctx context.Context) error {
	asReceiver, err := client.New(Deployed.AsReceiver.Config, client.Options{Scheme: operator.NewScheme()})
	if err != nil {
		return err
	}
	labels := map[string]string{"refused": "true"}
	large := MakeEndpoint("default", "refused")
	large.Annotations = map[string]string{"example.com/large": strings.Repeat("x", 64<<10)}
	probes := map[string]func(context.Context) error{
		"fastpix-journal": func(ctx context.Context) error {
			return asReceiver.Create(ctx, &fastpixv1.EventBatch{
				ObjectMeta: metav1.ObjectMeta{Namespace: OperatorNamespace, Name: "refused", Labels: labels}, Spec: fastpixv1.EventBatchSpec{Events: []string{"{}"}},
			}, client.DryRunAll)
		},
		"fastpix-events": func(ctx context.Context) error {
			return asReceiver.Create(ctx, &eventsv1.Event{
				ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "refused", Labels: labels}, EventTime: metav1.NowMicro(),
				ReportingController: "fastpix-receiver", ReportingInstance: "i", Action: "Test", Reason: "Test", Type: corev1.EventTypeNormal,
				Regarding: corev1.ObjectReference{Kind: "Namespace", Namespace: "default", Name: "default"},
			}, client.DryRunAll)
		},
		"fastpix-metadata-size": func(ctx context.Context) error { return Deployed.Admin.Create(ctx, large.DeepCopy(), client.DryRunAll) },
	}
	for name, probe := range probes {
		var last error
		err := wait.PollUntilContextTimeout(ctx, PollInterval, PollTimeout, true, func(ctx context.Context) (bool, error) {
			last = probe(ctx)
			return last != nil && strings.Contains(last.Error(), name), nil
		})
		if err != nil {
			return fmt.Errorf("wait for the policy %s: %w", name, errors.Join(err, last))
		}
	}
	return nil
}

// RunInRoot runs the tests of a package that needs no API server, with the root of the repository as working directory, and exits.
func RunInRoot(m *testing.M) {
	chdirToRoot()
	os.Exit(m.Run())
}

// chdirToRoot changes to the root of the repository, or exits.
func chdirToRoot() {
	root, err := controlplane.ModuleRoot()
	if err == nil {
		err = os.Chdir(root)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "integration tests:", err)
		os.Exit(1)
	}
}
