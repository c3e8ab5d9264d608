// Package dashboards reads the dashboards of config/grafana, and checks that they name only metrics and labels that exist.
//
// The package live runs the operator, kube-state-metrics and Prometheus, and executes every query. The package picture draws what they answer.
// It may import test/framework and internal/operator. Start with Load.
package dashboards
