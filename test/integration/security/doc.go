// Package security tests what an attacker may try:
// unauthenticated requests and TLS, metrics and their tokens, the rights of each identity, objects that a stolen identity or a user forges,
// and secrets that must not be kept.
//
// The tests run the operator as config/default installs it, on a real API server: see package framework. Start reading in requests_test.go.
// To run this area alone:
//
//	make k8s k8s-controllers
//	KUBEBUILDER_ASSETS=$PWD/bin/k8s go test ./test/integration/security
package security
