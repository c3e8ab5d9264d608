// Package upgrade tests roll-outs and versions in any order:
// receivers that drain, a leader that hands over its lease, schemas that are older than the binary, and records and statuses that a newer
// version wrote.
//
// The tests run the operator as config/default installs it, on a real API server: see package framework. Start reading in rollout_test.go.
// To run this area alone:
//
//	make k8s k8s-controllers
//	KUBEBUILDER_ASSETS=$PWD/bin/k8s go test ./test/integration/upgrade
package upgrade
