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
// starts it, Close ends it. Its program is not among Assets: hack/kubernetes/build.sh builds it when it is named.
func (c *ControlPlane) ControllerManager() (*process.Process, error) {
	program := filepath.Join(c.assets, "kube-controller-manager")
	if _, err := os.Stat(program); err != nil {
		return nil, fmt.Errorf("find kube-controller-manager: %w; hack/kubernetes/build.sh %s kube-controller-manager builds it", err, c.assets)
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
