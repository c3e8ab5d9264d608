package framework

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/fastpix-operator/fastpix-operator/internal/operator"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/process"
)

// OperatorNamespace is the namespace of the operator and of its journal.
const OperatorNamespace = "fastpix-system"

// Deployment is the operator as config/default installs it, on a control plane of its own.
type Deployment struct {
	*controlplane.ControlPlane
	// Admin is a client with an administrator's rights: tests change and read objects with it.
	Admin client.Client
	// AsReceiver and AsControllers are the identities of the two processes.
	AsReceiver, AsControllers controlplane.Identity
	// Receiver and Controllers are the two processes.
	Receiver, Controllers *controlplane.Operator
}

// Deployed is what the tests of a package share. A test that disturbs it restores it.
var Deployed Deployment

// Main installs config/default on a control plane, runs the tests of a package and exits. TestMain calls it. The working directory of the tests
// is the root of the repository, so that paths are those of the documentation.
func Main(m *testing.M) {
	ctrllog.SetLogger(zap.New(zap.WriteTo(os.Stderr)))
	go endOnInterrupt()
	chdirToRoot()
	code, err := deployAndRun(context.Background(), m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "integration tests:", err)
		code = 1
	}
	os.Exit(code)
}

func deployAndRun(ctx context.Context, m *testing.M) (code int, err error) {
	Deployed.ControlPlane, err = controlplane.Start(ctx, controlplane.Options{NoSync: true})
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, Deployed.Close()) }()
	if err := deploy(ctx); err != nil {
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

// deploy installs config/default and starts the two processes.
func deploy(ctx context.Context) error {
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
	if d.AsReceiver, err = d.ServiceAccount(ctx, OperatorNamespace, "fastpix-receiver"); err != nil {
		return err
	}
	if d.AsControllers, err = d.ServiceAccount(ctx, OperatorNamespace, "fastpix-controller-manager"); err != nil {
		return err
	}
	if d.Receiver, err = d.NewOperator("receiver", binary, d.AsReceiver, "--controllers=false", "--drain-delay=0s"); err != nil {
		return err
	}
	if d.Controllers, err = d.NewOperator("controllers", binary, d.AsControllers, "--receiver=false"); err != nil {
		return err
	}
	return errors.Join(d.Receiver.Start(ctx), d.Controllers.Start(ctx))
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
