//go:build tools

// Package kubernetes pins the programs of the test control plane: etcd, kube-apiserver, kubectl, and kube-controller-manager, etcdctl and
// etcdutl, which some tests need. The package has no code. build.sh builds the programs that it imports.
package kubernetes

import (
	_ "go.etcd.io/etcd/etcdctl/v3"
	_ "go.etcd.io/etcd/etcdutl/v3"
	_ "go.etcd.io/etcd/server/v3"
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
	_ "k8s.io/kubernetes/cmd/kube-controller-manager"
	_ "k8s.io/kubernetes/cmd/kubectl"
)
