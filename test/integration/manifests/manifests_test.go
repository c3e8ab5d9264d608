package manifests

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
)

// These tests protect what config installs. The pods satisfy the restricted Pod Security Standard, have one token at most, and cannot write to
// their root. The network policies admit the connections that are needed, and no others. The components fit each other, and the API server
// accepts them with the CRDs that other projects publish.

// manifests are the objects that a kustomize folder makes, by kind and name.
type manifests map[string]*unstructured.Unstructured

func render(t *testing.T, folder string) manifests {
	t.Helper()
	return parse(t, framework.Kubectl(t, "kustomize", folder))
}

// parse reads what kustomize prints.
func parse(t *testing.T, rendered string) manifests {
	t.Helper()
	m := manifests{}
	for text := range strings.SplitSeq(rendered, "\n---\n") {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(text), &u.Object); err != nil {
			t.Fatal(err)
		}
		m[u.GetKind()+"/"+u.GetName()] = u
	}
	return m
}

// typed returns an object of the manifests as a Go type.
func typed[T any](t *testing.T, m manifests, name string) *T {
	t.Helper()
	u := m[name]
	if u == nil {
		t.Fatalf("%s does not exist in %v", name, slices.Sorted(maps.Keys(m)))
	}
	into := new(T)
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(u.Object, into, true); err != nil {
		t.Fatal(err)
	}
	return into
}

var deployments = []string{"Deployment/fastpix-receiver", "Deployment/fastpix-controller-manager", "Deployment/fastpix-syncer"}

// podOf is the pod that a Deployment's controller would make.
func podOf(d *appsv1.Deployment) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: d.Namespace, Name: d.Name, Labels: d.Spec.Template.Labels},
		Spec:       *d.Spec.Template.Spec.DeepCopy(),
	}
}

func TestPodsAreRestricted(t *testing.T) {
	installed := render(t, "config/default")
	for _, name := range deployments {
		d := typed[appsv1.Deployment](t, installed, name)
		pod := podOf(d)
		if err := framework.Deployed.Admin.Create(t.Context(), pod, client.DryRunAll); err != nil {
			t.Errorf("the pods of %s are refused: %v", name, err)
			continue
		}
		for _, c := range pod.Spec.Containers {
			if !*c.SecurityContext.ReadOnlyRootFilesystem || c.Resources.Limits.Memory().IsZero() {
				t.Errorf("%s may write to its root or take all memory", name)
			}
		}
		if n := tokens(pod); n != 1 {
			t.Errorf("a pod of %s has %d tokens, want one", name, n)
		}
		bare := podOf(d)
		bare.Spec.AutomountServiceAccountToken = nil
		if err := framework.Deployed.Admin.Create(t.Context(), bare, client.DryRunAll); err != nil || tokens(bare) != 0 {
			t.Errorf("whatever runs as %s gets a token without asking (%v)", d.Spec.Template.Spec.ServiceAccountName, err)
		}
	}

	// The namespace refuses anything less: what was admitted above was looked at.
	first := func(p *corev1.Pod) *corev1.SecurityContext { return p.Spec.Containers[0].SecurityContext }
	for name, weaken := range map[string]func(*corev1.Pod){
		"root":                   func(p *corev1.Pod) { p.Spec.SecurityContext.RunAsNonRoot = nil },
		"user 0":                 func(p *corev1.Pod) { p.Spec.SecurityContext.RunAsUser = new(int64(0)) },
		"no seccomp":             func(p *corev1.Pod) { p.Spec.SecurityContext.SeccompProfile = nil },
		"escalation":             func(p *corev1.Pod) { first(p).AllowPrivilegeEscalation = nil },
		"capabilities":           func(p *corev1.Pod) { first(p).Capabilities = nil },
		"the host's network":     func(p *corev1.Pod) { p.Spec.HostNetwork = true },
		"a folder of the host's": func(p *corev1.Pod) { p.Spec.Volumes = hostFolder },
	} {
		pod := podOf(typed[appsv1.Deployment](t, installed, deployments[0]))
		weaken(pod)
		err := framework.Deployed.Admin.Create(t.Context(), pod, client.DryRunAll)
		if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "PodSecurity") {
			t.Errorf("a pod with %s: got %v, want it refused", name, err)
		}
	}
}

var hostFolder = []corev1.Volume{{Name: "host", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}}}

// tokens counts the tokens of a ServiceAccount that a pod gets.
func tokens(p *corev1.Pod) (n int) {
	for _, v := range p.Spec.Volumes {
		if v.Projected == nil {
			continue
		}
		for _, s := range v.Projected.Sources {
			if s.ServiceAccountToken != nil {
				n++
			}
		}
	}
	return n
}

// TestNetworkPoliciesAdmitWhatIsUsed compares the policies with the ports that the containers open and the places that they call. That
// a network plug-in does what a policy says is its own matter.
func TestNetworkPoliciesAdmitWhatIsUsed(t *testing.T) {
	installed := render(t, "config/default")
	const anywhere, cluster = "anywhere", "the cluster"
	want := map[string]map[string]string{ // by Deployment: port to who may call it
		"Deployment/fastpix-receiver":           {"http": anywhere, "probes": anywhere, "metrics": cluster},
		"Deployment/fastpix-controller-manager": {"probes": anywhere, "metrics": cluster},
		"Deployment/fastpix-syncer":             {"probes": anywhere, "metrics": cluster},
	}
	denied := false
	policies := map[string]*networkingv1.NetworkPolicy{}
	for name := range installed {
		if !strings.HasPrefix(name, "NetworkPolicy/") {
			continue
		}
		p := typed[networkingv1.NetworkPolicy](t, installed, name)
		if !slices.Equal(p.Spec.PolicyTypes, []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}) {
			t.Errorf("%s is for %v only", name, p.Spec.PolicyTypes)
		}
		if len(p.Spec.PodSelector.MatchLabels) == 0 {
			denied = len(p.Spec.Ingress) == 0 && len(p.Spec.Egress) == 0
			continue
		}
		policies[name] = p
	}
	if !denied {
		t.Error("pods that no other policy selects are not cut off")
	}
	for _, name := range deployments {
		d := typed[appsv1.Deployment](t, installed, name)
		var own []*networkingv1.NetworkPolicy
		for _, p := range policies {
			if labels.SelectorFromSet(p.Spec.PodSelector.MatchLabels).Matches(labels.Set(d.Spec.Template.Labels)) {
				own = append(own, p)
			}
		}
		if len(own) != 1 {
			t.Fatalf("%d policies select %s", len(own), name)
		}
		admitted := map[string]string{}
		for _, rule := range own[0].Spec.Ingress {
			from := anywhere
			if len(rule.From) == 1 && rule.From[0].NamespaceSelector != nil && rule.From[0].IPBlock == nil {
				from = cluster
			}
			for _, port := range rule.Ports {
				admitted[port.Port.String()] = from
			}
		}
		if !maps.Equal(admitted, want[name]) {
			t.Errorf("%s is called by %v, want %v", name, admitted, want[name])
		}
		for _, port := range d.Spec.Template.Spec.Containers[0].Ports {
			delete(admitted, port.Name)
		}
		if len(admitted) > 0 {
			t.Errorf("%s opens no port named %v", name, admitted)
		}
		var called []string
		for _, rule := range own[0].Spec.Egress {
			for _, port := range rule.Ports {
				called = append(called, fmt.Sprintf("%s %s", *port.Protocol, port.Port))
			}
		}
		calls := []string{"TCP 443", "TCP 53", "TCP 6443", "UDP 53"} // the API server, and names
		if name == "Deployment/fastpix-syncer" {
			calls = append(calls, "TCP 443") // FastPix
		}
		slices.Sort(called)
		slices.Sort(calls)
		if !slices.Equal(called, calls) {
			t.Errorf("%s may call %v, want %v", name, called, calls)
		}
	}
}

// TestComponentsAreAccepted applies every component, alone and together as far as they belong together, on top of config/default, as a
// dry run on the API server, which checks them by the CRDs that the projects publish.
func TestComponentsAreAccepted(t *testing.T) {
	t.Parallel()
	installPublishedCRDs(t)
	for name, components := range map[string][]string{
		"ingress":               {"components/ingress"},
		"ingress, cert-manager": {"components/ingress", "components/certificate"},
		"ingress, TLS behind":   {"components/ingress", "components/certificate", "components/receiver-tls"},
		"gateway":               {"components/gateway"},
		"gateway, TLS behind":   {"components/gateway", "components/receiver-tls"},
		"TLS behind":            {"components/receiver-tls"},
		"prometheus":            {"prometheus"},
		"grafana":               {"grafana"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			overlay := "resources: [../config/default, host.yaml]\ncomponents:\n"
			for _, c := range components {
				overlay += "- ../config/" + c + "\n"
			}
			folder := writeOverlay(t, overlay)
			framework.Kubectl(t, "apply", "--dry-run=server", "--warnings-as-errors", "--kustomize", folder)
			text := framework.Kubectl(t, "kustomize", folder)
			checkRoute(t, parse(t, text))
			checkHost(t, text)
			if slices.Contains(components, "components/certificate") {
				checkSolver(t, parse(t, text))
			}
		})
	}
	for _, c := range []string{"ingress", "gateway"} {
		t.Run("as the comment of "+c+" says", func(t *testing.T) {
			t.Parallel()
			folder := writeOverlay(t, commentedOverlay(t, "components/"+c))
			framework.Kubectl(t, "apply", "--dry-run=server", "--warnings-as-errors", "--kustomize", folder)
			text := framework.Kubectl(t, "kustomize", folder)
			checkHost(t, text)
			rendered := parse(t, text)
			for _, name := range deployments {
				container := typed[appsv1.Deployment](t, rendered, name).Spec.Template.Spec.Containers[0]
				if container.Image != "registry.example/fastpix-operator:v1" {
					t.Errorf("%s runs %s", name, container.Image)
				}
				if shown := slices.Contains(container.Args, "--external-url=https://hooks.mine.example"); shown != (name == deployments[0]) {
					t.Errorf("%s has the arguments %v", name, container.Args)
				}
			}
		})
	}
	t.Run("as the comment of kubernetes-1.35 says", func(t *testing.T) {
		t.Parallel()
		out := framework.Kubectl(t, "kustomize", writeOverlay(t, commentedOverlay(t, "components/kubernetes-1.35")))
		if strings.Contains(out, "kind: MutatingAdmissionPolicy") {
			t.Error("it still installs a policy that Kubernetes 1.35 does not serve")
		}
	})
	t.Run("as the comment of prometheus says", func(t *testing.T) {
		t.Parallel()
		folder := writeOverlay(t, commentedOverlay(t, "prometheus"))
		framework.Kubectl(t, "apply", "--dry-run=server", "--warnings-as-errors", "--kustomize", folder)
		if out := framework.Kubectl(t, "kustomize", folder); !strings.Contains(out, "credentials:") || strings.Contains(out, "/var/run/secrets") {
			t.Error("Prometheus still has to read a file")
		}
	})
}

// TestComponentsNeedAHost protects from a certificate, a route or a URL of the example's host: without host.yaml kustomize fails.
func TestComponentsNeedAHost(t *testing.T) {
	t.Parallel()
	for _, component := range []string{"ingress", "gateway", "certificate"} {
		folder := writeOverlay(t, "resources: [../config/default]\ncomponents: [../config/components/"+component+"]\n")
		out, err := framework.Deployed.Kubectl(t.Context(), "kustomize", folder)
		if err == nil || !strings.Contains(err.Error(), "fastpix-public-host") {
			t.Errorf("%s without a host: %v, want an error that names its ConfigMap; it renders\n%s", component, err, out)
		}
	}
}

// checkHost checks that the host of host.yaml is wherever it must be known.
func checkHost(t *testing.T, text string) {
	t.Helper()
	if strings.Contains(text, "hooks.example.com") || strings.Contains(text, "fastpix-public-host") {
		t.Errorf("the example's host, or what only components read, is rendered:\n%s", text)
	}
	const host = "hooks.mine.example"
	m := parse(t, text)
	shown := slices.Contains(typed[appsv1.Deployment](t, m, deployments[0]).Spec.Template.Spec.Containers[0].Args, "--external-url=https://"+host)
	if routed := m["Ingress/fastpix-receiver"] != nil || m["HTTPRoute/fastpix-receiver"] != nil; shown != routed {
		t.Errorf("the receiver shows the URL of %s: %t, something routes to it: %t", host, shown, routed)
	}
	if u := m["Ingress/fastpix-receiver"]; u != nil {
		i := typed[networkingv1.Ingress](t, m, "Ingress/fastpix-receiver")
		if i.Spec.Rules[0].Host != host || i.Spec.TLS[0].Hosts[0] != host {
			t.Errorf("the Ingress is for %s, with the certificate of %v", i.Spec.Rules[0].Host, i.Spec.TLS[0].Hosts)
		}
	}
	for name, path := range map[string]string{"HTTPRoute/fastpix-receiver": "hostnames", "Certificate/fastpix-hooks": "dnsNames"} {
		if u := m[name]; u != nil {
			if hosts, _, _ := unstructured.NestedStringSlice(u.Object, "spec", path); !slices.Equal(hosts, []string{host}) {
				t.Errorf("%s is for %v, want %s", name, hosts, host)
			}
		}
	}
}

// TestOverlayWithAnotherNamespace protects those who set namespace in an overlay: nothing names config's own any more, or kustomize fails.
func TestOverlayWithAnotherNamespace(t *testing.T) {
	t.Parallel()
	const in = "media-4"
	all := []string{"components/ingress", "components/certificate", "components/gateway", "prometheus", "grafana"}
	list := func(components ...string) string {
		return "components: [../config/" + strings.Join(components, ", ../config/") + "]\n"
	}
	const moved = "namespace: " + in + "\nresources: [../config/default, ../config/quota"
	below := writeOverlay(t, moved+"]\n")
	for name, folder := range map[string]string{
		"alone":                          below,
		"with components":                writeOverlay(t, moved+", host.yaml]\n"+list(all...)),
		"with components in one above":   writeOverlayOn(t, below, list(all...)),
		"with the receiver's TLS in one": writeOverlayOn(t, below, list(append(all, "components/receiver-tls")...)),
	} {
		out := framework.Kubectl(t, "kustomize", folder)
		for i, line := range strings.Split(out, "\n") {
			if strings.Contains(line, framework.OperatorNamespace) {
				t.Errorf("%s: line %d names %s: %s", name, i+1, framework.OperatorNamespace, line)
			}
		}
		checkRoute(t, parse(t, out))
	}
	folder := writeOverlay(t, moved+"]\n"+list("components/receiver-tls"))
	if out, err := framework.Deployed.Kubectl(t.Context(), "kustomize", folder); err == nil || !strings.Contains(err.Error(), "fastpix-receiver."+in) {
		t.Errorf("a certificate with the old namespace: %v, want an error that names it; it renders\n%s", err, out)
	}
}

// commentedOverlay returns the kustomization that the comment of a component shows.
func commentedOverlay(t *testing.T, component string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("config", component, "kustomization.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var overlay strings.Builder
	for line := range strings.Lines(string(text)) {
		if shown, ok := strings.CutPrefix(line, "#   "); ok {
			overlay.WriteString(shown)
		}
	}
	kustomization, host, found := strings.Cut(overlay.String(), "# host.yaml")
	if _, shown, _ := strings.Cut(host, "\n"); found && shown != publicHost {
		t.Errorf("%s shows as host.yaml\n%swant\n%s", component, shown, publicHost)
	}
	return kustomization
}

// publicHost is the host.yaml that components read.
const publicHost = `apiVersion: v1
kind: ConfigMap
metadata:
  name: fastpix-public-host
  annotations: {config.kubernetes.io/local-config: "true"}
data: {host: hooks.mine.example}
`

// writeOverlayOn writes a kustomization on top of another one.
func writeOverlayOn(t *testing.T, below, text string) string {
	t.Helper()
	folder := writeOverlay(t, text)
	relative, err := filepath.Rel(folder, below)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(filepath.Join(folder, "kustomization.yaml"), os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = fmt.Fprintf(file, "resources: [%s, host.yaml]\n", relative)
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

// writeOverlay writes a kustomization that stands beside config into a folder of its own, with a host.yaml that it may list.
func writeOverlay(t *testing.T, text string) string {
	t.Helper()
	folder, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("config")
	if err != nil {
		t.Fatal(err)
	}
	if root, err = filepath.EvalSymlinks(root); err != nil {
		t.Fatal(err)
	}
	relative, err := filepath.Rel(folder, root) // kustomize takes no other path
	if err != nil {
		t.Fatal(err)
	}
	text = strings.ReplaceAll(text, "../config", relative)
	for file, content := range map[string]string{"kustomization.yaml": text, "host.yaml": publicHost} {
		if err := os.WriteFile(filepath.Join(folder, file), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// checkRoute follows an Ingress or HTTPRoute to the container's port, and certificates to where they are used.
func checkRoute(t *testing.T, m manifests) {
	t.Helper()
	service := typed[corev1.Service](t, m, "Service/fastpix-receiver").Spec.Ports[0]
	container := typed[appsv1.Deployment](t, m, deployments[0]).Spec.Template.Spec.Containers[0]
	if container.Ports[0].Name != service.TargetPort.String() {
		t.Errorf("the Service leads to port %s, the container opens %v", &service.TargetPort, container.Ports)
	}
	tls := slices.ContainsFunc(container.Args, func(arg string) bool { return strings.HasPrefix(arg, "--receiver-tls-cert-dir=") })
	if tls != (service.Port == 443) || tls != (*service.AppProtocol == "https") {
		t.Errorf("the receiver speaks TLS: %t, its Service has port %d (%s)", tls, service.Port, *service.AppProtocol)
	}
	secrets := map[string]bool{}
	for name := range m {
		if secret, ok, _ := unstructured.NestedString(m[name].Object, "spec", "secretName"); ok && strings.HasPrefix(name, "Certificate/") {
			secrets[secret] = true
		}
	}
	if tls && !secrets[typed[appsv1.Deployment](t, m, deployments[0]).Spec.Template.Spec.Volumes[0].Secret.SecretName] {
		t.Errorf("no Certificate makes the receiver's Secret: %v", secrets)
	}
	if u := m["Ingress/fastpix-receiver"]; u != nil {
		i := typed[networkingv1.Ingress](t, m, "Ingress/fastpix-receiver")
		backend := i.Spec.Rules[0].HTTP.Paths[0].Backend.Service
		if backend.Name != "fastpix-receiver" || backend.Port.Number != service.Port {
			t.Errorf("the Ingress leads to %s:%d", backend.Name, backend.Port.Number)
		}
		if m["Certificate/fastpix-hooks"] != nil && !secrets[i.Spec.TLS[0].SecretName] {
			t.Errorf("no Certificate makes the Ingress's Secret: %v", secrets)
		}
	}
	if u := m["HTTPRoute/fastpix-receiver"]; u != nil {
		rules, _, _ := unstructured.NestedSlice(u.Object, "spec", "rules")
		backends, _, _ := unstructured.NestedSlice(rules[0].(map[string]any), "backendRefs")
		backend := backends[0].(map[string]any)
		if backend["name"] != "fastpix-receiver" || fmt.Sprint(backend["port"]) != fmt.Sprint(service.Port) {
			t.Errorf("the HTTPRoute leads to %v", backend)
		}
	}
}

// checkSolver follows the question of an ACME server (HTTP-01) to the pod in which cert-manager answers it: that pod is in the namespace of
// the Certificate, where everything is denied that no policy admits. Its label and its port are read from cert-manager's code.
func checkSolver(t *testing.T, m manifests) {
	t.Helper()
	code, err := controlplane.PublishedModule(t.Context(), "github.com/cert-manager/cert-manager")
	if err != nil {
		t.Fatal(err)
	}
	label := constant(t, filepath.Join(code, "pkg/apis/acme/v1/types.go"), "SolverIdentificationLabelKey")
	port := constant(t, filepath.Join(code, "pkg/issuer/acme/http/http.go"), "acmeSolverListenPort")
	var admitted []string
	for name := range m {
		if !strings.HasPrefix(name, "NetworkPolicy/") {
			continue
		}
		p := typed[networkingv1.NetworkPolicy](t, m, name)
		selector, err := metav1.LabelSelectorAsSelector(&p.Spec.PodSelector)
		if err != nil {
			t.Fatal(err)
		}
		if !selector.Matches(labels.Set{label: "true"}) {
			continue
		}
		for _, rule := range p.Spec.Ingress {
			for _, admits := range rule.Ports {
				admitted = append(admitted, fmt.Sprintf("%s %s from %v", *admits.Protocol, admits.Port, rule.From))
			}
		}
	}
	if want := []string{"TCP " + port + " from []"}; !slices.Equal(admitted, want) {
		t.Errorf("a pod with the label %s is reached by %q, want %q", label, admitted, want)
	}
}

// constant returns the value that a Go file gives to a constant.
func constant(t *testing.T, file, name string) string {
	t.Helper()
	code, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(name + ` = "?([^"\n]+)`).FindSubmatch(code)
	if found == nil {
		t.Fatalf("%s has no %s", file, name)
	}
	return string(found[1])
}

// installPublishedCRDs installs the CRDs of the kinds that components use, as their projects publish them.
func installPublishedCRDs(t *testing.T) {
	t.Helper()
	files, err := controlplane.PublishedCRDs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		framework.Kubectl(t, "create", "-f", file)
		t.Cleanup(func() {
			if _, err := framework.Deployed.Kubectl(context.WithoutCancel(t.Context()), "delete", "-f", file, "--wait=false"); err != nil {
				t.Error(err)
			}
		})
		if err := framework.Deployed.WaitEstablished(t.Context(), "-f", file); err != nil {
			t.Fatal(err)
		}
	}
}
