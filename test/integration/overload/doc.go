// Package overload tests limits of memory, connections and the journal:
// floods of every port, slow clients, a bounded backlog, a full journal and its quota.
//
// The tests run the operator as config/default installs it, on a real API server: see package framework. Start reading in ports_test.go.
// To run this area alone:
//
//	make k8s k8s-controllers
//	KUBEBUILDER_ASSETS=$PWD/bin/k8s go test ./test/integration/overload
package overload
