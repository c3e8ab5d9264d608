package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fastpix-operator/fastpix-operator/internal/plugin/cli"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/install"
)

// componentLabel names the part of the operator that a Deployment runs.
const componentLabel = "app.kubernetes.io/component"

// apiServerPorts are the ports at which policies see the API server.
var apiServerPorts = []int32{443, 6443}

// checkPolicies checks that no NetworkPolicy keeps deliveries from the receiver, or a part from the API server. It looks at ports alone: whether an address
// that a policy names is the right one is not known here.
func checkPolicies(ctx context.Context, p *patient) []Result {
	var policies []networkingv1.NetworkPolicy
	err := cli.Each(ctx, p.client, &networkingv1.NetworkPolicyList{}, func(n *networkingv1.NetworkPolicy) error {
		policies = append(policies, *n)
		return nil
	}, client.InNamespace(p.OperatorNamespace))
	if err != nil {
		return []Result{unread("", err)}
	}
	if len(policies) == 0 {
		return []Result{warn("", "kubectl apply -k config/network-policy (chart: networkPolicy.enabled)", "no NetworkPolicy protects the operator")}
	}
	var results []Result
	err = cli.Each(ctx, p.client, &appsv1.DeploymentList{}, func(d *appsv1.Deployment) error {
		if component := d.Labels[componentLabel]; slices.Contains(install.Components, component) {
			results = append(results, policiesOf(component, d, policies)...)
		}
		return nil
	}, client.InNamespace(p.OperatorNamespace))
	if err != nil {
		return []Result{unread("", err)}
	}
	return results
}

func policiesOf(component string, d *appsv1.Deployment, policies []networkingv1.NetworkPolicy) []Result {
	selecting := func(direction networkingv1.PolicyType) []networkingv1.NetworkPolicy {
		var found []networkingv1.NetworkPolicy
		for _, n := range policies {
			if selects(&n, d.Spec.Template.Labels) && slices.Contains(n.Spec.PolicyTypes, direction) {
				found = append(found, n)
			}
		}
		return found
	}
	var results []Result
	const mend = "kubectl apply -k config/network-policy, or add a rule to a policy of your own."
	if in := selecting(networkingv1.PolicyTypeIngress); component == "receiver" && in != nil && !lets(in, func(n *networkingv1.NetworkPolicy) bool { return letsIn(n, d) }) {
		results = append(results, fail(component, mend, "no NetworkPolicy lets deliveries in: %s", policyNames(in)))
	}
	if out := selecting(networkingv1.PolicyTypeEgress); out != nil && !lets(out, letsOut) {
		results = append(results, fail(component, mend, "no NetworkPolicy lets it reach the API server: %s", policyNames(out)))
	}
	if results == nil {
		results = append(results, pass(component, "NetworkPolicies let through what it needs"))
	}
	return results
}

func selects(n *networkingv1.NetworkPolicy, pod map[string]string) bool {
	selector, err := metav1.LabelSelectorAsSelector(&n.Spec.PodSelector)
	return err == nil && selector.Matches(labels.Set(pod))
}

func lets(policies []networkingv1.NetworkPolicy, one func(*networkingv1.NetworkPolicy) bool) bool {
	return slices.ContainsFunc(policies, func(n networkingv1.NetworkPolicy) bool { return one(&n) })
}

// letsIn reports whether a policy lets something reach the port of the receiver.
func letsIn(n *networkingv1.NetworkPolicy, d *appsv1.Deployment) bool {
	for _, rule := range n.Spec.Ingress {
		for _, c := range d.Spec.Template.Spec.Containers {
			for _, port := range c.Ports {
				if port.Name == "http" && covers(rule.Ports, port) {
					return true
				}
			}
		}
	}
	return false
}

// letsOut reports whether a policy lets a pod reach the API server.
func letsOut(n *networkingv1.NetworkPolicy) bool {
	for _, rule := range n.Spec.Egress {
		for _, number := range apiServerPorts {
			if covers(rule.Ports, corev1.ContainerPort{ContainerPort: number}) {
				return true
			}
		}
	}
	return false
}

// covers reports whether the ports of a rule contain a port of TCP. A rule without ports is about all of them.
func covers(ports []networkingv1.NetworkPolicyPort, port corev1.ContainerPort) bool {
	if len(ports) == 0 {
		return true
	}
	return slices.ContainsFunc(ports, func(p networkingv1.NetworkPolicyPort) bool {
		switch {
		case p.Protocol != nil && *p.Protocol != corev1.ProtocolTCP:
			return false
		case p.Port == nil:
			return true
		case p.Port.Type == intstr.String:
			return p.Port.StrVal == port.Name
		case p.EndPort != nil:
			return p.Port.IntVal <= port.ContainerPort && port.ContainerPort <= *p.EndPort
		}
		return p.Port.IntVal == port.ContainerPort
	})
}

func policyNames(policies []networkingv1.NetworkPolicy) string {
	var all []string
	for _, n := range policies {
		all = append(all, n.Name)
	}
	return fmt.Sprintf("%s apply to its pods", strings.Join(all, ", "))
}
