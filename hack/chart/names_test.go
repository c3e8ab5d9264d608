package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/fastpix-operator/fastpix-operator/internal/plugin"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// condition waits until a condition of the endpoint of the notes has a message with a text.
func (c cluster) condition(kind, text string) {
	c.t.Helper()
	message := ""
	for started := time.Now(); time.Since(started) < 30*time.Second; wait(c.t, 100*time.Millisecond) {
		message = c.kubectl("get", "webhookendpoint", "fastpix", "--namespace=video", `--output=jsonpath={.status.conditions[?(@.type=="`+kind+`")].message}`)
		if strings.Contains(message, text) {
			return
		}
	}
	c.t.Errorf("the condition %s says %q, want a text with %q", kind, message, text)
}

// TestNamesThatAUserChoseWork checks a release with other names of objects, labels and ServiceAccounts. The operator works with the rights of these
// accounts, the admission policies follow them, the conditions name them, and the plugin of kubectl finds them. The names that the manifests have by default get no right.
func TestNamesThatAUserChoseWork(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	binary, err := controlplane.BuildOperator(t.Context(), filepath.Join(c.Dir, "bin"))
	if err != nil {
		t.Fatal(err)
	}
	notes := c.helm("install", "fastpix", inRoot(t, chart), "--namespace="+otherNamespace, "--create-namespace", withImage, "--set=fullnameOverride=hooks,nameOverride=hooks",
		"--set=receiver.serviceAccount.name=rx,controllers.serviceAccount.name=ctl,syncer.serviceAccount.name=sy")
	c.waitEstablished()
	c.expectError("exists and cannot be imported", "install", "second", inRoot(t, chart), "--namespace=another", "--create-namespace", withImage,
		"--set=fullnameOverride=second,crds.enabled=false")

	receiver := c.start(binary, otherNamespace, "hooks-receiver")
	c.start(binary, otherNamespace, "hooks-controller-manager")
	c.start(binary, otherNamespace, "hooks-syncer")
	const endpoint = "{apiVersion: video.fastpix.com/v1alpha1, kind: WebhookEndpoint, metadata: {namespace: video, name: fastpix}, " +
		"spec: {signingSecrets: [{name: fastpix-signing-secret}], sync: {credentialsSecret: {name: api}}}}"
	c.run("kubectl create namespace video\necho '" + endpoint + "' | kubectl apply --filename=-\n")
	c.condition("Ready", "--serviceaccount="+otherNamespace+":rx\n")
	c.condition("Synced", "--serviceaccount="+otherNamespace+":sy")

	c.run(strings.ReplaceAll(commands(notes), "PASTE", fixtures.SigningSecret))
	c.kubectl("wait", "--for=condition=Ready", "webhookendpoint/fastpix", "--namespace=video", "--timeout=30s")
	c.deliver(receiver, "video.media.ready.json", "Ready")
	if got := c.kubectl("get", "events.events.k8s.io", "--namespace=video", "--output=jsonpath={.items[*].reportingController}"); !strings.Contains(got, "fastpix-receiver") {
		t.Errorf("the reporting controllers of Kubernetes Events are %q, want the receiver", got)
	}
	c.checkPlugin()
	for _, account := range []string{"fastpix-controller-manager", "rx", "sy"} {
		_, err := c.Kubectl(t.Context(), "patch", "mediaasset", fixtures.MediaA, "--namespace=video", "--subresource=status", "--type=merge",
			"--patch={\"status\":{\"state\":\"Failed\"}}", "--as=system:serviceaccount:"+otherNamespace+":"+account, "--as-group=system:masters")
		if err == nil || !strings.Contains(err.Error(), otherNamespace+"/ctl") {
			t.Errorf("%s writes a status: %v, want a refusal that names ctl", account, err)
		}
	}
}

// plugin runs "kubectl fastpix" with the operator in otherNamespace, and returns what it prints.
func (c cluster) plugin(args ...string) string {
	c.t.Helper()
	var out bytes.Buffer
	streams := genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &out}
	plugin.Run(c.t.Context(), "v0.0.0-test", append(args, "--kubeconfig="+c.Kubeconfig, "--operator-namespace="+otherNamespace, "--cache-dir="+c.t.TempDir()), streams)
	return out.String()
}

// checkPlugin checks that the plugin finds a release with other names, and grants rights to its ServiceAccounts.
func (c cluster) checkPlugin() {
	c.t.Helper()
	if got := c.plugin("version"); !strings.Contains(got, "receiver ") || !strings.Contains(got, "controllers ") || !strings.Contains(got, "syncer ") {
		c.t.Errorf("version prints\n%s", got)
	}
	got := c.plugin("doctor")
	for _, want := range []string{"the ServiceAccount rx has its rights", "the ServiceAccount ctl has its rights", "the ServiceAccount sy has its rights", "none of 2 pods is ready"} {
		if !strings.Contains(got, want) {
			c.t.Errorf("doctor prints\n%s\nwant %q", got, want)
		}
	}
	// There is no kubelet, so it ends after it has found the Service.
	got = c.plugin("simulate", "video.media.created", "--namespace=video", "--yes")
	if !strings.Contains(got, "none of the 0 pods of the receiver is ready") {
		c.t.Errorf("simulate prints\n%s", got)
	}
	c.plugin("create", "endpoint", "second", "--namespace=video", "--timeout=0")
	if got := c.kubectl("get", "rolebinding", "second-signing-secret", "--namespace=video", "--output=jsonpath={.subjects[*].name}"); got != "rx" {
		c.t.Errorf("create lets %q read the Secret, want rx", got)
	}
}

// TestUpgradeKeepsWhatTheAutoscalerChose checks that no receiver is stopped when the autoscaler of the chart is turned on, nor by an upgrade after it
// has chosen a number.
func TestUpgradeKeepsWhatTheAutoscalerChose(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	replicas := func() string {
		return c.kubectl("get", "deployment", "fastpix-receiver", "--namespace="+otherNamespace, "--output=jsonpath={.spec.replicas}")
	}
	c.helm("install", "fastpix", inRoot(t, chart), "--namespace="+otherNamespace, "--create-namespace", withImage, "--set=receiver.replicas=4")
	upgrade := func() {
		c.helm("upgrade", "fastpix", inRoot(t, chart), "--namespace="+otherNamespace, withImage, "--set=receiver.autoscaling.enabled=true")
	}
	upgrade()
	if got := replicas(); got != "4" {
		t.Errorf("after the autoscaler was turned on there are %s receivers, want 4", got)
	}
	c.kubectl("scale", "deployment", "fastpix-receiver", "--namespace="+otherNamespace, "--replicas=5")
	upgrade()
	if got := replicas(); got != "5" {
		t.Errorf("after an upgrade there are %s receivers, want the 5 of the autoscaler", got)
	}
}
