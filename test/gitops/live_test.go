package gitops

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

const (
	operatorNamespace = "fastpix-system"
	secretName        = "fastpix-signing-secret"
)

// world is a real API server with the operator, to which the examples are applied.
type world struct {
	*controlplane.ControlPlane
	t      *testing.T
	admin  client.Client
	checks map[string]string // of Argo CD, by kind
}

func newWorld(t *testing.T) *world {
	t.Helper()
	c, err := controlplane.Start(t.Context(), controlplane.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	scheme := runtime.NewScheme()
	if err := fastpixv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	admin, err := client.New(c.Config(), client.Options{Scheme: scheme})
	if err = errors.Join(err, c.Apply(t.Context(), "config/default")); err != nil {
		t.Fatal(err)
	}
	return &world{c, t, admin, nil}
}

func (w *world) kubectl(args ...string) string {
	w.t.Helper()
	out, err := w.Kubectl(w.t.Context(), args...)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// operate starts the controllers and the receiver, and returns the receiver.
func (w *world) operate() *controlplane.Operator {
	w.t.Helper()
	binary, err := controlplane.BuildOperator(w.t.Context(), filepath.Join(w.Dir, "bin"))
	if err != nil {
		w.t.Fatal(err)
	}
	start := func(account, flag string) *controlplane.Operator {
		identity, err := w.ServiceAccount(w.t.Context(), operatorNamespace, account)
		if err != nil {
			w.t.Fatal(err)
		}
		o, err := w.NewOperator(account, binary, identity, flag, "--syncer=false", "--drain-delay=0s")
		if err == nil {
			err = o.Start(w.t.Context())
		}
		if err != nil {
			w.t.Fatal(err)
		}
		return o
	}
	start("fastpix-controller-manager", "--receiver=false")
	return start("fastpix-receiver", "--controllers=false")
}

// eventually fails the test if check does not return nil within a minute.
func (w *world) eventually(what string, check func(context.Context) error) {
	w.t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(w.t.Context(), 20*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		err := check(ctx)
		if ctx.Err() == nil {
			last = err
		}
		return err == nil, nil
	})
	if err != nil {
		w.t.Fatalf("wait until %s: %v", what, errors.Join(err, last))
	}
}

// wantVerdict waits until an object of the namespace video has been looked at and its Ready condition has a reason, and checks what is
// then concluded. Without a reason it must not have been looked at.
func (w *world) wantVerdict(kind, name, reason string, want verdict) {
	w.t.Helper()
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(fastpixv1.GroupVersion.WithKind(kind))
	w.eventually(fmt.Sprintf("%s %s has the reason %q", kind, name, reason), func(ctx context.Context) error {
		if err := w.admin.Get(ctx, client.ObjectKey{Namespace: "video", Name: name}, u); err != nil {
			return err
		}
		var seen struct {
			ObservedGeneration int64
			Conditions         []struct{ Type, Reason string }
		}
		if err := reread(u.Object["status"], &seen); err != nil {
			return err
		}
		got := ""
		for _, c := range seen.Conditions {
			if c.Type == fastpixv1.ConditionReady {
				got = c.Reason
			}
		}
		if got != reason || reason != "" && seen.ObservedGeneration != u.GetGeneration() {
			return fmt.Errorf("its status is %v", u.Object["status"])
		}
		return nil
	})
	if got := judge(w.t, w.checks, u.Object); got != want {
		w.t.Errorf("%s %s, with the reason %q, is %v, want %v", kind, name, reason, got, want)
	}
}

// reread decodes a part of an object into a struct.
func reread(from, into any) error {
	text, err := yaml.Marshal(from)
	if err != nil {
		return err
	}
	return yaml.Unmarshal(text, into)
}

// installFlux installs the CRDs of Flux, made from the markers of its API packages as Flux makes them.
func (w *world) installFlux() {
	w.t.Helper()
	folder := w.t.TempDir()
	cmd := exec.CommandContext(w.t.Context(), "go", "tool", "controller-gen", "crd", "output:crd:dir="+folder,
		"paths=github.com/fluxcd/helm-controller/api/v2", "paths=github.com/fluxcd/kustomize-controller/api/v1",
		"paths=github.com/fluxcd/source-controller/api/v1")
	cmd.Dir = "flux"
	if out, err := cmd.CombinedOutput(); err != nil {
		w.t.Fatalf("make the CRDs of Flux: %v\n%s", err, out)
	}
	w.kubectl("apply", "--server-side", "--filename="+folder)
	w.waitEstablished("customresourcedefinition", "--all")
}

// installArgo installs the CRD that Argo CD publishes.
func (w *world) installArgo() {
	w.t.Helper()
	folder, err := controlplane.PublishedModule(w.t.Context(), "github.com/argoproj/argo-cd/v3")
	if err != nil {
		w.t.Fatal(err)
	}
	crd := filepath.Join(folder, "manifests/crds/application-crd.yaml")
	w.kubectl("create", "--filename="+crd)
	w.waitEstablished("--filename=" + crd)
}

// secret stores the signing secret under a type.
func (w *world) secret(secretType string) {
	w.t.Helper()
	w.kubectl("create", "secret", "generic", secretName, "--namespace=video", "--type="+secretType, "--from-literal=signing-secret="+fixtures.SigningSecret)
}

// tell delivers samples to the endpoint.
func (w *world) tell(receiver *controlplane.Operator, files ...string) {
	w.t.Helper()
	for _, file := range files {
		body := fixtures.Payload(file)
		if err := receiver.Deliver(w.t.Context(), "/webhooks/video/fastpix", body, fixtures.Sign(fixtures.SigningSecret, body)); err != nil {
			w.t.Fatalf("%s: %v", file, err)
		}
	}
}

// waitJob runs the command of the example's Job, under the rights of its ServiceAccount and with the timeout given.
func (w *world) waitJob(timeout string) (string, error) {
	w.t.Helper()
	var job batchv1.Job
	documents := documents(w.t, "wait_job.yaml")
	if err := yaml.UnmarshalStrict(documents[len(documents)-1], &job); err != nil {
		w.t.Fatal(err)
	}
	pod := job.Spec.Template.Spec
	identity, err := w.ServiceAccount(w.t.Context(), job.Namespace, pod.ServiceAccountName)
	if err != nil {
		w.t.Fatal(err)
	}
	command := pod.Containers[0].Command
	if command[0] != "kubectl" {
		w.t.Fatalf("the Job runs %v", command)
	}
	args := slices.Concat(command[1:], []string{"--timeout=" + timeout})
	cmd := exec.CommandContext(w.t.Context(), w.KubectlPath(), args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+identity.Kubeconfig)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// followPage runs the commands that docs/gitops.md has for other pipelines, with an image in the place of what stands for it. Nothing runs
// Jobs here, so the test says that it is done.
func (w *world) followPage() {
	w.t.Helper()
	page, err := os.ReadFile(inRoot(w.t, "docs/gitops.md"))
	if err != nil {
		w.t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "## Any other pipeline")
	var commands []string
	for line := range strings.Lines(section) {
		if command, ok := strings.CutPrefix(line, "    "); ok {
			commands = append(commands, command)
		} else if len(commands) > 0 {
			break
		}
	}
	const image = "registry.example/mine:v2"
	run := func(script string) {
		w.t.Helper()
		script = "cd " + inRoot(w.t, ".") + "\n" + strings.ReplaceAll(script, "YOUR/KUBECTL:TAG", image)
		if _, err := w.Shell(w.t.Context(), script); err != nil {
			w.t.Fatal(err)
		}
	}
	last := len(commands) - 1
	if last < 1 || !strings.HasPrefix(commands[last], "kubectl wait ") {
		w.t.Fatalf("the page has the commands %q", commands)
	}
	run(strings.Join(commands[:last], ""))
	if got := w.kubectl("get", "job", "wait-for-asset", "--namespace=video", "--output=jsonpath={.spec.template.spec.containers[*].image}"); got != image {
		w.t.Errorf("after the commands of the page the Job runs %s", got)
	}
	w.kubectl("patch", "job", "wait-for-asset", "--namespace=video", "--subresource=status", "--type=merge", `--patch={"status":{"succeeded":1,
		"startTime":"2026-11-20T09:00:00Z","completionTime":"2026-11-20T09:01:00Z","uncountedTerminatedPods":{},
		"conditions":[{"type":"SuccessCriteriaMet","status":"True"},{"type":"Complete","status":"True"}]}}`)
	run(commands[last])
}

// teachArgo merges the health checks into a ConfigMap that holds something else already, and takes them from there.
func (w *world) teachArgo() {
	w.t.Helper()
	w.kubectl("create", "configmap", "argocd-cm", "--namespace=argocd", "--from-literal=url=https://argocd.example")
	w.kubectl("patch", "configmap", "argocd-cm", "--namespace=argocd", "--patch-file="+inRoot(w.t, "config/gitops/argocd/health.yaml"))
	merged := w.kubectl("get", "configmap", "argocd-cm", "--namespace=argocd", "--output=yaml")
	if !strings.Contains(merged, "url: https://argocd.example") {
		w.t.Error("the patch took away what was there")
	}
	w.checks = argoChecks(w.t, []byte(merged))
}

// waitEstablished waits for CRDs.
func (w *world) waitEstablished(which ...string) {
	w.t.Helper()
	if err := w.WaitEstablished(w.t.Context(), which...); err != nil {
		w.t.Fatal(err)
	}
}

// checkJobRights checks that the Job's account sees the asset that it waits for, and nothing else.
func (w *world) checkJobRights() {
	w.t.Helper()
	may := func(args ...string) bool {
		out, _ := w.Kubectl(w.t.Context(), append([]string{"auth", "can-i", "--as=system:serviceaccount:video:wait-for-asset"}, args...)...)
		return strings.TrimSpace(out) == "yes"
	}
	for question, want := range map[string]bool{
		"get mediaassets.video.fastpix.com/" + fixtures.MediaA + " -n video":   true,
		"get mediaassets.video.fastpix.com/" + fixtures.MediaC + " -n video":   false,
		"list mediaassets.video.fastpix.com -n video":                          false,
		"list mediaassets.video.fastpix.com -A":                                false,
		"get secrets -n video":                                                 false,
		"patch mediaassets.video.fastpix.com/" + fixtures.MediaA + " -n video": false,
	} {
		if got := may(strings.Fields(question)...); got != want {
			w.t.Errorf("the Job may %s: %t, want %t", question, got, want)
		}
	}
}

// TestExamplesOnARealAPIServer protects the examples as a user meets them: the API server takes them, the conditions of every kind are
// read rightly from the first moment on, and what waits for an asset goes on when it is there.
func TestExamplesOnARealAPIServer(t *testing.T) {
	w := newWorld(t)
	w.installFlux()
	w.installArgo()
	w.kubectl("create", "namespace", "flux-system")
	w.kubectl("create", "namespace", "argocd")
	for _, file := range []string{"flux/operator.yaml", "flux/chart.yaml", "flux/video.yaml", "argocd/operator.yaml", "argocd/chart.yaml", "argocd/video.yaml"} {
		w.kubectl("create", "--dry-run=server", "--validate=strict", "--warnings-as-errors", "--filename="+inRoot(t, "config/gitops/"+file))
	}
	w.teachArgo()
	w.kubectl("create", "namespace", "video")
	w.kubectl("label", "namespace", "video", "pod-security.kubernetes.io/warn=restricted")
	w.kubectl("apply", "--server-side", "--warnings-as-errors", "--kustomize="+inRoot(t, "config/gitops/video"))
	w.kubectl("apply", "--dry-run=server", "--warnings-as-errors", "--filename="+inRoot(t, "config/gitops/wait_job.yaml"))
	w.followPage()
	w.checkJobRights()

	for kind, name := range map[string]string{"WebhookEndpoint": "fastpix", "MediaAsset": fixtures.MediaA, "LiveStream": fixtures.Stream} {
		w.wantVerdict(kind, name, "", inProgress)
	}

	receiver := w.operate()
	w.wantVerdict("WebhookEndpoint", "fastpix", "SecretNotFound", inProgress)
	w.secret("Opaque")
	w.wantVerdict("WebhookEndpoint", "fastpix", "SecretInvalid", inProgress)
	w.kubectl("delete", "rolebinding", secretName, "--namespace=video")
	w.wantVerdict("WebhookEndpoint", "fastpix", "SecretForbidden", inProgress)
	w.kubectl("apply", "--server-side", "--kustomize="+inRoot(t, "config/gitops/video"))
	w.kubectl("delete", "secret", secretName, "--namespace=video")
	w.secret(fastpixv1.SigningSecretType)
	w.wantVerdict("WebhookEndpoint", "fastpix", "Accepting", healthy)
	w.kubectl("patch", "webhookendpoint", "fastpix", "--namespace=video", "--type=merge", `--patch={"spec":{"suspend":true}}`)
	w.wantVerdict("WebhookEndpoint", "fastpix", "Suspended", suspended)
	w.kubectl("patch", "webhookendpoint", "fastpix", "--namespace=video", "--type=merge", `--patch={"spec":{"suspend":false}}`)
	w.wantVerdict("WebhookEndpoint", "fastpix", "Accepting", healthy)

	w.tell(receiver, "video.media.created.json", "video.live_stream.created.json")
	w.wantVerdict("MediaAsset", fixtures.MediaA, "Processing", inProgress)
	w.wantVerdict("LiveStream", fixtures.Stream, "Ready", healthy)
	if out, err := w.waitJob("1s"); err == nil || !strings.Contains(out, "timed out") {
		t.Errorf("the Job did not wait: %v: %s", err, out)
	}
	type result struct {
		out string
		err error
	}
	waited := make(chan result)
	go func() {
		out, err := w.waitJob("60s")
		waited <- result{out, err}
	}()
	w.tell(receiver, "video.media.ready.json")
	if r := <-waited; r.err != nil {
		t.Errorf("the Job waited in vain: %v: %s", r.err, r.out)
	}
	w.wantVerdict("MediaAsset", fixtures.MediaA, "Ready", healthy)

	w.tell(receiver, "video.media.deleted.json", "video.media.created.failing.json", "video.media.failed.json", "video.media.upload.json",
		"video.media.upload.cancelled.json", "video.live_stream.disabled.json")
	w.wantVerdict("MediaAsset", fixtures.MediaA, "Deleted", failed)
	w.wantVerdict("MediaAsset", fixtures.MediaC, "Failed", failed)
	w.wantVerdict("MediaAsset", fixtures.UploadB, "AwaitingUpload", inProgress)
	w.wantVerdict("MediaAsset", fixtures.CancelledUpload, "Cancelled", failed)
	w.wantVerdict("LiveStream", fixtures.Stream, "Disabled", failed)

	// What Git holds after its purge is made anew, and is told nothing while other things are.
	w.kubectl("patch", "webhookendpoint", "fastpix", "--namespace=video", "--type=merge", `--patch={"spec":{"retention":{"deleted":"1s"}}}`)
	w.wantVerdict("WebhookEndpoint", "fastpix", "Accepting", healthy)
	w.tell(receiver, "video.live_stream.deleted.json")
	w.kubectl("wait", "livestream", fixtures.Stream, "--namespace=video", "--for=delete", "--timeout=60s")
	w.kubectl("apply", "--server-side", "--kustomize="+inRoot(t, "config/gitops/video"))
	w.tell(receiver, "video.media.ready.direct-upload.json")
	w.wantVerdict("MediaAsset", fixtures.UploadB, "Ready", healthy)
	w.wantVerdict("LiveStream", fixtures.Stream, "", inProgress)
}
