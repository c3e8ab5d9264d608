package controlplane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/client-go/rest"

	"github.com/fastpix-operator/fastpix-operator/test/framework/process"
)

// Options say how a control plane runs. The zero value is the real thing.
type Options struct {
	// Dir holds its data, keys, kubeconfigs and logs, and is removed by Close. Default: a new temporary folder.
	Dir string
	// NoSync keeps etcd from syncing to disk: faster, and useless wherever durability or speed is in question.
	NoSync bool
	// Audit writes the metadata of every request to AuditLog.
	Audit bool
	// APIServerArgs are further flags of kube-apiserver.
	APIServerArgs []string
}

// ControlPlane is a running etcd and kube-apiserver.
type ControlPlane struct {
	// Etcd and APIServer can each be stopped, killed and started again; data and ports stay.
	Etcd, APIServer *process.Process
	// Dir holds everything that the control plane and the operator write.
	Dir string
	// Kubeconfig is an administrator's.
	Kubeconfig string
	// AuditLog is the API server's audit log, if there is one.
	AuditLog string

	assets      string
	etcdURL     string
	admin       *rest.Config
	cluster     cluster
	running     []*process.Process // operators, to be ended first
	controllers *process.Process   // kube-controller-manager, if there is one
}

// Start starts a control plane and waits until it is healthy. Whatever it returns, nothing is left running on an error.
func Start(ctx context.Context, o Options) (_ *ControlPlane, err error) {
	assets, err := Assets()
	if err != nil {
		return nil, err
	}
	if o.Dir == "" {
		if o.Dir, err = os.MkdirTemp("", "fastpix-operator-"); err != nil {
			return nil, err
		}
	}
	c := &ControlPlane{Dir: o.Dir, assets: assets}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	if err := c.prepare(o); err != nil {
		return nil, fmt.Errorf("prepare control plane: %w", err)
	}
	if err := c.Etcd.Start(ctx); err != nil {
		return nil, err
	}
	return c, c.APIServer.Start(ctx)
}

func (c *ControlPlane) prepare(o Options) error {
	if err := os.MkdirAll(c.Dir, 0o750); err != nil {
		return err
	}
	if err := c.prepareEtcd(o); err != nil {
		return err
	}
	return c.prepareAPIServer(o)
}

// Config returns an administrator's client configuration, without client-side rate limits.
func (c *ControlPlane) Config() *rest.Config { return rest.CopyConfig(c.admin) }

// Close ends the operators, the API server and etcd, in this order, and removes Dir. It may be called twice.
func (c *ControlPlane) Close() error {
	var errs []error
	for _, p := range c.running {
		p.Resume()
		errs = append(errs, p.Stop())
	}
	// Their data is removed next, so there is nothing for them to save. A graceful end of the API server would wait for
	// every open watch.
	for _, p := range []*process.Process{c.controllers, c.APIServer, c.Etcd} {
		if p != nil {
			p.Kill()
		}
	}
	return errors.Join(append(errs, os.RemoveAll(c.Dir))...)
}

func (c *ControlPlane) path(elem ...string) string {
	return filepath.Join(append([]string{c.Dir}, elem...)...)
}

// LogDir holds one log file for each process.
func (c *ControlPlane) LogDir() string { return c.path("logs") }
