// Pins the projects whose kinds config/components, config/prometheus and config/gitops use. Nothing imports them, so this module is not
// tidied: tests read the CRDs that they publish from the module cache.
module github.com/fastpix-operator/fastpix-operator/hack/crds

go 1.26.0

require (
	github.com/argoproj/argo-cd/v3 v3.4.13
	github.com/cert-manager/cert-manager v1.21.2
	github.com/prometheus-operator/prometheus-operator v0.85.0
	sigs.k8s.io/gateway-api v1.6.3
)
