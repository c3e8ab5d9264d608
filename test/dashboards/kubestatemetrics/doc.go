// Package kubestatemetrics checks config/kube-state-metrics with the library of kube-state-metrics, and pins its version. It may import nothing of
// the operator, because kube-state-metrics needs an older client-go. build.sh builds its binary. Start with TestMetricsOfObjects.
package kubestatemetrics
