package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// otherNamespace is a namespace that config/ does not name.
const otherNamespace = "media-mirror"

// cluster is a real API server without nodes. The test runs the operator's processes itself, with the ServiceAccounts and the arguments of
// the installed Deployments.
type cluster struct {
	*controlplane.ControlPlane
	t *testing.T
}

func newCluster(t *testing.T) cluster {
	t.Helper()
	c, err := controlplane.Start(t.Context(), controlplane.Options{
		NoSync: true, APIServerArgs: []string{"--service-cluster-ip-range=10.0.0.0/24,fd00::/112"}, // a cluster with IPv4 and IPv6
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return cluster{c, t}
}

func (c cluster) kubectl(args ...string) string {
	c.t.Helper()
	out, err := c.Kubectl(c.t.Context(), args...)
	if err != nil {
		c.t.Fatal(err)
	}
	return out
}

// waitEstablished waits until all CRDs are served.
func (c cluster) waitEstablished() {
	c.t.Helper()
	if err := c.WaitEstablished(c.t.Context(), "customresourcedefinition", "--all"); err != nil {
		c.t.Fatal(err)
	}
}

func (c cluster) helm(args ...string) string {
	c.t.Helper()
	return mustHelm(c.t, c.Kubeconfig, args...)
}

// expectError runs helm and checks that its error contains a text.
func (c cluster) expectError(why string, args ...string) {
	c.t.Helper()
	if _, err := helm(c.t, c.Kubeconfig, args...); err == nil || !strings.Contains(err.Error(), why) {
		c.t.Errorf("helm %s: %v, want a refusal with %q", strings.Join(args, " "), err, why)
	}
}

// checkAccepted checks that the API server accepts the rendered chart with strict validation.
func (c cluster) checkAccepted(args ...string) {
	c.t.Helper()
	manifests := filepath.Join(c.t.TempDir(), "chart.yaml")
	template := c.helm(append([]string{"template", "fastpix", inRoot(c.t, chart)}, args...)...)
	if err := os.WriteFile(manifests, []byte(template), 0o600); err != nil {
		c.t.Fatal(err)
	}
	c.kubectl("apply", "--dry-run=server", "--validate=strict", "--warnings-as-errors", "--filename="+manifests)
}

// names returns the names of all objects of a kind, in all namespaces.
func (c cluster) names(kind string) []string {
	c.t.Helper()
	return strings.Fields(c.kubectl("get", kind, "--all-namespaces", "--output=jsonpath={.items[*].metadata.name}"))
}

// start runs a part of the operator with the arguments and the ServiceAccount of a Deployment.
func (c cluster) start(binary, namespace, deployment string) *controlplane.Operator {
	c.t.Helper()
	jsonpath := func(path string) string {
		return c.kubectl("get", "deployment", deployment, "--namespace="+namespace, "--output=jsonpath="+path)
	}
	identity, err := c.ServiceAccount(c.t.Context(), namespace, jsonpath("{.spec.template.spec.serviceAccountName}"))
	if err != nil {
		c.t.Fatal(err)
	}
	args := strings.Fields(jsonpath("{.spec.template.spec.containers[0].args[*]}"))
	operator, err := c.NewOperator(deployment, binary, identity, append(args, "--drain-delay=0s")...)
	if err != nil {
		c.t.Fatal(err)
	}
	operator.Env = []string{"POD_NAMESPACE=" + namespace}
	if strings.Contains(jsonpath("{.spec.template.spec.containers[0].env[*].name}"), "POD_SERVICE_ACCOUNT") {
		operator.Env = append(operator.Env, "POD_SERVICE_ACCOUNT="+jsonpath("{.spec.template.spec.serviceAccountName}"))
	}
	if err := operator.Start(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
	return operator
}

// commands returns the indented lines of a text, without the commands that need nodes or kube-controller-manager.
func commands(text string) string {
	var script strings.Builder
	for line := range strings.Lines(text) {
		command, ok := strings.CutPrefix(line, "    ")
		if ok && !strings.Contains(command, "rollout status") && !strings.Contains(command, "delete namespace") {
			script.WriteString(command)
		}
	}
	return script.String()
}

// run runs commands in the root of the repository, with the kubectl of the cluster and the pinned helm.
func (c cluster) run(script string) {
	c.t.Helper()
	cmd := exec.CommandContext(c.t.Context(), "bash", "-euo", "pipefail", "-c", script)
	cmd.Dir = inRoot(c.t, ".")
	home := c.t.TempDir()
	cmd.Env = []string{
		"HOME=" + home, "KUBECONFIG=" + c.Kubeconfig,
		"PATH=" + filepath.Dir(c.KubectlPath()) + ":" + inRoot(c.t, "bin/helm") + ":" + os.Getenv("PATH"),
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		c.t.Fatalf("running\n%s%v\n%s", script, err, out)
	}
}

func (c cluster) admin() client.Client {
	c.t.Helper()
	scheme := runtime.NewScheme()
	if err := fastpixv1.AddToScheme(scheme); err != nil {
		c.t.Fatal(err)
	}
	admin, err := client.New(c.Config(), client.Options{Scheme: scheme})
	if err != nil {
		c.t.Fatal(err)
	}
	return admin
}

// deliver delivers one sample to the endpoint of the notes and waits for its mirror.
func (c cluster) deliver(receiver *controlplane.Operator, file, state string) {
	c.t.Helper()
	body := fixtures.Payload(file)
	err := receiver.Deliver(c.t.Context(), "/webhooks/video/fastpix", body, fixtures.Sign(fixtures.SigningSecret, body))
	if err == nil {
		err = controlplane.WaitMirror(c.t.Context(), c.admin(), "video", fixtures.Mirror{Kind: "MediaAsset", ID: fixtures.MediaA, State: state})
	}
	if err != nil {
		c.t.Fatalf("%s: %v", file, err)
	}
}

// olderChart returns a copy of the chart in which MediaAsset has no duration and the objects have the labels of the first version of the
// chart.
func olderChart(t *testing.T) string {
	t.Helper()
	older := filepath.Join(t.TempDir(), "fastpix-operator")
	if err := os.CopyFS(older, os.DirFS(inRoot(t, chart))); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(older, "templates/generated/crd/bases/video.fastpix.com_mediaassets.yaml")
	crd, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	field := regexp.MustCompile(`(?m)^ {14}duration:\n( {16}.*\n)+`)
	if !field.Match(crd) {
		t.Fatal("the CRD has no field duration at the expected position")
	}
	if err := os.WriteFile(file, field.ReplaceAll(crd, nil), 0o600); err != nil {
		t.Fatal(err)
	}
	helpers := filepath.Join(older, "templates/_helpers.tpl")
	text, err := os.ReadFile(helpers)
	if err != nil {
		t.Fatal(err)
	}
	defined := regexp.MustCompile(`(?s)\{\{- define "fastpix\.labels" -\}\}.*\{\{- define "fastpix\.tag" -\}\}`)
	if !defined.Match(text) {
		t.Fatal("the chart does not define its labels where it did")
	}
	text = defined.ReplaceAll(text, []byte(`{{- define "fastpix.labels" -}}
app.kubernetes.io/name: fastpix-operator
app.kubernetes.io/part-of: fastpix-operator
{{- end -}}
{{- define "fastpix.podLabels" -}}
app.kubernetes.io/name: fastpix-operator
{{- end -}}
{{- define "fastpix.tag" -}}`))
	if err := os.WriteFile(helpers, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return older
}

// TestLifecycleOfAnInstalledChart checks a release of the chart from installation to removal, in a namespace that the user chose. The API
// server accepts every object with strict validation, the notes are correct, the operator works with the installed rights, an upgrade
// installs new CRDs, uninstalling loses no data, and a new installation continues with the objects that were kept.
func TestLifecycleOfAnInstalledChart(t *testing.T) {
	c := newCluster(t)
	binary, err := controlplane.BuildOperator(t.Context(), filepath.Join(c.Dir, "bin"))
	if err != nil {
		t.Fatal(err)
	}
	values := []string{"--namespace=" + otherNamespace, withImage, "--set=receiver.externalURL=https://hooks.example.com"}
	duration := func() string {
		return c.kubectl("get", "customresourcedefinition", "mediaassets.video.fastpix.com",
			"--output=jsonpath={.spec.versions[0].schema.openAPIV3Schema.properties.status.properties.duration.type}")
	}

	c.kubectl("create", "namespace", otherNamespace)
	c.kubectl("label", "namespace", otherNamespace, "pod-security.kubernetes.io/warn=restricted")
	c.kubectl("create", "serviceaccount", "default", "--namespace="+otherNamespace)
	c.checkAccepted(values...)

	notes := c.helm(append([]string{"install", "fastpix", olderChart(t)}, values...)...)
	if got := duration(); got != "" {
		t.Errorf("the older chart already has the new field: %s", got)
	}
	c.helm(append([]string{"upgrade", "fastpix", inRoot(t, chart), "--set=receiver.replicas=3"}, values...)...)
	if got := duration(); got != "string" {
		t.Errorf("the upgrade did not bring the new CRD: the new field is %q", got)
	}
	c.waitEstablished()
	if got := c.kubectl("get", "deployment", "fastpix-receiver", "--namespace="+otherNamespace, "--output=jsonpath={.spec.replicas}"); got != "3" {
		t.Errorf("after the upgrade the Deployment has %s replicas, want 3", got)
	}

	receiver, controllers := c.start(binary, otherNamespace, "fastpix-receiver"), c.start(binary, otherNamespace, "fastpix-controller-manager")
	c.run(strings.ReplaceAll(commands(notes), "PASTE", fixtures.SigningSecret))
	if got := c.kubectl("get", "namespace", otherNamespace, `--output=jsonpath={.metadata.labels.pod-security\.kubernetes\.io/enforce}`); got != "restricted" {
		t.Errorf("after the commands of the notes the namespace enforces %q, want restricted", got)
	}
	if got := c.kubectl("get", "webhookendpoint", "fastpix", "--namespace=video", "--output=jsonpath={.status.url}"); got != "https://hooks.example.com/webhooks/video/fastpix" {
		t.Errorf("the endpoint's URL is %q", got)
	}
	c.deliver(receiver, "video.media.created.json", "Created")
	_, err = c.Kubectl(t.Context(), "patch", "mediaasset", fixtures.MediaA, "--namespace=video", "--subresource=status", "--type=merge", "--patch={\"status\":{\"state\":\"Ready\"}}")
	if err == nil || !strings.Contains(err.Error(), otherNamespace+"/fastpix-controller-manager") {
		t.Errorf("an administrator writes a status: %v, want a refusal", err)
	}
	c.expectError("invalid ownership metadata", "install", "second", inRoot(t, chart), "--namespace=another", "--create-namespace", withImage)

	// The receiver acknowledges an event while no controllers run. Then the chart is uninstalled.
	if err := controllers.Stop(); err != nil {
		t.Fatal(err)
	}
	body := fixtures.Payload("video.media.ready.json")
	if err := receiver.Deliver(t.Context(), "/webhooks/video/fastpix", body, fixtures.Sign(fixtures.SigningSecret, body)); err != nil {
		t.Fatal(err)
	}
	if err := receiver.Stop(); err != nil {
		t.Fatal(err)
	}
	c.helm("uninstall", "fastpix", "--namespace="+otherNamespace)
	for _, kind := range []string{"deployments", "services", "serviceaccounts", "validatingadmissionpolicies", "mutatingadmissionpolicies", "networkpolicies", "resourcequotas"} {
		if left := slices.DeleteFunc(c.names(kind), func(name string) bool { return name == "kubernetes" || name == "default" }); len(left) > 0 {
			t.Errorf("uninstalling left %s %v", kind, left)
		}
	}
	for kind, want := range map[string]int{"customresourcedefinitions": 4, "eventbatches": 1, "mediaassets": 1, "webhookendpoints": 1} {
		if left := c.names(kind); len(left) != want {
			t.Errorf("uninstalling left %s %v, want %d", kind, left, want)
		}
	}
	c.helm(append([]string{"install", "fastpix", inRoot(t, chart)}, values...)...)
	controllers = c.start(binary, otherNamespace, "fastpix-controller-manager")
	err = controlplane.WaitMirror(t.Context(), c.admin(), "video", fixtures.Mirror{Kind: "MediaAsset", ID: fixtures.MediaA, State: "Ready"})
	if err = errors.Join(err, controllers.Stop()); err != nil {
		t.Errorf("the event that was acknowledged before the chart was uninstalled is not mirrored: %v", err)
	}
}

// runFails runs a command in the root of the repository, checks that it fails, and returns its output.
func (c cluster) runFails(name string, args ...string) string {
	c.t.Helper()
	cmd := exec.CommandContext(c.t.Context(), name, args...)
	cmd.Dir = inRoot(c.t, ".")
	cmd.Env = append(os.Environ(), "HOME="+c.t.TempDir(), "KUBECONFIG="+c.Kubeconfig)
	out, err := cmd.CombinedOutput()
	if err == nil {
		c.t.Errorf("%v succeeds:\n%s", cmd.Args, out)
	}
	return string(out)
}

// TestNotesMatchTheCluster checks the notes of a release in a namespace that Helm created. The notes say how to make the namespace enforce
// the restricted Pod Security Standard, and how to make the quota of a new CRD count. After their commands both are the case, and the notes
// no longer mention them. make deploy and make undeploy refuse to change the release.
func TestNotesMatchTheCluster(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	counting, err := c.ControllerManager()
	if err != nil {
		t.Skip(err) // a control plane that the user provides may not have kube-controller-manager
	}
	if err := counting.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	values := []string{"--namespace=" + otherNamespace, withImage, "--set=quota.enabled=true"}
	notes := c.helm(append([]string{"install", "mirror", inRoot(t, chart), "--create-namespace"}, values...)...)
	label := "kubectl label namespace " + otherNamespace + " pod-security.kubernetes.io/enforce=restricted"
	rollback := "helm -n " + otherNamespace + " rollback mirror 1"
	if !strings.Contains(notes, label) || !strings.Contains(notes, rollback) {
		t.Errorf("the notes of a first installation lack the command for the namespace or for the quota:\n%s", notes)
	}
	for target, want := range map[string]string{
		"undeploy": "undeploy: the operator is installed by Helm: use helm uninstall mirror --namespace " + otherNamespace,
		"deploy":   "deploy: the operator is installed by Helm: use helm upgrade mirror --namespace " + otherNamespace,
	} {
		if out := c.runFails("make", target, "KUBECTL="+c.KubectlPath()); !strings.Contains(out, want) {
			t.Errorf("make %s prints, although Helm installed the operator,\n%swant %q", target, out, want)
		}
	}
	if left := c.names("deployments"); len(left) != 3 {
		t.Errorf("after make undeploy of a release the Deployments are %v, want 3", left)
	}

	used := func() string {
		return c.kubectl("get", "resourcequota", "fastpix-journal", "--namespace="+otherNamespace, "--output=jsonpath={.status.used}")
	}
	started := time.Now()
	if got := used(); got != "" {
		t.Fatalf("a quota that is as new as its CRD already counts: %s", got)
	}
	batch := fmt.Sprintf("{apiVersion: %s, kind: EventBatch, metadata: {namespace: %s, name: b}, spec: {events: [x]}}", fastpixv1.GroupVersion, otherNamespace)
	if _, err := c.Shell(t.Context(), "echo '"+batch+"' | kubectl create --filename=-"); err == nil || !strings.Contains(err.Error(), "status unknown for quota") {
		t.Errorf("creating a batch before its quota counts: %v, want a refusal", err)
	}
	for used() == "" && time.Since(started) < 60*time.Second {
		wait(t, time.Second)
	}
	if got := used(); got != "" {
		t.Logf("the quota counted without being recreated, %v after it was created", time.Since(started).Round(time.Second))
	}
	started = time.Now()
	_, recreate, _ := strings.Cut(notes, "make the quota anew")
	c.run(commands(recreate))
	for used() == "" && time.Since(started) < 20*time.Second {
		wait(t, 100*time.Millisecond)
	}
	t.Logf("recreated, the quota counts after %v: %s", time.Since(started).Round(100*time.Millisecond), used())
	if used() == "" {
		t.Error("the quota does not count after it was recreated with the commands of the notes")
	}

	c.run(label)
	notes = c.helm(append([]string{"upgrade", "mirror", inRoot(t, chart)}, values...)...)
	if strings.Contains(notes, label) || strings.Contains(notes, "rollback") {
		t.Errorf("after the commands of the notes, the notes still are\n%s", notes)
	}
}

// wait waits for a duration. If the test's context is canceled, it ends the test.
func wait(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-t.Context().Done():
		t.Fatal(t.Context().Err())
	case <-time.After(d):
	}
}

// TestOverlayMovesTheOperator checks an overlay on config/default that sets another namespace: the API server accepts all objects, and the
// admission policies allow only the controllers of that namespace.
func TestOverlayMovesTheOperator(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	folder := t.TempDir()
	overlay := "namespace: " + otherNamespace + "\nresources: [" + relative(t, folder, []string{"default"})[0] + "]\n"
	if err := os.WriteFile(filepath.Join(folder, "kustomization.yaml"), []byte(overlay), 0o600); err != nil {
		t.Fatal(err)
	}
	c.kubectl("apply", "--warnings-as-errors", "--kustomize="+folder)
	c.waitEstablished()
	c.kubectl("create", "namespace", "video")
	asset := "{apiVersion: " + fastpixv1.GroupVersion.String() + ", kind: MediaAsset, metadata: {namespace: video, name: m}, spec: {mediaID: m}}"
	if _, err := c.Shell(t.Context(), "echo '"+asset+"' | kubectl create --filename=-"); err != nil {
		t.Fatal(err)
	}
	write := func(user string) error {
		_, err := c.Kubectl(t.Context(), "patch", "mediaasset", "m", "--namespace=video", "--subresource=status", "--type=merge",
			"--patch={\"status\":{\"state\":\"Ready\"}}", "--as="+user, "--as-group=system:masters")
		return err
	}
	// A new policy takes a moment to be enforced.
	for started := time.Now(); write("admin") == nil && time.Since(started) < 10*time.Second; {
		wait(t, 100*time.Millisecond)
	}
	ours := "system:serviceaccount:" + otherNamespace + ":fastpix-controller-manager"
	for _, user := range []string{"admin", "system:serviceaccount:" + namespace + ":fastpix-controller-manager"} {
		if err := write(user); err == nil || !strings.Contains(err.Error(), otherNamespace+"/fastpix-controller-manager") {
			t.Errorf("%s writes a status: %v, want a refusal that names %s", user, err, otherNamespace)
		}
	}
	if err := write(ours); err != nil {
		t.Errorf("the controllers write a status: %v", err)
	}
}

// TestEveryValueAtOnceIsAccepted checks that no value is rendered into the wrong field or with the wrong type: the API server accepts all
// objects with strict validation.
func TestEveryValueAtOnceIsAccepted(t *testing.T) {
	const values = "hack/chart/testdata/every_value.yaml"
	var set, defaults map[string]any
	for file, into := range map[string]*map[string]any{values: &set, chart + "/values.yaml": &defaults} {
		if err := yaml.Unmarshal([]byte(read(t, file)), into); err != nil {
			t.Fatal(err)
		}
	}
	for _, value := range schemaValues(t) {
		path := strings.Split(value, ".")
		here, found, err := unstructured.NestedFieldNoCopy(set, path...)
		byDefault, _, err2 := unstructured.NestedFieldNoCopy(defaults, path...)
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		if same := equality.Semantic.DeepEqual(here, byDefault); !found || same != slices.Contains([]string{"networkPolicy.enabled", "syncer.enabled"}, value) {
			t.Errorf("%s is %v by default, and %v in %s, want another value", value, byDefault, here, values)
		}
	}

	c := newCluster(t)
	c.installPublishedCRDs()
	c.kubectl("create", "namespace", otherNamespace)
	c.kubectl("create", "serviceaccount", "default", "--namespace="+otherNamespace) // for the pod of helm test; in a cluster a controller makes it
	c.kubectl("create", "priorityclass", "4711", "--value=1")
	c.checkAccepted("--namespace="+otherNamespace, "--values="+inRoot(t, values))
}

// installPublishedCRDs installs the CRDs of the kinds of other projects that the chart uses.
func (c cluster) installPublishedCRDs() {
	c.t.Helper()
	published, err := controlplane.PublishedCRDs(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	for _, file := range published {
		c.kubectl("create", "--filename="+file)
	}
	c.waitEstablished()
}

// section returns the commands in a section of docs/helm.md.
func section(t *testing.T, heading string) string {
	t.Helper()
	_, text, found := strings.Cut(read(t, "docs/helm.md"), "\n## "+heading+"\n")
	text, _, _ = strings.Cut(text, "\n## ")
	commands := commands(text)
	if !found || commands == "" {
		t.Fatalf("docs/helm.md has no commands in the section %s", heading)
	}
	return commands
}

// TestDocumentedHelmIsThePinnedOne checks that docs/helm.md names the version of Helm that the tests use.
func TestDocumentedHelmIsThePinnedOne(t *testing.T) {
	t.Parallel()
	page := read(t, "docs/helm.md")
	documented := regexp.MustCompile(`tested with Helm (v4\.\d+\.\d+)\b`).FindStringSubmatch(page)
	if documented == nil {
		t.Fatal("docs/helm.md does not name the version of Helm that the tests use")
	}
	if pinned := "helm.sh/helm/v4 " + documented[1] + " "; !strings.Contains(read(t, "hack/helm/go.mod"), pinned) {
		t.Errorf("hack/helm does not pin Helm %s", documented[1])
	}
}

// TestReadmeInstallsWithTheCommandsOfTheHelmPage checks that the README and docs/helm.md have the same commands for the installation.
// Without them, the namespace would not enforce the restricted Pod Security Standard, as the README claims.
func TestReadmeInstallsWithTheCommandsOfTheHelmPage(t *testing.T) {
	t.Parallel()
	_, text, _ := strings.Cut(read(t, "README.md"), "\n## Install it in a cluster\n")
	_, text, _ = strings.Cut(text, "docs/helm.md")
	text, _, _ = strings.Cut(text, "\n### ")
	want := strings.Replace(section(t, "Install"), " --set receiver.externalURL=https://hooks.example.com", "", 1)
	if got := commands(text); got != want {
		t.Errorf("the README installs with\n%sdocs/helm.md with\n%s", got, want)
	}
}

// TestDocumentedCommands runs the commands of docs/helm.md. It also checks that changing from kustomize to the chart recreates no object.
func TestDocumentedCommands(t *testing.T) {
	c := newCluster(t)
	if err := c.Apply(t.Context(), "config/default"); err != nil {
		t.Fatal(err)
	}
	uids := func() string {
		return c.kubectl("get", "--output=jsonpath={.items[*].metadata.uid}", "--namespace="+namespace,
			"deployments,services,serviceaccounts,roles,customresourcedefinitions,validatingadmissionpolicies,mutatingadmissionpolicies")
	}
	image := func() string {
		return c.kubectl("get", "deployment", "fastpix-receiver", "--namespace="+namespace, "--output=jsonpath={.spec.template.spec.containers[0].image}")
	}
	before := uids()
	c.expectError("invalid ownership metadata", "install", "fastpix", inRoot(t, chart), "--namespace="+namespace, withImage)
	c.run(section(t, "From kustomize"))
	if after := uids(); after != before {
		t.Errorf("objects were recreated: before %s, after %s", before, after)
	}
	if got := image(); got != "registry.example/fastpix-operator:v1" {
		t.Errorf("after the change to the chart, the image is %s", got)
	}

	c.run(section(t, "Values"))
	c.run(section(t, "Upgrade"))
	if got := image(); got != "registry.example/fastpix-operator:v2" {
		t.Errorf("after the upgrade, the image is %s", got)
	}
	c.run(section(t, "Uninstall"))
	if left := append(c.names("deployments"), c.names("customresourcedefinitions")...); len(left) > 0 {
		t.Errorf("after everything was removed, %v still exist", left)
	}
	c.run(section(t, "Install"))
	if got := image(); got != "registry.example/fastpix-operator:v1" {
		t.Errorf("after the installation, the image is %s", got)
	}
}
