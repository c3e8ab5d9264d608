//go:build tools

// Package kubernetes pins kube-scheduler, kubelet and kube-proxy. It holds no code; hack/node/build.sh builds what it names.
package kubernetes

import (
	_ "k8s.io/kubernetes/cmd/kube-proxy"
	_ "k8s.io/kubernetes/cmd/kube-scheduler"
	_ "k8s.io/kubernetes/cmd/kubelet"
)
