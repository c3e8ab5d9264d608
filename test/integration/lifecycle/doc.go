// Package lifecycle tests mirrors and endpoints from creation to deletion:
// adoption, names, timers, tombstones, Kubernetes Events, rotation of signing secrets, and the status on which several receivers agree.
//
// The tests run the operator as config/default installs it, on a real API server: see package framework. Start reading in mirror_test.go.
// To run this area alone:
//
//	make k8s k8s-controllers
//	KUBEBUILDER_ASSETS=$PWD/bin/k8s go test ./test/integration/lifecycle
package lifecycle
