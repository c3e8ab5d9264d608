// Package sync tests the comparison with FastPix's management API: backfill, repair, deletion, what the user sees, and faults of the API, of credentials
// and of the process.
//
// The tests run the operator as config/default installs it, on a real API server, with a syncer that asks package fastpixfake: see package framework.
// Start reading in run_test.go. To run this area alone:
//
//	make k8s k8s-controllers
//	KUBEBUILDER_ASSETS=$PWD/bin/k8s go test ./test/integration/sync
package sync
