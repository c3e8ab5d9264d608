// Package install reads what of the operator is installed in a cluster: its Deployments, its leaders, and whether the kinds that the API server serves are
// those of this version.
//
// Start reading in parts.go.
package install
