//go:build tools

// Package kubernetes pins kube-scheduler, kubelet and kube-proxy. The package has no code. hack/node/build.sh builds the programs that it
// imports.
package kubernetes

import (
	_ "k8s.io/kubernetes/cmd/kube-proxy"
	_ "k8s.io/kubernetes/cmd/kube-scheduler"
	_ "k8s.io/kubernetes/cmd/kubelet"
)
