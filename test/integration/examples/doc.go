// Package examples tests the instructions of the documentation by following them:
// the README, the commands in conditions, the example of a consumer, and kubectl.
//
// The tests run the operator as config/default installs it, on a real API server: see package framework. Start reading in setup_test.go.
// To run this area alone:
//
//	make k8s k8s-controllers
//	KUBEBUILDER_ASSETS=$PWD/bin/k8s go test ./test/integration/examples
package examples
