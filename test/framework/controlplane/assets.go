package controlplane

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Assets returns the folder that holds etcd, kube-apiserver and kubectl: KUBEBUILDER_ASSETS if it is set, else bin/k8s of
// the module. The error says how to get them.
func Assets() (string, error) {
	dir := os.Getenv("KUBEBUILDER_ASSETS")
	if dir == "" {
		root, err := ModuleRoot()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(root, "bin", "k8s")
	}
	for _, name := range []string{"etcd", "kube-apiserver", "kubectl"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return "", fmt.Errorf("find %s: %w; make k8s gets it, or point KUBEBUILDER_ASSETS at a folder that has it", name, err)
		}
	}
	return dir, nil
}

// ModuleRoot returns the folder of the operator's module, in which the working directory must be; it may be in a module within.
func ModuleRoot() (string, error) {
	const line = "module github.com/fastpix-operator/fastpix-operator\n"
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		switch module, err := os.ReadFile(filepath.Join(dir, "go.mod")); {
		case strings.Contains("\n"+string(module), "\n"+line):
			return dir, nil
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return "", err
		case dir == filepath.Dir(dir):
			return "", errors.New("find go.mod: run this inside the operator's module")
		}
		dir = filepath.Dir(dir)
	}
}
