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

// programs are the folders that hold the programs of the control plane and of the node.
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
		"kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "containerd", "containerd-shim-runc-v2", "ctr",
		"bridge", "host-local", "loopback", "portmap", pauseArchive,
	} {
		if _, err := os.Stat(filepath.Join(p.node, name)); err != nil {
			return programs{}, fmt.Errorf("find %s: %w; make node builds it", name, err)
		}
	}
	return p, nil
}

// checkMachine says what this machine lacks.
func checkMachine() error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("this needs Linux, not %s: a node is made of Linux namespaces. make demo and make test work here", runtime.GOOS)
	}
	if os.Geteuid() != 0 {
		return errors.New("this needs root, for namespaces, mounts and containers: run it by sudo or in a virtual machine. make demo and make test need no root")
	}
	for _, name := range []string{"runc", "iptables", "ip", "nsenter"} {
		if _, err := exec.LookPath(name); err != nil {
			return fmt.Errorf("find %s: %w; hack/node/packages.sh installs it", name, err)
		}
	}
	return nil
}
