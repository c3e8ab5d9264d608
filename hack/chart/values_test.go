package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"k8s.io/client-go/util/jsonpath"

	operatorcontrollers "github.com/fastpix-operator/fastpix-operator/controllers"
	"github.com/fastpix-operator/fastpix-operator/webhookserver"
)

// The objects and paths of the cases.
const (
	receiver    = "Deployment fastpix-receiver"
	controllers = "Deployment fastpix-controller-manager"
	syncerPods  = "Deployment fastpix-syncer"
	service     = "Service fastpix-receiver"
	policy      = "NetworkPolicy fastpix-receiver"
	monitor     = "ServiceMonitor fastpix-operator"
	autoscaler  = "HorizontalPodAutoscaler fastpix-receiver"
	ingress     = "Ingress fastpix-receiver"
	route       = "HTTPRoute fastpix-receiver"
	rule        = "PrometheusRule fastpix-operator"
	dashboard   = "ConfigMap fastpix-dashboard-operator"

	container = "{.spec.template.spec.containers[0]"
	pod       = "{.spec.template.spec"

	// nameLabel is the path of the label with the name of the application, externalURL the value from which hosts follow.
	nameLabel   = `{.metadata.labels.app\.kubernetes\.io/name}`
	externalURL = "receiver.externalURL=https://hooks.example.com:8443/path"
	// An alert, and the one of two alerts that fires first.
	oneAlert  = `{.spec.groups[1].rules[?(@.alert=="FastPixMalformedDeliveries")]`
	fastAlert = "{.spec.groups[1].rules[1]"

	nodes      = "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0]"
	neighbours = "affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey"
)

// effect is the effect of values: a field of an object has a value, or the object is not rendered.
type effect struct {
	set          string // the argument of helm --set
	object, path string
	want         string // empty if the object is not rendered
}

// effects contains the effects of the values that only one part has, or none.
var effects = map[string][]effect{
	"global.imageRegistry": {
		{"global.imageRegistry=mirror.example:5000", receiver, container + ".image}", "mirror.example:5000/fastpix-operator:dev"},
		{"global.imageRegistry=mirror.example/all/,image.repository=registry.example/video/fastpix", controllers, container + ".image}", "mirror.example/all/video/fastpix:dev"},
		{"global.imageRegistry=mirror.example,image.repository=localhost/fastpix", controllers, container + ".image}", "mirror.example/fastpix:dev"},
		{"global.imageRegistry=mirror.example,image.repository=[2001:db8::1]:5000/x", controllers, container + ".image}", "mirror.example/x:dev"},
		{"global.imageRegistry=mirror.example,image.repository=video/fastpix", controllers, container + ".image}", "mirror.example/video/fastpix:dev"},
	},
	"global.imagePullSecrets": {
		{"global.imagePullSecrets={all}", receiver, pod + ".imagePullSecrets[*].name}", "all"},
		{
			"global.imagePullSecrets[0].name=all,imagePullSecrets[0].name=registry,imagePullSecrets[1].name=all", controllers,
			pod + ".imagePullSecrets[*].name}", "all registry",
		},
	},
	"image.repository": {
		{"image.repository=registry.example/fastpix", receiver, container + ".image}", "registry.example/fastpix:dev"},
		{"image.repository=registry.example/fastpix", controllers, container + ".image}", "registry.example/fastpix:dev"},
		{"image.repository=Reg.example:5000/a/fast__pix-operator", controllers, container + ".image}", "Reg.example:5000/a/fast__pix-operator:dev"},
		{"image.repository=[2001:db8::1]:5000/x", controllers, container + ".image}", "[2001:db8::1]:5000/x:dev"},
	},
	"image.tag": {
		{"image.tag=v1.2.3", receiver, container + ".image}", "fastpix-operator:v1.2.3"},
		{"image.tag=v1.2.3", receiver, `{.metadata.labels.app\.kubernetes\.io/version}`, "v1.2.3"},
		{"image.tag=" + strings.Repeat("v", 60) + "__.-x", controllers, `{.metadata.labels.app\.kubernetes\.io/version}`, strings.Repeat("v", 60)},
	},
	"image.digest": {{
		"image.tag=v1,image.digest=sha256:" + strings.Repeat("0a", 32), controllers, container + ".image}", "fastpix-operator@sha256:" + strings.Repeat("0a", 32),
	}},
	"image.pullPolicy": {
		{"image.pullPolicy=Never", receiver, container + ".imagePullPolicy}", "Never"},
		{"image.pullPolicy=Never", controllers, container + ".imagePullPolicy}", "Never"},
	},
	"imagePullSecrets": {
		{"imagePullSecrets[0].name=registry", receiver, pod + ".imagePullSecrets[0].name}", "registry"},
		{"imagePullSecrets[0].name=registry", controllers, pod + ".imagePullSecrets[0].name}", "registry"},
	},
	"image.registry": {
		{"image.registry=mirror.example", receiver, container + ".image}", "mirror.example/fastpix-operator:dev"},
		{"image.registry=mirror.example,image.repository=registry.example/video/fastpix", syncerPods, container + ".image}", "mirror.example/video/fastpix:dev"},
		{"image.registry=mirror.example,global.imageRegistry=all.example", syncerPods, container + ".image}", "all.example/fastpix-operator:dev"},
	},
	"crds.annotations": {{"crds.annotations.a=b", "CustomResourceDefinition mediaassets.video.fastpix.com", `{.metadata.annotations.a} {.metadata.annotations.helm\.sh/resource-policy}`, "b keep"}},
	"commonLabels": {
		{"commonLabels.team=video", receiver, "{.metadata.labels.team} {.spec.template.metadata.labels.team} {.spec.selector.matchLabels.team}", "video video "},
		{"commonLabels.team=video", "CustomResourceDefinition mediaassets.video.fastpix.com", "{.metadata.labels.team}", "video"},
	},
	"nameOverride": {
		{"nameOverride=hooks", receiver, nameLabel + "{.spec.template" + nameLabel[1:] + ` {.spec.selector.matchLabels.app\.kubernetes\.io/name}`, "hookshooks hooks"},
		{"nameOverride=hooks", service, `{.spec.selector.app\.kubernetes\.io/name}`, "hooks"},
		{"nameOverride=hooks", "Service fastpix-syncer-metrics", `{.spec.selector.app\.kubernetes\.io/name}`, "hooks"},
		{"nameOverride=hooks", policy, `{.spec.podSelector.matchLabels.app\.kubernetes\.io/name}`, "hooks"},
		{"nameOverride=hooks", "PodDisruptionBudget fastpix-receiver", `{.spec.selector.matchLabels.app\.kubernetes\.io/name}`, "hooks"},
		{"nameOverride=hooks,serviceMonitor.enabled=true", monitor, `{.spec.selector.matchLabels.app\.kubernetes\.io/name}`, "hooks"},
	},
	"fullnameOverride": {
		{"fullnameOverride=hooks", "Deployment hooks-receiver", pod + ".serviceAccountName}", "fastpix-receiver"},
		{"fullnameOverride=hooks", "RoleBinding hooks-controller-manager", "{.roleRef.name} {.subjects[0].name}", "hooks-controller-manager fastpix-controller-manager"},
		{"fullnameOverride=hooks", "ClusterRoleBinding fastpix-syncer", "{.roleRef.name}", "fastpix-syncer"},
		{"fullnameOverride=hooks,dashboards.enabled=true", "ConfigMap hooks-dashboard-workspace", "{.kind}", "ConfigMap"},
		{"fullnameOverride=hooks,prometheusRule.enabled=true", "PrometheusRule hooks-operator", "{.kind}", "PrometheusRule"},
		{"fullnameOverride=hooks,receiver.autoscaling.enabled=true", "HorizontalPodAutoscaler hooks-receiver", "{.spec.scaleTargetRef.name}", "hooks-receiver"},
		{"fullnameOverride=hooks,ingress.enabled=true," + externalURL, "Ingress hooks-receiver", "{.spec.rules[0].http.paths[0].backend.service.name}", "hooks-receiver"},
	},
	"crds.enabled": {{"crds.enabled=false", "CustomResourceDefinition mediaassets.video.fastpix.com", "", ""}},

	"receiver.replicas": {
		{"receiver.replicas=0", receiver, "{.spec.replicas}", "0"},
		{"receiver.replicas=null", receiver, "{.spec.replicas}{.kind}", "Deployment"},
	},
	"receiver.externalURL": {{"receiver.externalURL=https://h.example/x", receiver, container + ".args[3]}", "--external-url=https://h.example/x"}},
	"receiver.tls.secretName": {
		{"receiver.tls.secretName=crt", receiver, container + ".args[3]}", "--receiver-tls-cert-dir=/run/fastpix/tls"},
		{"receiver.tls.secretName=crt", receiver, container + ".volumeMounts[0].mountPath}", "/run/fastpix/tls"},
		{"receiver.tls.secretName=crt", receiver, pod + ".volumes[0].secret.secretName}", "crt"},
		{"receiver.tls.secretName=crt", service, "{.spec.ports[0].port} {.spec.ports[0].name} {.spec.ports[0].appProtocol}", "443 https https"},
	},
	"receiver.service.type":                {{"receiver.service.type=LoadBalancer", service, "{.spec.type}", "LoadBalancer"}},
	"receiver.service.annotations":         {{"receiver.service.annotations.a=b", service, "{.metadata.annotations.a}", "b"}},
	"receiver.maxPendingEvents":            {{"receiver.maxPendingEvents=12000000", receiver, container + ".args[3]}", "--max-pending-events=12000000"}},
	"receiver.maxPendingEventsPerEndpoint": {{"receiver.maxPendingEventsPerEndpoint=1", receiver, container + ".args[3]}", "--max-pending-events-per-endpoint=1"}},
	"receiver.drainDelaySeconds": {
		{"receiver.drainDelaySeconds=60", receiver, container + ".args[2]} " + pod + ".terminationGracePeriodSeconds}", "--drain-delay=60s 100"},
		{"receiver.drainDelaySeconds=0", receiver, container + ".args[2]} " + pod + ".terminationGracePeriodSeconds}", "--drain-delay=0s 40"},
	},
	"receiver.autoscaling.enabled": {
		{"receiver.autoscaling.enabled=true", autoscaler, "{.spec.scaleTargetRef.kind} {.spec.scaleTargetRef.name}", receiver},
		{"receiver.autoscaling.enabled=true", receiver, "{.spec.replicas}{.kind}", "Deployment"},
	},
	"receiver.autoscaling.minReplicas": {{"receiver.autoscaling.enabled=true,receiver.autoscaling.minReplicas=3", autoscaler, "{.spec.minReplicas}", "3"}},
	"receiver.autoscaling.maxReplicas": {{"receiver.autoscaling.enabled=true,receiver.autoscaling.maxReplicas=9", autoscaler, "{.spec.maxReplicas}", "9"}},
	"receiver.autoscaling.targetCPUUtilizationPercentage": {{
		"receiver.autoscaling.enabled=true,receiver.autoscaling.targetCPUUtilizationPercentage=50", autoscaler,
		"{.spec.metrics[*].resource.name} {.spec.metrics[0].resource.target}", `cpu {"averageUtilization":50,"type":"Utilization"}`,
	}},
	"receiver.autoscaling.targetMemoryUtilizationPercentage": {{
		"receiver.autoscaling.enabled=true,receiver.autoscaling.targetMemoryUtilizationPercentage=80", autoscaler,
		"{.spec.metrics[*].resource.name} {.spec.metrics[1].resource.target.averageUtilization}", "cpu memory 80",
	}},
	"receiver.autoscaling.metrics": {{
		"receiver.autoscaling.enabled=true,receiver.autoscaling.targetCPUUtilizationPercentage=null,receiver.autoscaling.metrics[0].type=Pods", autoscaler,
		"{.spec.metrics[*].type}", "Pods",
	}},
	"receiver.autoscaling.behavior": {{
		"receiver.autoscaling.enabled=true,receiver.autoscaling.behavior.scaleDown.stabilizationWindowSeconds=600", autoscaler,
		"{.spec.behavior.scaleDown.stabilizationWindowSeconds}", "600",
	}},
	"receiver.service.ipFamilyPolicy":           {{"receiver.service.ipFamilyPolicy=PreferDualStack", service, "{.spec.ipFamilyPolicy}", "PreferDualStack"}},
	"receiver.service.ipFamilies":               {{"receiver.service.ipFamilies={IPv6,IPv4}", service, "{.spec.ipFamilies[*]}", "IPv6 IPv4"}},
	"receiver.service.nodePort":                 {{"receiver.service.nodePort=30080", service, "{.spec.ports[0].nodePort}", "30080"}},
	"receiver.service.loadBalancerClass":        {{"receiver.service.loadBalancerClass=a/b", service, "{.spec.loadBalancerClass}", "a/b"}},
	"receiver.service.loadBalancerSourceRanges": {{"receiver.service.loadBalancerSourceRanges={192.0.2.0/24}", service, "{.spec.loadBalancerSourceRanges[*]}", "192.0.2.0/24"}},
	"receiver.service.externalTrafficPolicy":    {{"receiver.service.externalTrafficPolicy=Local", service, "{.spec.externalTrafficPolicy}", "Local"}},
	"receiver.terminationGracePeriodSeconds": {
		{"receiver.terminationGracePeriodSeconds=90", receiver, pod + ".terminationGracePeriodSeconds}", "90"},
		{"receiver.terminationGracePeriodSeconds=90", receiver, container + ".args[2]}", "--drain-delay=5s"},
	},

	"controllers.replicas": {
		{"controllers.replicas=1", controllers, "{.spec.replicas}", "1"},
		{"controllers.replicas=null", controllers, "{.spec.replicas}{.kind}", "Deployment"},
	},
	"controllers.foldConcurrency":               {{"controllers.foldConcurrency=32", controllers, container + ".args[3]}", "--fold-concurrency=32"}},
	"controllers.terminationGracePeriodSeconds": {{"controllers.terminationGracePeriodSeconds=90", controllers, pod + ".terminationGracePeriodSeconds}", "90"}},

	"syncer.enabled": {
		{"syncer.enabled=false", syncerPods, "", ""},
		{"syncer.enabled=false", "ServiceAccount fastpix-syncer", "", ""},
		{"syncer.enabled=false", "ClusterRole fastpix-syncer", "", ""},
		{"syncer.enabled=false", "ClusterRoleBinding fastpix-syncer", "", ""},
		{"syncer.enabled=false", "Role fastpix-syncer", "", ""},
		{"syncer.enabled=false", "RoleBinding fastpix-syncer", "", ""},
		{"syncer.enabled=false", "Service fastpix-syncer-metrics", "", ""},
		{"syncer.enabled=false", "NetworkPolicy fastpix-syncer", "", ""},
	},
	"syncer.replicas": {
		{"syncer.replicas=2", syncerPods, "{.spec.replicas}", "2"},
		{"syncer.replicas=null", syncerPods, "{.spec.replicas}{.kind}", "Deployment"},
	},
	"syncer.terminationGracePeriodSeconds": {{"syncer.terminationGracePeriodSeconds=90", syncerPods, pod + ".terminationGracePeriodSeconds}", "90"}},

	"ingress.enabled": {
		{"ingress.enabled=true," + externalURL, ingress, "{.spec.rules[*].host} {.spec.rules[0].http.paths[0]}", "hooks.example.com " +
			`{"backend":{"service":{"name":"fastpix-receiver","port":{"number":80}}},"path":"/webhooks","pathType":"Prefix"}`},
		{"ingress.enabled=true,receiver.tls.secretName=crt," + externalURL, ingress, "{.spec.rules[0].http.paths[0].backend.service.port.number}", "443"},
	},
	"ingress.className":   {{"ingress.enabled=true,ingress.className=nginx," + externalURL, ingress, "{.spec.ingressClassName}", "nginx"}},
	"ingress.annotations": {{"ingress.enabled=true,ingress.annotations.a=b," + externalURL, ingress, "{.metadata.annotations.a}", "b"}},
	"ingress.hosts":       {{"ingress.enabled=true,receiver.externalURL=https://Hooks.Example.com", ingress, "{.spec.rules[*].host}", "hooks.example.com"}, {"ingress.enabled=true,ingress.hosts={a.example,b.example}", ingress, "{.spec.rules[*].host} {.spec.tls[0].hosts}", `a.example b.example ["a.example","b.example"]`}},
	"ingress.tls.enabled": {
		{"ingress.enabled=true," + externalURL, ingress, "{.spec.tls}", `[{"hosts":["hooks.example.com"]}]`},
		{"ingress.enabled=true,ingress.tls.enabled=false," + externalURL, ingress, "{.spec.tls}{.kind}", "Ingress"},
	},
	"ingress.tls.secretName": {{"ingress.enabled=true,ingress.tls.secretName=crt," + externalURL, ingress, "{.spec.tls[0].secretName}", "crt"}},

	"httpRoute.enabled": {{
		"httpRoute.enabled=true,httpRoute.parentRefs[0].name=public," + externalURL, route,
		"{.spec.hostnames[*]} {.spec.rules[0].matches[0].path.value} {.spec.rules[0].backendRefs[0]}", `hooks.example.com /webhooks {"name":"fastpix-receiver","port":80}`,
	}},
	"httpRoute.annotations": {{"httpRoute.enabled=true,httpRoute.parentRefs[0].name=public,httpRoute.annotations.a=b," + externalURL, route, "{.metadata.annotations.a}", "b"}},
	"httpRoute.parentRefs":  {{"httpRoute.enabled=true,httpRoute.parentRefs[0].name=public," + externalURL, route, "{.spec.parentRefs[*].name}", "public"}},
	"httpRoute.hostnames":   {{"httpRoute.enabled=true,httpRoute.parentRefs[0].name=public,httpRoute.hostnames={a.example}", route, "{.spec.hostnames[*]}", "a.example"}},

	"metrics.readers": {{
		"metrics.readers[0].namespace=monitoring,metrics.readers[0].name=prometheus", "ClusterRoleBinding fastpix-metrics-reader",
		"{.roleRef.name} {.subjects[0].namespace}/{.subjects[0].name}", "fastpix-metrics-reader monitoring/prometheus",
	}},
	"extraObjects": {
		{"extraObjects[0].apiVersion=v1,extraObjects[0].kind=ConfigMap,extraObjects[0].metadata.name=a", "ConfigMap a", "{.apiVersion}", "v1"},
		{"extraObjects[0]=kind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}'}", "ConfigMap release", "{.kind}", "ConfigMap"},
	},

	"quota.enabled": {{"quota.enabled=true", "ResourceQuota fastpix-journal", `{.spec.hard.count/eventbatches\.video\.fastpix\.com}`, "20k"}},
	"quota.eventBatches": {
		{"quota.enabled=true,quota.eventBatches=3000000", "ResourceQuota fastpix-journal", `{.spec.hard.count/eventbatches\.video\.fastpix\.com}`, "3000000"},
		{"quota.enabled=true,quota.eventBatches=50k", "ResourceQuota fastpix-journal", `{.spec.hard.count/eventbatches\.video\.fastpix\.com}`, "50k"},
	},
	"networkPolicy.enabled": {
		{"networkPolicy.enabled=false", policy, "", ""},
		{"networkPolicy.enabled=false", "NetworkPolicy default-deny", "", ""},
		{"networkPolicy.enabled=false", "NetworkPolicy fastpix-controller-manager", "", ""},
	},
	"networkPolicy.apiServer.ports":  {{"networkPolicy.apiServer.ports={8443}", policy, "{.spec.egress[0].ports[*].port}", "8443"}},
	"networkPolicy.apiServer.cidrs":  {{"networkPolicy.apiServer.cidrs={192.0.2.1/32,2001:db8::/64}", policy, "{.spec.egress[0].to[*].ipBlock.cidr}", "192.0.2.1/32 2001:db8::/64"}},
	"networkPolicy.fastpixAPI.ports": {{"networkPolicy.fastpixAPI.ports={3128}", "NetworkPolicy fastpix-syncer", "{.spec.egress[0].ports[*].port}", "3128"}},
	"networkPolicy.fastpixAPI.cidrs": {{"networkPolicy.fastpixAPI.cidrs={192.0.2.1/32}", "NetworkPolicy fastpix-syncer", "{.spec.egress[0].to[*].ipBlock.cidr}", "192.0.2.1/32"}},
	"networkPolicy.receiverFrom": {{
		"networkPolicy.receiverFrom[0].namespaceSelector.matchLabels.a=b", policy, "{.spec.ingress[0].from[0].namespaceSelector.matchLabels.a}", "b",
	}},
	"networkPolicy.metricsFrom": {{
		"networkPolicy.metricsFrom[0].ipBlock.cidr=192.0.2.0/24", policy, "{.spec.ingress[2].from[*].ipBlock.cidr}", "192.0.2.0/24",
	}},
	"serviceMonitor.enabled": {{"serviceMonitor.enabled=true", monitor, "{.spec.endpoints[0].port}", "metrics"}},
	"serviceMonitor.labels": {
		{"serviceMonitor.enabled=true,serviceMonitor.labels.release=prometheus", monitor, "{.metadata.labels.release}", "prometheus"},
		{"serviceMonitor.enabled=true,serviceMonitor.labels.release=prometheus", monitor, `{.metadata.labels.app\.kubernetes\.io/name}`, "fastpix-operator"},
		{`serviceMonitor.enabled=true,serviceMonitor.labels.app\.kubernetes\.io/name=mine`, monitor, `{.metadata.labels.app\.kubernetes\.io/name}`, "mine"},
	},
	"serviceMonitor.tokenSecretName": {{
		"serviceMonitor.enabled=true,serviceMonitor.tokenSecretName=scraper", monitor,
		"{.spec.endpoints[0].authorization}{.spec.endpoints[0].bearerTokenFile}", `{"credentials":{"key":"token","name":"scraper"}}`,
	}},
	"networkPolicy.dnsPorts":       {{"networkPolicy.dnsPorts={5353}", policy, "{.spec.egress[1].ports[*].port}", "5353 5353"}},
	"networkPolicy.acmeSolver":     {{"networkPolicy.acmeSolver=true", "NetworkPolicy acme-http01-solver", "{.spec.ingress[0].ports[0].port}", "8089"}},
	"serviceMonitor.scrapeTimeout": {{"serviceMonitor.enabled=true,serviceMonitor.scrapeTimeout=9s", monitor, "{.spec.endpoints[0].scrapeTimeout}", "9s"}},
	"serviceMonitor.relabelings": {{
		"serviceMonitor.enabled=true,serviceMonitor.relabelings[0].targetLabel=a", monitor, "{.spec.endpoints[0].relabelings[0].targetLabel}", "a",
	}},
	"serviceMonitor.metricRelabelings": {{
		"serviceMonitor.enabled=true,serviceMonitor.metricRelabelings[0].targetLabel=a", monitor, "{.spec.endpoints[0].metricRelabelings[0].targetLabel}", "a",
	}},
	"serviceMonitor.interval": {{"serviceMonitor.enabled=true,serviceMonitor.interval=30s", monitor, "{.spec.endpoints[0].interval}", "30s"}},

	"prometheusRule.enabled": {{"prometheusRule.enabled=true", rule, "{.spec.groups[0].name}", "fastpix-service-levels"}},
	"prometheusRule.labels": {
		{"prometheusRule.enabled=true,prometheusRule.labels.release=prometheus", rule, "{.metadata.labels.release}", "prometheus"},
	},
	"prometheusRule.alertLabels": {
		{"prometheusRule.enabled=true,prometheusRule.alertLabels.team=video", rule, oneAlert + ".labels}", `{"severity":"warning","team":"video"}`},
		{"prometheusRule.enabled=true,prometheusRule.alertLabels.team=video", rule, fastAlert + ".labels}", `{"burn":"fast","severity":"critical","team":"video"}`},
	},
	"prometheusRule.runbookBaseURL": {{
		"prometheusRule.enabled=true,prometheusRule.runbookBaseURL=https://wiki.example/", rule, oneAlert + ".annotations.runbook_url}",
		"https://wiki.example/FastPixMalformedDeliveries.md",
	}},
	"prometheusRule.objectives.acknowledged": {{
		"prometheusRule.enabled=true,prometheusRule.objectives.acknowledged=0.9", rule, fastAlert + ".expr}",
		"(1 - fastpix:deliveries_acknowledged:ratio_rate1h > 14.4 * (1 - 0.9))\nand (1 - fastpix:deliveries_acknowledged:ratio_rate5m > 14.4 * (1 - 0.9))\n" +
			"and fastpix:deliveries_refused:rate1h * 3600 > 5",
	}},
	"prometheusRule.objectives.mirroredInTime": {{
		"prometheusRule.enabled=true,prometheusRule.objectives.mirroredInTime=0.9", rule, `{.spec.groups[2].rules[6].expr}`,
		"(1 - fastpix:events_mirrored_in_time:ratio_rate1h > 14.4 * (1 - 0.9))\nand (1 - fastpix:events_mirrored_in_time:ratio_rate5m > 14.4 * (1 - 0.9))\n" +
			"and sum by (cluster, namespace) (increase(fastpix_event_lag_seconds_count[1h]))\n" +
			`- sum by (cluster, namespace) (increase(fastpix_event_lag_seconds_bucket{le="51.2"}[1h])) > 5`,
	}},
	"prometheusRule.alerts": {
		{
			"prometheusRule.enabled=true,prometheusRule.alerts.FastPixMalformedDeliveries.threshold=7", rule, oneAlert + ".expr}",
			`sum by (cluster, namespace) (increase(fastpix_deliveries_total{result="malformed"}[1h])) > 7`,
		},
		{
			"prometheusRule.enabled=true,prometheusRule.alerts.FastPixMalformedDeliveries.window=2d", rule, oneAlert + ".expr}",
			`sum by (cluster, namespace) (increase(fastpix_deliveries_total{result="malformed"}[2d])) > 0`,
		},
		{
			"prometheusRule.enabled=true,prometheusRule.alerts.FastPixMalformedDeliveries.for=2m,prometheusRule.alerts.FastPixMalformedDeliveries.severity=info",
			rule, oneAlert + ".for} " + oneAlert + ".labels.severity}", "2m info",
		},
		{
			"prometheusRule.enabled=true,prometheusRule.alerts.FastPixAcknowledgementBudgetBurnFast.enabled=false", rule,
			`{.spec.groups[1].rules[?(@.alert=="FastPixAcknowledgementBudgetBurn")].labels.burn}`, "slow",
		},
		{"prometheusRule.enabled=true,syncer.enabled=false", rule, "{.spec.groups[*].name}", "fastpix-service-levels fastpix-receiver fastpix-controllers"},
	},
	"dashboards.enabled": {
		{"dashboards.enabled=true", dashboard, "{.metadata.labels.grafana_dashboard}", "1"},
		{"dashboards.enabled=true", "ConfigMap fastpix-dashboard-workspace", "{.metadata.namespace}", namespace},
		{"dashboards.enabled=false", dashboard, "", ""},
	},
	"dashboards.label": {
		{"dashboards.enabled=true,dashboards.label=example\\.com/x", dashboard, `{.metadata.labels.example\.com/x}`, "1"},
		{`dashboards.enabled=true,dashboards.label=x`, dashboard, `{.metadata.labels.app\.kubernetes\.io/name}`, "fastpix-operator"},
	},
	"dashboards.labelValue":  {{"dashboards.enabled=true,dashboards.labelValue=yes", dashboard, "{.metadata.labels.grafana_dashboard}", "yes"}},
	"dashboards.annotations": {{"dashboards.enabled=true,dashboards.annotations.grafana_folder=FastPix", dashboard, "{.metadata.annotations.grafana_folder}", "FastPix"}},
	"dashboards.namespace":   {{"dashboards.enabled=true,dashboards.namespace=monitoring", dashboard, "{.metadata.namespace}", "monitoring"}},
}

// partEffects returns the effects of the values that every part has. Its Deployment is named, and the number of arguments that the chart sets.
func partEffects(part, deployment, account string, args int) map[string][]effect {
	const spread = "topologySpreadConstraints[0].maxSkew=1,topologySpreadConstraints[0].whenUnsatisfiable=DoNotSchedule"
	volumes := pod + ".volumes[*].name} " + container + ".volumeMounts[*].mountPath}"
	all := map[string][]effect{
		"image": {
			{"image.registry=mirror.example,image.repository=own/x,image.tag=v2,image.pullPolicy=Always", deployment, container + ".image} " + container + ".imagePullPolicy}", "mirror.example/own/x:v2 Always"},
			{"image.tag=v2", deployment, `{.spec.template.metadata.labels.app\.kubernetes\.io/version} {.metadata.labels.app\.kubernetes\.io/version}`, "v2 dev"},
			{"image.digest=sha256:" + strings.Repeat("0a", 32), deployment, container + ".image}", "fastpix-operator@sha256:" + strings.Repeat("0a", 32)},
		},
		"imagePullSecrets":           {{"imagePullSecrets[0].name=own", deployment, pod + ".imagePullSecrets[*].name}", "own"}},
		"serviceAccount.create":      {{"serviceAccount.create=false", "ServiceAccount " + account, "", ""}},
		"serviceAccount.name":        {{"serviceAccount.name=own", deployment, pod + ".serviceAccountName} " + container + ".env[1].name}", "own POD_SERVICE_ACCOUNT"}, {"serviceAccount.name=own", "ServiceAccount own", "{.kind}", "ServiceAccount"}, {"serviceAccount.name=own", "ClusterRoleBinding " + account, "{.subjects[0].name}", "own"}, {"serviceAccount.name=own", "RoleBinding " + account, "{.subjects[0].name}", "own"}},
		"serviceAccount.annotations": {{"serviceAccount.annotations.a=b", "ServiceAccount " + account, "{.metadata.annotations.a}", "b"}},
		"extraArgs":                  {{"extraArgs[0]=--zap-devel=true,extraArgs[1]=--zap-log-level=debug", deployment, fmt.Sprintf("%s.args[%d:%d]}", container, args, args+2), "--zap-devel=true --zap-log-level=debug"}},
		"extraEnv": {{
			"extraEnv[0].name=HTTPS_PROXY,extraEnv[0].value=http://proxy.example:3128", deployment, container + ".env[2]}", `{"name":"HTTPS_PROXY","value":"http://proxy.example:3128"}`,
		}},
		"extraVolumes":      {{"extraVolumes[0].name=ca,extraVolumes[0].secret.secretName=ca", deployment, volumes, "ca "}},
		"extraVolumeMounts": {{"extraVolumeMounts[0].name=ca,extraVolumeMounts[0].mountPath=/ca", deployment, volumes, " /ca"}},
		"resources": {
			{"resources.requests.cpu=2", deployment, container + ".resources.requests.cpu}", "2"},
			{"resources=null", deployment, container + ".env[*].name}", "POD_NAMESPACE"},
		},
		"podLabels": {{"podLabels.a=b", deployment, "{.spec.template.metadata.labels.a} {.metadata.labels.a}{.spec.selector.matchLabels.a}", "b "}},
		"podAnnotations": {
			{"podAnnotations.a=b", deployment, "{.spec.template.metadata.annotations}", `{"a":"b","kubectl.kubernetes.io/default-container":"` + part + `"}`},
			{`podAnnotations.kubectl\.kubernetes\.io/default-container=mesh`, deployment, "{.spec.template.metadata.annotations}", `{"kubectl.kubernetes.io/default-container":"mesh"}`},
		},
		"podSecurityContext": {{"podSecurityContext.runAsUser=1000", deployment, pod + ".securityContext}", `{"runAsNonRoot":true,"runAsUser":1000,"seccompProfile":{"type":"RuntimeDefault"}}`}},
		"securityContext": {{
			"securityContext.runAsUser=1000", deployment, container + ".securityContext}",
			`{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]},"readOnlyRootFilesystem":true,"runAsUser":1000}`,
		}},
		"nodeSelector":      {{"nodeSelector.disk=fast", deployment, pod + ".nodeSelector.disk}", "fast"}},
		"tolerations":       {{"tolerations[0].key=edge", deployment, pod + ".tolerations[0].key}", "edge"}},
		"affinity":          {{nodes + ".key=disk," + nodes + ".operator=Exists," + neighbours + "=zone", deployment, pod + "." + nodes + ".key} " + pod + "." + neighbours + "}", "disk zone"}},
		"priorityClassName": {{"priorityClassName=high", deployment, pod + ".priorityClassName}", "high"}},
		"topologySpreadConstraints": {
			{"topologySpreadConstraints[0].topologyKey=rack," + spread, deployment, pod + ".topologySpreadConstraints[0].topologyKey} " + pod + ".topologySpreadConstraints[0].labelSelector.matchLabels}", `rack {"app.kubernetes.io/component":"` + part + `","app.kubernetes.io/name":"fastpix-operator"}`},
			{"topologySpreadConstraints[0].topologyKey=rack,topologySpreadConstraints[0].labelSelector.matchLabels.a=b," + spread, deployment, pod + ".topologySpreadConstraints[0].labelSelector.matchLabels}", `{"a":"b"}`},
			{"topologySpreadConstraints=null", deployment, pod + ".topologySpreadConstraints}{.kind}", "Deployment"},
		},
	}
	named := map[string][]effect{}
	for value, cases := range all {
		for i := range cases {
			cases[i].set = part + "." + strings.ReplaceAll(cases[i].set, ",", ","+part+".")
		}
		named[part+"."+value] = cases
	}
	return named
}

// allEffects returns the effects of every value of the schema.
func allEffects() map[string][]effect {
	all := maps.Clone(effects)
	maps.Copy(all, partEffects("receiver", receiver, "fastpix-receiver", 3))
	maps.Copy(all, partEffects("controllers", controllers, "fastpix-controller-manager", 3))
	maps.Copy(all, partEffects("syncer", syncerPods, "fastpix-syncer", 4))
	// GOMEMLIMIT is another share of the limit for the receiver.
	all["receiver.resources"] = append(all["receiver.resources"],
		effect{"receiver.resources.limits.memory=1Gi", receiver, container + ".resources.limits.memory} " + container + ".env[1].value}", "1Gi 563MiB"},
		effect{"receiver.resources.limits.memory=64Mi,receiver.resources.requests.memory=64Mi", receiver, container + ".env[1].value}", "35MiB"},
		effect{"receiver.resources.limits=null", receiver, container + ".resources} " + container + ".env[*].name}", `{"requests":{"cpu":"100m","memory":"128Mi"}} POD_NAMESPACE`},
	)
	for part, deployment := range map[string]string{"controllers": controllers, "syncer": syncerPods} {
		all[part+".resources"] = append(all[part+".resources"],
			effect{part + ".resources.limits.memory=200Mi", deployment, container + ".resources.limits.memory} " + container + ".env[1].value}", "200Mi 180MiB"})
	}
	return all
}

// TestEveryValueHasItsEffect checks the effects of every value of the schema. Each value must have at least one.
func TestEveryValueHasItsEffect(t *testing.T) {
	t.Parallel()
	effects := allEffects()
	for _, value := range schemaValues(t) {
		if effects[value] == nil {
			t.Errorf("no case tests %s", value)
		}
	}
	for value, cases := range effects {
		t.Run(value, func(t *testing.T) {
			t.Parallel()
			for _, c := range cases {
				object := rendered(t, namespace, "--set="+c.set)[c.object]
				if object == nil {
					if c.want != "" {
						t.Errorf("%s: the chart renders no %s", c.set, c.object)
					}
					continue
				}
				if got := field(t, object.Object, c.path); got != c.want || c.want == "" {
					t.Errorf("%s: %s of %s is %q, want %q", c.set, c.path, c.object, got, c.want)
				}
			}
		})
	}
}

// TestValuesStateTheDefaultsOfFlags checks that the defaults in the comments of values.yaml are the defaults of the flags.
func TestValuesStateTheDefaultsOfFlags(t *testing.T) {
	t.Parallel()
	source := read(t, chart+"/values.yaml")
	flags := flag.NewFlagSet(t.Name(), flag.ContinueOnError)
	new(webhookserver.Options).BindFlags(flags)
	new(operatorcontrollers.Options).BindFlags(flags)
	for name, sentence := range map[string]string{
		"max-pending-events":              `null: ([\d,]+)\.\n  maxPendingEvents:`,
		"max-pending-events-per-endpoint": `null: ([\d,]+)\.\n  maxPendingEventsPerEndpoint:`,
		"fold-concurrency":                `null: ([\d,]+)\.\n  foldConcurrency:`,
	} {
		documented := regexp.MustCompile(sentence).FindStringSubmatch(source)
		if documented == nil {
			t.Errorf("values.yaml does not state the default of --%s", name)
		} else if got, want := strings.ReplaceAll(documented[1], ",", ""), flags.Lookup(name).DefValue; got != want {
			t.Errorf("values.yaml states the default %[2]s of --%[1]s, want %[3]s", name, got, want)
		}
	}
}

// TestLargeNumbersAreNotRounded checks that large numbers of a values file are not rendered as 1.2e+07, which is the default of a template.
func TestLargeNumbersAreNotRounded(t *testing.T) {
	const values = `{"receiver": {"maxPendingEvents": 12000000, "maxPendingEventsPerEndpoint": 11000000}, "quota": {"enabled": true, "eventBatches": 10000000}}`
	file := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(file, []byte(values), 0o600); err != nil {
		t.Fatal(err)
	}
	all := rendered(t, namespace, "--values="+file)
	if got := field(t, all[receiver].Object, container+".args[3:]}"); got != "--max-pending-events=12000000 --max-pending-events-per-endpoint=11000000" {
		t.Errorf("the receiver's arguments are %s", got)
	}
	if got := field(t, all["ResourceQuota fastpix-journal"].Object, "{.spec.hard.*}"); got != "10000000" {
		t.Errorf("the quota is %s", got)
	}
}

// field returns what kubectl -o jsonpath would print. It returns "" if the field does not exist.
func field(t *testing.T, object map[string]any, path string) string {
	t.Helper()
	p := jsonpath.New(path).AllowMissingKeys(true)
	if err := p.Parse(path); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := p.Execute(&b, object); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// schema contains the parts of values.schema.json that the test uses.
type schema struct {
	Properties           map[string]schema `json:"properties"`
	AdditionalProperties any               `json:"additionalProperties"`
}

// schemaValues returns the paths of all values of the schema. It also checks that no object but global allows unknown keys.
func schemaValues(t *testing.T) []string {
	t.Helper()
	var root schema
	if err := json.Unmarshal([]byte(read(t, chart+"/values.schema.json")), &root); err != nil {
		t.Fatal(err)
	}
	var walk func(prefix string, s schema) []string
	walk = func(prefix string, s schema) []string {
		if s.AdditionalProperties != false && prefix != "global" { // other charts use global, too
			t.Errorf("the schema allows unknown keys in %q", prefix)
		}
		var all []string
		for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
			path, property := strings.TrimPrefix(prefix+"."+name, "."), s.Properties[name]
			if property.Properties != nil {
				all = append(all, walk(path, property)...)
			} else {
				all = append(all, path)
			}
		}
		return all
	}
	return walk("", root)
}

// TestInvalidValuesAreRefused checks that the schema refuses values that would have no effect or would break the operator later.
func TestInvalidValuesAreRefused(t *testing.T) {
	t.Parallel()
	for set, want := range map[string]string{
		"replicas=3":                                                "replicas",
		"receiver.replica=3":                                        "replica",
		"receiver.tls.secret=x":                                     "secret",
		"controllers.externalURL=https://x":                         "externalURL",
		"image.name=x":                                              "name",
		"image.repository=reg.example/x:v1":                         "repository",
		"image.repository=reg.example:5000/x:v1":                    "repository",
		"image.repository=reg.example:5000":                         "repository",
		"image.repository=https://reg.example/x":                    "repository",
		"image.repository=reg.example/X":                            "repository",
		"imagePullSecrets={registry}":                               "imagePullSecrets",
		"global.imagePullSecrets={A_b}":                             "imagePullSecrets",
		"global.imageRegistry=https://mirror.example":               "imageRegistry",
		"receiver.replicas=-1":                                      "replicas",
		"receiver.replicas=many":                                    "replicas",
		"receiver.externalURL=hooks.example.com":                    "externalURL",
		"receiver.externalURL=https://u:p@h.example":                "externalURL",
		"receiver.externalURL=https://h.example/?a=b":               "externalURL",
		"receiver.externalURL=https://h.example/\na":                "externalURL",
		"receiver.maxPendingEvents=0":                               "maxPendingEvents",
		"receiver.maxPendingEventsPerEndpoint=1k":                   "maxPendingEventsPerEndpoint",
		"receiver.drainDelaySeconds=-1":                             "drainDelaySeconds",
		"receiver.drainDelaySeconds=601":                            "drainDelaySeconds",
		"receiver.drainDelaySeconds=5s":                             "drainDelaySeconds",
		"receiver.extraArgs=--zap-devel":                            "extraArgs",
		"receiver.extraArgs={zap-devel}":                            "extraArgs",
		"receiver.resources.limits.memory=512M":                     "memory",
		"receiver.resources.limits.memory=1Mi":                      "memory",
		"controllers.resources.limits.memory=63Mi":                  "memory",
		"receiver.resources.limit.memory=512Mi":                     "limit",
		"receiver.resources.requests.cpu=half":                      "cpu",
		"receiver.service.type=ExternalName":                        "type",
		"receiver.podAnnotations.a.b=c":                             "podAnnotations",
		"receiver.affinity.nodes.a=b":                               "nodes",
		"receiver.tls.secretName=A_b":                               "secretName",
		"controllers.foldConcurrency=2000":                          "foldConcurrency",
		"image.digest=sha256:12":                                    "digest",
		"image.tag=a b":                                             "tag",
		"image.pullPolicy=Sometimes":                                "pullPolicy",
		"quota.eventBatches=lots":                                   "eventBatches",
		"networkPolicy.apiServer.ports={}":                          "ports",
		"networkPolicy.apiServer.ports={https}":                     "ports",
		"networkPolicy.apiServer.cidrs={192.0.2.1}":                 "cidrs",
		"networkPolicy.metricsFrom[0].pods.a=b":                     "metricsFrom",
		"serviceMonitor.interval=often":                             "interval",
		"serviceMonitor.tokenSecretName=A_b":                        "tokenSecretName",
		"syncer.env[0].name=A":                                      "env",
		"syncer.extraEnv[0].name=GOMEMLIMIT":                        "extraEnv",
		"receiver.extraEnv[0].name=POD_NAMESPACE":                   "extraEnv",
		"receiver.extraEnv[0].val=x":                                "val",
		"receiver.extraVolumes[0].name=x":                           "extraVolumes",
		"receiver.extraVolumeMounts[0].name=x":                      "mountPath",
		"receiver.image.tags=v1":                                    "tags",
		"receiver.imagePullSecrets={registry}":                      "imagePullSecrets",
		"receiver.podLabels.app\\.kubernetes\\.io/name=x":           "podLabels",
		"commonLabels.app\\.kubernetes\\.io/component=x":            "commonLabels",
		"commonLabels.a=b c":                                        "commonLabels",
		"receiver.podSecurityContext.runAsRoot=true":                "runAsRoot",
		"receiver.securityContext.fsGroup=1":                        "fsGroup",
		"receiver.serviceAccount.named=x":                           "named",
		"receiver.serviceAccount.name=A_b":                          "name",
		"receiver.service.ipFamilies={IPv5}":                        "ipFamilies",
		"receiver.service.ipFamilyPolicy=DualStack":                 "ipFamilyPolicy",
		"receiver.service.externalTrafficPolicy=None":               "externalTrafficPolicy",
		"receiver.service.loadBalancerSourceRanges={192.0.2.1}":     "loadBalancerSourceRanges",
		"receiver.service.nodePort=70000":                           "nodePort",
		"receiver.autoscaling.maxReplica=3":                         "maxReplica",
		"receiver.tolerations[0].effects=x":                         "effects",
		"receiver.topologySpreadConstraints[0].topologyKey=x":       "maxSkew",
		"controllers.terminationGracePeriodSeconds=44":              "terminationGracePeriodSeconds",
		"controllers.autoscaling.enabled=true":                      "autoscaling",
		"ingress.host=a.example":                                    "host",
		"ingress.hosts={https://a.example}":                         "hosts",
		"ingress.tls.secret=x":                                      "secret",
		"httpRoute.parentRefs={public}":                             "parentRefs",
		"httpRoute.hostname=a.example":                              "hostname",
		"metrics.readers[0].name=x":                                 "namespace",
		"fullnameOverride=4a":                                       "fullnameOverride",
		"fullnameOverride=" + strings.Repeat("a", 37):               "fullnameOverride", // a Service has at most 63 characters
		"dashboards.labelValue=" + strings.Repeat("a", 64):          "labelValue",
		"nameOverride=a b":                                          "nameOverride",
		"networkPolicy.dnsPorts={}":                                 "dnsPorts",
		"networkPolicy.acmeSolvers=true":                            "acmeSolvers",
		"serviceMonitor.scrapeTimeout=soon":                         "scrapeTimeout",
		"extraObjects[0]=1":                                         "extraObjects",
		"image.registry=https://mirror.example":                     "registry",
		"syncer.externalURL=https://x":                              "externalURL",
		"networkPolicy.fastpixAPI.ports={}":                         "ports",
		"crds.keep=false":                                           "keep",
		"prometheusRule.runbookBaseURL=wiki":                        "runbookBaseURL",
		"prometheusRule.runbookBaseURL=https://h.example/\na:b":     "runbookBaseURL",
		"prometheusRule.objectives.acknowledged=99.9":               "acknowledged",
		"prometheusRule.objectives.mirroredInTime=1":                "mirroredInTime",
		"prometheusRule.alertLabels.severity=x":                     "severity",
		"prometheusRule.alerts.FastPixNoEvents.for=1m":              "FastPixNoEvents",
		"prometheusRule.alerts.FastPixNoDeliveries.windows=1m":      "windows",
		"prometheusRule.alerts.FastPixNoDeliveries.window=1 day":    "window",
		"prometheusRule.alerts.FastPixRecordsFailed.for=long":       "for",
		"prometheusRule.alerts.FastPixRecordsFailed.threshold=many": "threshold",
	} {
		t.Run(set, func(t *testing.T) {
			t.Parallel()
			_, err := helm(t, "", "template", "release", inRoot(t, chart), "--namespace", namespace, "--set="+set)
			if err == nil || !strings.Contains(err.Error(), "schema") || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want a refusal by the schema that names %s", err, want)
			}
		})
	}
}

// nullable returns the values that may be null. Null turns the value off, or selects a default.
func nullable() []string {
	values := []string{
		"global", "global.imageRegistry", "global.imagePullSecrets", "fullnameOverride", "nameOverride", "commonLabels",
		"image.registry", "image.tag", "image.digest", "imagePullSecrets", "crds.annotations",
		"receiver.autoscaling.targetCPUUtilizationPercentage", "receiver.autoscaling.targetMemoryUtilizationPercentage",
		"receiver.autoscaling.metrics", "receiver.autoscaling.behavior",
		"receiver.externalURL", "receiver.tls.secretName", "receiver.maxPendingEvents", "receiver.maxPendingEventsPerEndpoint",
		"receiver.service.type", "receiver.service.annotations", "receiver.service.ipFamilyPolicy", "receiver.service.ipFamilies", "receiver.service.nodePort",
		"receiver.service.loadBalancerClass", "receiver.service.loadBalancerSourceRanges", "receiver.service.externalTrafficPolicy",
		"controllers.foldConcurrency",
		"ingress.className", "ingress.annotations", "ingress.hosts", "ingress.tls.secretName", "httpRoute.annotations", "httpRoute.hostnames", "metrics.readers",
		"networkPolicy.fastpixAPI.cidrs", "networkPolicy.apiServer.cidrs", "networkPolicy.receiverFrom", "networkPolicy.metricsFrom",
		"serviceMonitor.labels", "serviceMonitor.interval", "serviceMonitor.tokenSecretName", "serviceMonitor.scrapeTimeout",
		"serviceMonitor.relabelings", "serviceMonitor.metricRelabelings", "extraObjects",
		"prometheusRule.labels", "prometheusRule.alertLabels", "prometheusRule.alerts", "dashboards.annotations", "dashboards.namespace",
	}
	for _, part := range []string{"receiver", "controllers", "syncer"} {
		for _, value := range []string{
			"replicas", "terminationGracePeriodSeconds", "image", "imagePullSecrets", "serviceAccount.name", "serviceAccount.annotations",
			"extraArgs", "extraEnv", "extraVolumes", "extraVolumeMounts", "resources", "podLabels", "podAnnotations", "podSecurityContext",
			"securityContext", "nodeSelector", "tolerations", "affinity", "topologySpreadConstraints", "priorityClassName",
		} {
			values = append(values, part+"."+value)
		}
	}
	return values
}

// TestNullIsRefusedOrUnsetsAValue checks null for every value. If the templates need the value, the schema must refuse null and name the
// value. Otherwise a template would fail, or would render an incomplete object.
func TestNullIsRefusedOrUnsetsAValue(t *testing.T) {
	t.Parallel()
	// Without parentRefs the chart refuses the route with its own error.
	values := slices.DeleteFunc(schemaValues(t), func(value string) bool { return value == "httpRoute.parentRefs" })
	for _, value := range values {
		for i, r := range value {
			if above := value[:i]; r == '.' && !slices.Contains(values, above) {
				values = append(values, above)
			}
		}
	}
	for _, value := range values {
		t.Run(value, func(t *testing.T) {
			t.Parallel()
			_, err := helm(t, "", "template", "release", inRoot(t, chart), "--namespace", namespace, withImage,
				"--set=quota.enabled=true,serviceMonitor.enabled=true,prometheusRule.enabled=true,dashboards.enabled=true,receiver.autoscaling.enabled=true,receiver.autoscaling.targetMemoryUtilizationPercentage=80",
				"--set=ingress.enabled=true,ingress.hosts={a.example},httpRoute.enabled=true,httpRoute.hostnames={a.example},httpRoute.parentRefs[0].name=public",
				"--set=receiver.externalURL=https://a.example", "--set="+value+"=null")
			name := value[strings.LastIndex(value, ".")+1:]
			switch may := slices.Contains(nullable(), value); {
			case may && err != nil:
				t.Errorf("null is refused: %v", err)
			case !may && (err == nil || !strings.Contains(err.Error(), "missing property '"+name+"'")):
				t.Errorf("got %v, want a refusal by the schema because %s is missing", err, name)
			}
		})
	}
}

// TestUnsetImageIsRefused checks that the chart refuses to install pods with an image that does not exist.
func TestUnsetImageIsRefused(t *testing.T) {
	t.Parallel()
	for _, set := range []string{"image.tag=v1", "image.repository=", "global.imageRegistry=mirror.example"} {
		_, err := helm(t, "", "template", "release", inRoot(t, chart), "--namespace", namespace, "--set="+set)
		if err == nil || !strings.Contains(err.Error(), "--set image.repository=registry.example/fastpix-operator") {
			t.Errorf("%s: %v, want an error with the flag that sets the image", set, err)
		}
	}
}

// TestContradictionsAreRefused checks values that the schema cannot check, because they depend on each other. The error must say what to set.
func TestContradictionsAreRefused(t *testing.T) {
	t.Parallel()
	for set, want := range map[string]string{
		"receiver.terminationGracePeriodSeconds=44":                               "at least 45",
		"receiver.terminationGracePeriodSeconds=99,receiver.drainDelaySeconds=60": "at least 100",
		"receiver.serviceAccount.name=fastpix-syncer":                             "need different ServiceAccounts",
		"controllers.serviceAccount.name=own,receiver.serviceAccount.name=own":    "need different ServiceAccounts",
		"syncer.serviceAccount.name=default":                                      "serviceAccount.name: not default",
		"receiver.extraEnv[0].name=A,receiver.extraEnv[1].name=A":                 "receiver.extraEnv: the name A is used twice",
		"syncer.extraVolumes[0].name=a,syncer.extraVolumes[0].emptyDir.medium=,syncer.extraVolumes[1].name=a,syncer.extraVolumes[1].emptyDir.medium=": "syncer.extraVolumes: the name a is used twice",
		"receiver.tls.secretName=crt,receiver.extraVolumes[0].name=tls,receiver.extraVolumes[0].emptyDir.medium=":                                     "receiver.tls.secretName has a volume of that name",
		"ingress.enabled=true": "ingress.hosts is empty",
		"httpRoute.enabled=true,httpRoute.parentRefs[0].name=public":                                 "httpRoute.hostnames is empty",
		"httpRoute.enabled=true,httpRoute.hostnames={a.example}":                                     "httpRoute.parentRefs is empty",
		"receiver.autoscaling.enabled=true,receiver.autoscaling.minReplicas=7":                       "larger than maxReplicas",
		"receiver.autoscaling.enabled=true,receiver.autoscaling.targetCPUUtilizationPercentage=null": "has no metric",
	} {
		_, err := helm(t, "", "template", "release", inRoot(t, chart), "--namespace", namespace, withImage, "--set="+set)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want a refusal with %q", set, err, want)
		}
	}
}

// TestFlagsOfTheChartAreRefused checks that extraArgs cannot set a flag that the chart sets, in any spelling. The error must name the value
// to use instead.
func TestFlagsOfTheChartAreRefused(t *testing.T) {
	t.Parallel()
	instead := map[string]string{
		"receiver": "", "controllers": "", "syncer": "", "check": "", "version": "", "leader-elect": "", "operator-namespace": "",
		"receiver-bind-address": "", "metrics-bind-address": "", "health-probe-bind-address": "",
		"drain-delay": "receiver.drainDelaySeconds", "external-url": "receiver.externalURL", "receiver-tls-cert-dir": "receiver.tls.secretName",
		"max-pending-events": "receiver.maxPendingEvents", "max-pending-events-per-endpoint": "receiver.maxPendingEventsPerEndpoint",
		"fold-concurrency": "controllers.foldConcurrency",
	}
	all := rendered(t, namespace, "--values="+inRoot(t, "hack/chart/testdata/every_value.yaml"), "--set=fullnameOverride=")
	for _, deployment := range []string{receiver, controllers, syncerPods} {
		for arg := range strings.FieldsSeq(field(t, all[deployment].Object, container+".args[*]}")) {
			flag, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
			if _, known := instead[flag]; !known && !strings.HasPrefix(flag, "zap-") { // the file sets those in extraArgs
				t.Errorf("the chart sets --%s, but no case checks that extraArgs cannot set it", flag)
			}
		}
	}
	refused := func(component, flag, spelt string) {
		_, err := helm(t, "", "template", "release", inRoot(t, chart), "--namespace", namespace, withImage, "--set="+component+".extraArgs={--zap-devel=true,"+spelt+"}")
		if err == nil || !strings.Contains(err.Error(), component+".extraArgs has --"+flag+": ") || !strings.Contains(err.Error(), instead[flag]) {
			t.Errorf("%s with %s: %v, want a refusal that names %q", component, spelt, err, instead[flag])
		}
	}
	for flag := range instead {
		refused("receiver", flag, "--"+flag+"=60s")
		refused("controllers", flag, "-"+flag)
		refused("syncer", flag, "--"+flag)
	}
	refused("receiver", "drain-delay", "-drain-delay=60s")
	refused("receiver", "drain-delay", "--drain-delay 60s")
}

// TestChartWorksAsASubchart checks a chart that depends on this one: this chart uses its own global values, and accepts those of other
// charts.
func TestChartWorksAsASubchart(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if err := os.CopyFS(filepath.Join(folder, "charts/fastpix-operator"), os.DirFS(inRoot(t, chart))); err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{
		"Chart.yaml": "{apiVersion: v2, name: all, version: 1.0.0, dependencies: [{name: fastpix-operator, version: 0.1.0}]}",
		"values.yaml": "global: {imageRegistry: mirror.example, imagePullSecrets: [all], storageClass: fast, database: {host: db}}\n" +
			"fastpix-operator: {image: {repository: registry.example/fastpix, tag: v1}}\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	all := parsed(t, mustHelm(t, "", "template", "release", folder, "--namespace", namespace))
	for _, deployment := range []string{receiver, controllers, syncerPods} {
		if got := field(t, all[deployment].Object, container+".image} "+pod+".imagePullSecrets}"); got != `mirror.example/fastpix:v1 [{"name":"all"}]` {
			t.Errorf("in a subchart, %s has %s", deployment, got)
		}
	}
}

// TestSharedNamespacesAreRefused checks that the chart is not installed into shared namespaces, where its default-deny policy would block
// the traffic of other pods.
func TestSharedNamespacesAreRefused(t *testing.T) {
	for _, shared := range []string{"default", "kube-system"} {
		_, err := helm(t, "", "template", "release", inRoot(t, chart), "--namespace", shared, withImage)
		if err == nil || !strings.Contains(err.Error(), "a namespace of its own, not "+shared) {
			t.Errorf("in %s: %v, want a refusal", shared, err)
		}
	}
}

// TestLint runs helm lint, with a global value as in a subchart.
func TestLint(t *testing.T) {
	mustHelm(t, "", "lint", "--strict", inRoot(t, chart), withImage, "--set=global.registry=x")
}
