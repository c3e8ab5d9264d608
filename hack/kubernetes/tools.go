//go:build tools

// Package kubernetes pins the programs of the test control plane: etcd, kube-apiserver and kubectl, and kube-controller-manager
// for what only controllers do. It holds no code; build.sh builds what it names.
package kubernetes

import (
	_ "go.etcd.io/etcd/server/v3"
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
	_ "k8s.io/kubernetes/cmd/kube-controller-manager"
	_ "k8s.io/kubernetes/cmd/kubectl"
)
