// Command e2e is the end-to-end test. It installs the operator into a cluster with the commands of the README, sends events through a
// Service from outside the pods, kills pods, rolls out all Deployments under load, fills the quota of the journal, lets the syncer compare a
// workspace of a fake API, and removes the operator.
//
// It runs in the cluster of KUBECONFIG, in which the operator must not be installed. `make e2e` creates a new cluster for it. It prints the
// results as a table. If a check fails, it stops, writes logs, events and descriptions into a folder, and exits with 1.
package main
