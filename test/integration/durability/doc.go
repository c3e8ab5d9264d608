// Package durability tests that nothing acknowledged is lost:
// processes that are killed, an API server that is away or restarts, changes that are made while a watch is broken, and users who change
// endpoints, Secrets, rights and namespaces under load.
//
// The tests run the operator as config/default installs it, on a real API server: see package framework. Start reading in crash_test.go.
// To run this area alone:
//
//	make k8s k8s-controllers
//	KUBEBUILDER_ASSETS=$PWD/bin/k8s go test ./test/integration/durability
package durability
