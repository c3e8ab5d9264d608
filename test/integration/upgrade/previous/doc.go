// Package previous tests upgrades from the previous release, and downgrades to it, under load. It installs the manifests of that release on a real
// API server and runs the binary that its commit builds. Then it upgrades manifests, receivers, controllers and syncer one after the other, in
// each order, by kustomize and by the Helm chart. Every acknowledged event must be in the journal, and every mirror must be what these events
// make of it.
//
// There is no kubelet here: the test starts and stops the processes as a roll-out of their Deployments would. The previous release comes
// from the history of git. Without that history the tests are skipped.
//
// By default two orders are tested. UPGRADES=all tests every order, as make test-upgrades does (about ten minutes). Start reading in
// upgrade_test.go. To run this area alone:
//
//	make k8s helm
//	KUBEBUILDER_ASSETS=$PWD/bin/k8s go test ./test/integration/upgrade/previous
package previous
