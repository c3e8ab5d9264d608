package controlplane

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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
			return "", fmt.Errorf("find %s: %w; hack/kubernetes/build.sh builds it, or point KUBEBUILDER_ASSETS at a folder that has it", name, err)
		}
	}
	return dir, nil
}

// ModuleRoot returns the folder of the module's go.mod, at or above the working directory.
func ModuleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		switch _, err := os.Stat(filepath.Join(dir, "go.mod")); {
		case err == nil:
			return dir, nil
		case !errors.Is(err, fs.ErrNotExist):
			return "", err
		case dir == filepath.Dir(dir):
			return "", errors.New("find go.mod: run this inside the operator's module")
		}
		dir = filepath.Dir(dir)
	}
}
