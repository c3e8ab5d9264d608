// Package live runs the operator, kube-state-metrics and Prometheus, and checks that every panel of the dashboards shows what happened. With the
// flag -pictures it draws them. It may import test/framework, test/dashboards and test/dashboards/picture. Start with TestPanelsShowWhatHappened.
package live
