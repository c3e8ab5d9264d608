// Package tenancy tests that one namespace does not affect another:
// isolation of tenants, records that cannot be written to a mirror, tenants whose namespace refuses every object, and namespaces and endpoints
// that are deleted.
//
// The tests run the operator as config/default installs it, on a real API server: see package framework. Start reading in isolation_test.go.
// To run this area alone:
//
//	make k8s k8s-controllers
//	KUBEBUILDER_ASSETS=$PWD/bin/k8s go test ./test/integration/tenancy
package tenancy
