// Package delivery tests the way of an event from a delivery to the mirrors:
// the answers that senders get, the scenarios of samples in order and in any order, samples outside of scenarios, odd bodies, and
// connections that end early.
//
// The tests run the operator as config/default installs it, on a real API server: see package framework. Start reading in answers_test.go.
// To run this area alone:
//
//	make k8s k8s-controllers
//	KUBEBUILDER_ASSETS=$PWD/bin/k8s go test ./test/integration/delivery
package delivery
