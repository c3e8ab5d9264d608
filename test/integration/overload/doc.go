// Package overload tests events that arrive faster than they are mirrored, and clients that are slow:
// a bounded backlog, a full journal and its quota, and timeouts.
//
// The tests run the operator as config/default installs it, on a real API server: see package framework. Start reading in backlog_test.go.
// To run this area alone:
//
//	make k8s k8s-controllers
//	KUBEBUILDER_ASSETS=$PWD/bin/k8s go test ./test/integration/overload
package overload
