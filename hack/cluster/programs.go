package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
)

// programs are the folders with the programs of the control plane and of the node.
type programs struct {
	controlPlane, node string
}

func findPrograms() (programs, error) {
	controlPlane, err := controlplane.Assets()
	if err != nil {
		return programs{}, err
	}
	root, err := controlplane.ModuleRoot()
	if err != nil {
		return programs{}, err
	}
	p := programs{controlPlane: controlPlane, node: filepath.Join(root, "bin", "node")}
	for _, name := range []string{
		"etcdutl", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "containerd", "containerd-shim-runc-v2", "ctr",
		"bridge", "host-local", "loopback", "portmap", pauseArchive,
	} {
		if _, err := os.Stat(filepath.Join(p.node, name)); err != nil {
			return programs{}, fmt.Errorf("find %s: %w. Run make node to build it", name, err)
		}
	}
	return p, nil
}

// checkRequirements returns an error if this machine cannot run a cluster.
func checkRequirements() error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("a cluster needs Linux, not %s, because it runs in Linux namespaces. make demo and make test work here", runtime.GOOS)
	}
	if os.Geteuid() != 0 {
		return errors.New("a cluster needs root, for namespaces, mounts and containers. Use sudo or a virtual machine. make demo and make test do not need root")
	}
	for _, name := range []string{"runc", "iptables", "ip", "nsenter"} {
		if _, err := exec.LookPath(name); err != nil {
			return fmt.Errorf("find %s: %w. Run hack/node/packages.sh to install it", name, err)
		}
	}
	return nil
}
