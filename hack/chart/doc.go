// Command chart generates the part of the Helm chart that has no values of its own, such as CRDs, RBAC and admission policies, from the
// manifests in config/. Templates with values are written by hand. The argument is the folder that contains the folder config/ to write to.
// It also copies the dashboards of config/grafana. `make manifests` runs this command.
//
// The command changes the manifests as text, so that the chart keeps their comments. The tests of this package compare the chart with
// kustomize.
package main
