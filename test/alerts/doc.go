// Command alerts induces the fault of each alert, and checks that a real Prometheus sees the alert pending, then firing, and after the fault no longer.
//
// The servers are real: etcd, kube-apiserver, a receiver, the controllers and the syncer with their own identities, and the Prometheus that make
// prometheus builds. FastPix's management API is package fastpixfake. Prometheus scrapes the secure ports with the token of a ServiceAccount that has
// the ClusterRole fastpix-metrics-reader, and adds the labels namespace, job and pod as a ServiceMonitor does. The rules are those of the Helm chart.
// Values of the chart shorten what would take an hour: `for`, the windows of counters, and thresholds of ages and of the backlog. The windows of the
// error budgets are those of an installation: their alerts end because many deliveries succeed after the fault.
//
// At the start, when all is well, no alert may be active, and none of a fault before it is induced. Each alert of the chart must have a fault. The
// command prints a table of the alerts, with the faults and the seconds until they fired and until they ended.
//
//	make alerts
//	make alerts ALERTS_ARGS="-only FastPixNoDeliveries"
//
// Start reading in faults.go.
package main
