// Package manifests tests what an installation consists of:
// pods, network policies, components of config, and what the CRDs validate and default.
//
// The tests run the operator as config/default installs it, on a real API server: see package framework. Start reading in manifests_test.go.
// To run this area alone:
//
//	make k8s k8s-controllers
//	KUBEBUILDER_ASSETS=$PWD/bin/k8s go test ./test/integration/manifests
package manifests
