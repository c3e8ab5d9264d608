package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/process"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

const (
	operatorNamespace = "fastpix-system"
	// The namespace and the endpoint are those of config/samples.
	namespace = "video"
	endpoint  = "fastpix"
	path      = "/webhooks/" + namespace + "/" + endpoint
	// syncGrace is short, so that the user can wait for a repair.
	syncGrace = "3s"
)

// demo contains the running processes and the measurements.
type demo struct {
	options options
	started time.Time

	plane                         *controlplane.ControlPlane
	client                        client.Client
	workspace                     *workspace
	receiver, controllers, syncer *controlplane.Operator
	ready                         time.Duration // since the start
	measured                      measurements
}

// processes returns the processes of the operator. Their logs explain failures.
func (d *demo) processes() []*process.Process {
	var processes []*process.Process
	for _, o := range []*controlplane.Operator{d.receiver, d.controllers, d.syncer} {
		if o != nil && o.Process != nil {
			processes = append(processes, o.Process)
		}
	}
	return processes
}

// setUp starts all processes and waits until the endpoint accepts events.
func (d *demo) setUp(ctx context.Context) (err error) {
	var binary string
	var asReceiver, asControllers, asSyncer controlplane.Identity
	steps := []struct {
		what string
		do   func() error
	}{
		{"etcd and kube-apiserver run, with real fsync and RBAC", func() error {
			d.plane, err = controlplane.Start(ctx, controlplane.Options{})
			return err
		}},
		{"the operator's binary is built", func() error {
			binary, err = d.binary(ctx)
			return err
		}},
		{"config/default is applied: CRDs, roles, admission policy", func() error {
			return d.plane.Apply(ctx, "config/default")
		}},
		{"config/samples is applied: a namespace with its WebhookEndpoint, and the example's signing secret", func() error {
			return d.plane.Apply(ctx, "config/samples")
		}},
		{"a fake of FastPix's management API runs, and the syncer may read the Secret with its access token", func() error {
			return d.startWorkspace(ctx)
		}},
		{"three identities have tokens: fastpix-receiver, fastpix-controller-manager and fastpix-syncer", func() error {
			if asReceiver, err = d.plane.ServiceAccount(ctx, operatorNamespace, "fastpix-receiver"); err != nil {
				return err
			}
			if asControllers, err = d.plane.ServiceAccount(ctx, operatorNamespace, "fastpix-controller-manager"); err != nil {
				return err
			}
			asSyncer, err = d.plane.ServiceAccount(ctx, operatorNamespace, "fastpix-syncer")
			return err
		}},
		{"the receiver runs", func() error {
			d.receiver, err = d.plane.NewOperator("receiver", binary, asReceiver, "--controllers=false", "--syncer=false", "--drain-delay=0s")
			return errors.Join(err, d.start(ctx, d.receiver))
		}},
		{"the controllers run", func() error {
			d.controllers, err = d.plane.NewOperator("controllers", binary, asControllers, "--receiver=false", "--syncer=false", "--leader-elect")
			return errors.Join(err, d.start(ctx, d.controllers))
		}},
		{"the syncer runs", func() error {
			d.syncer, err = d.plane.NewOperator("syncer", binary, asSyncer, "--receiver=false", "--controllers=false", "--leader-elect",
				"--fastpix-api-url="+d.workspace.api.URL(), "--sync-grace="+syncGrace)
			return errors.Join(err, d.start(ctx, d.syncer))
		}},
		{"the endpoint accepts events", func() error { return d.waitForEndpoint(ctx) }},
	}
	for _, s := range steps {
		if err := step(s.what, s.do); err != nil {
			return err
		}
	}
	d.ready = time.Since(d.started)
	return nil
}

// startWorkspace starts the fake API, and stores its access token as a user does.
func (d *demo) startWorkspace(ctx context.Context) (err error) {
	if d.workspace, err = newWorkspace(d.started); err != nil {
		return err
	}
	_, err = d.plane.Kubectl(ctx, "create", "secret", "generic", tenant.APISecretName, "--namespace="+namespace, "--type="+string(fastpixv1.APICredentialsType),
		"--from-literal="+fastpixv1.APICredentialsTokenIDKey+"="+access.TokenID, "--from-literal="+fastpixv1.APICredentialsSecretKeyKey+"="+access.SecretKey)
	if err != nil {
		return err
	}
	return d.plane.Apply(ctx, "config/samples/syncer_role.yaml")
}

func (d *demo) start(ctx context.Context, o *controlplane.Operator) error {
	if o == nil {
		return nil
	}
	return o.Start(ctx)
}

// binary returns the path of the operator's binary. make builds it into the folder of this program. If it does not exist, as with go run,
// binary builds it.
func (d *demo) binary(ctx context.Context) (string, error) {
	program, err := os.Executable()
	if err != nil {
		return "", err
	}
	binary := filepath.Join(filepath.Dir(program), "fastpix-operator")
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	return controlplane.BuildOperator(ctx, d.plane.Dir)
}

func (d *demo) waitForEndpoint(ctx context.Context) (err error) {
	scheme := runtime.NewScheme()
	if err := fastpixv1.AddToScheme(scheme); err != nil {
		return err
	}
	if d.client, err = client.New(d.plane.Config(), client.Options{Scheme: scheme}); err != nil {
		return err
	}
	var whe fastpixv1.WebhookEndpoint
	err = wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
		err := d.client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: endpoint}, &whe)
		return apimeta.IsStatusConditionTrue(whe.Status.Conditions, fastpixv1.ConditionReady), err
	})
	if err != nil {
		return fmt.Errorf("wait until the WebhookEndpoint is ready: its conditions are %v: %w", whe.Status.Conditions, err)
	}
	return nil
}
