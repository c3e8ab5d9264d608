// Package plugin tests "kubectl fastpix": every command against the operator as config/default installs it, the rights that it needs, and what it prints.
//
// The tests run the built plugin as a process, on a real API server: see package framework. Start reading in plugin_test.go. To run this area alone:
//
//	make k8s k8s-controllers
//	KUBEBUILDER_ASSETS=$PWD/bin/k8s go test ./test/integration/plugin
package plugin
