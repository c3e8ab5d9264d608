// Package controlplane runs a real etcd and kube-apiserver on free loopback ports, and the operator's own binary beside
// them, for integration tests, the demo and the benchmark.
//
// What it promises: RBAC is on and the only rights are those of config/; the operator's processes carry ServiceAccount
// tokens, never an administrator's; etcd syncs to disk by default; every process can be stopped, killed and
// started again with the same data and the same ports; and no process outlives the one that started it (on Linux even if
// that one is killed).
//
// What it is not: a cluster. There is no scheduler and no node, and a kube-controller-manager only where a test asks for it:
// Deployments stay unscheduled, nothing is garbage collected, and namespaces get no default ServiceAccount.
//
// It starts the processes itself rather than through controller-runtime's envtest, which keeps them to itself: a fault test
// must be able to kill them.
package controlplane
