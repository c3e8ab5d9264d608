package doctor

import (
	"context"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// checkMonitoring checks that Prometheus scrapes the operator and has rules about it. It knows them by the label that the manifests set.
func checkMonitoring(ctx context.Context, p *patient) []Result {
	var results []Result
	for _, kind := range []struct{ name, mend string }{
		{"ServiceMonitor", "Add the component config/prometheus to your overlay (chart: serviceMonitor.enabled)."},
		{"PrometheusRule", "Add the component config/prometheus to your overlay (chart: prometheusRule.enabled)."},
	} {
		results = append(results, p.monitored(ctx, kind.name, kind.mend))
	}
	return results
}

func (p *patient) monitored(ctx context.Context, kind, mend string) Result {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(schema.GroupVersionKind{Group: "monitoring.coreos.com", Version: "v1", Kind: kind + "List"})
	err := p.client.List(ctx, list, client.MatchingLabels{"app.kubernetes.io/name": "fastpix-operator"}, client.Limit(1))
	if err == nil && len(list.Items) == 0 { // the chart, with nameOverride
		err = p.client.List(ctx, list, client.MatchingLabels{"app.kubernetes.io/part-of": "fastpix-operator"}, client.Limit(1))
	}
	switch {
	case apimeta.IsNoMatchError(err):
		return skipped(kind, "the Prometheus Operator is not installed in this cluster")
	case err != nil:
		return unread(kind, err)
	case len(list.Items) == 0:
		return warn(kind, mend, "there is none for the operator")
	}
	return pass(kind, "%s/%s", list.Items[0].GetNamespace(), list.Items[0].GetName())
}
