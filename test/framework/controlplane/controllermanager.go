package controlplane

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"github.com/fastpix-operator/fastpix-operator/test/framework/process"
)

// ControllerManager prepares a kube-controller-manager that counts ResourceQuotas and ends namespaces, and does nothing else; Start
// starts it, Close ends it. Its program is not among Assets, and setup-envtest does not have it: it is in the same folder or in bin/k8s.
func (c *ControlPlane) ControllerManager() (*process.Process, error) {
	program, err := controllerManagerIn(c.assets)
	if err != nil {
		return nil, err
	}
	address, err := process.FreeAddress()
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	probe := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // it makes its certificate itself
	}}
	p := &process.Process{
		Name: "kube-controller-manager", Path: program, Log: filepath.Join(c.LogDir(), "kube-controller-manager.log"),
		Args: []string{
			"--kubeconfig=" + c.Kubeconfig,
			"--bind-address=" + host,
			"--secure-port=" + port,
			"--cert-dir=" + c.path("controller-manager"),
			"--controllers=resourcequota-controller,namespace-controller",
			"--leader-elect=false",
		},
		Ready: func(ctx context.Context) error { return getOK(ctx, probe, "https://"+address+"/healthz") },
	}
	c.controllers = p
	return p, nil
}

// controllerManagerIn returns the kube-controller-manager in a folder, or in bin/k8s of the module.
func controllerManagerIn(assets string) (string, error) {
	const name = "kube-controller-manager"
	root, err := ModuleRoot()
	if err != nil {
		return "", err
	}
	for _, dir := range []string{assets, filepath.Join(root, "bin", "k8s")} {
		program := filepath.Join(dir, name)
		if _, err = os.Stat(program); err == nil {
			return program, nil
		}
	}
	return "", fmt.Errorf("find %s: %w; make k8s-controllers gets it", name, err)
}
