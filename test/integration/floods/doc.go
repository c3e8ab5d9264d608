// Package floods tests a receiver that unauthenticated clients attack:
// floods of forged deliveries, and every shape of flood at every port within the memory limit of config. The tests measure how fast the receiver
// answers meanwhile: run nothing else beside them.
//
// The tests run the operator as config/default installs it, on a real API server: see package framework. Start reading in ports_test.go.
// To run this area alone:
//
//	make k8s k8s-controllers
//	KUBEBUILDER_ASSETS=$PWD/bin/k8s go test ./test/integration/floods
package floods
