package examples

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
	"github.com/fastpix-operator/fastpix-operator/test/framework/process"
)

// consumer returns the identity of the examples in the endpoint's namespace, with the rights that are given beside them.
func consumer(t *testing.T, e framework.Endpoint) controlplane.Identity {
	t.Helper()
	framework.Kubectl(t, "apply", "--namespace="+e.Namespace, "--filename=docs/examples/consumer/rbac.yaml")
	identity, err := framework.Deployed.ServiceAccount(t.Context(), e.Namespace, "fastpix-consumer")
	if err != nil {
		t.Fatal(err)
	}
	return identity
}

// entry waits until the example's ConfigMap of a media has these data, or does not exist if they are nil.
func entry(t *testing.T, e framework.Endpoint, media string, want map[string]string) {
	t.Helper()
	framework.Eventually(t, fmt.Sprintf("the entry of %s is %v", media, want), func(ctx context.Context) error {
		var entry corev1.ConfigMap
		err := framework.Deployed.Admin.Get(ctx, client.ObjectKey{Namespace: e.Namespace, Name: "media-" + media}, &entry)
		if want == nil && apierrors.IsNotFound(err) {
			return nil
		}
		if err != nil || want == nil {
			return errors.Join(err, fmt.Errorf("it is %v", entry.Data))
		}
		if len(entry.OwnerReferences) != 1 || entry.OwnerReferences[0].Name != media {
			return fmt.Errorf("it belongs to %v", entry.OwnerReferences)
		}
		if got, want := fmt.Sprint(entry.Data), fmt.Sprint(want); got != want {
			return fmt.Errorf("it is %s", got)
		}
		return nil
	})
}

// TestConsumerFollowsMedia protects docs/examples/consumer: with the few rights that are beside it, the example follows what the operator
// writes, and catches up with what happened while it was away.
func TestConsumerFollowsMedia(t *testing.T) {
	e := framework.NewEndpoint(t)
	binary := filepath.Join(t.TempDir(), "consumer")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./docs/examples/consumer").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	example := &process.Process{
		Name: "consumer", Path: binary, Args: []string{e.Namespace}, Env: []string{"KUBECONFIG=" + consumer(t, e).Kubeconfig},
		Log: filepath.Join(framework.Deployed.LogDir(), "consumer.log"), Ready: func(context.Context) error { return nil },
	}
	t.Cleanup(example.Kill)
	start := func() {
		if err := example.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	deliver := func(files ...string) {
		for _, file := range files {
			e.MustDeliver(t, fixtures.Payload(file))
		}
	}
	start()
	deliver("video.media.created.json", "video.media.ready.json")
	entry(t, e, fixtures.MediaA, map[string]string{"title": "Autumn launch film", "playbackID": "5b2e567b-b933-471b-beac-3e81260bfcbe"})
	if err := example.Stop(); err != nil {
		t.Fatal(err)
	}

	deliver("video.media.deleted.json", "video.media.ready.direct-upload.json")
	framework.WaitJournalEmpty(t)
	start()
	entry(t, e, fixtures.MediaA, nil)
	entry(t, e, fixtures.UploadB, map[string]string{"title": "", "playbackID": "5b319009-def2-4067-a81c-a306c5fdf501"})
	framework.Kubectl(t, "delete", "mediaasset", fixtures.UploadB, "--namespace="+e.Namespace)
	entry(t, e, fixtures.UploadB, nil)
	if err := example.Stop(); err != nil {
		t.Fatal(err)
	}
}

// script returns a command of the examples' scripts, under the examples' rights, that ends with everything it started.
func script(ctx context.Context, e framework.Endpoint, identity controlplane.Identity, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "docs/examples/consumer/"+name, append([]string{e.Namespace}, args...)...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+identity.Kubeconfig, "PATH="+filepath.Dir(framework.Deployed.KubectlPath())+":"+os.Getenv("PATH"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	return cmd
}

// TestScriptFollowsMedia protects the same in a shell: every state is printed once, even if the watch ends meanwhile.
func TestScriptFollowsMedia(t *testing.T) {
	e := framework.NewEndpoint(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*framework.PollTimeout)
	defer cancel()
	script := script(ctx, e, consumer(t, e), "watch.sh")
	out, err := script.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := script.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	prints := func(state string) {
		t.Helper()
		if want := fixtures.MediaA + "\t" + state; !lines.Scan() || lines.Text() != want {
			t.Fatalf("the script prints %q, want %q; %v", lines.Text(), want, lines.Err())
		}
	}
	e.MustDeliver(t, fixtures.Payload("video.media.created.json"))
	prints("Created")
	e.MustDeliver(t, fixtures.Payload("video.media.ready.json"))
	prints("Ready")

	framework.Deployed.APIServer.Kill()
	if err := framework.Deployed.APIServer.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	e.MustDeliver(t, fixtures.Payload("video.media.deleted.json"))
	prints("Deleted")
	if err := errors.Join(script.Cancel(), script.Wait()); err == nil {
		t.Error("the script ended by itself")
	}
}

// TestWaitScriptEndsOnSuccessAndFailure protects pipelines from waiting for a media that has failed.
func TestWaitScriptEndsOnSuccessAndFailure(t *testing.T) {
	e := framework.NewEndpoint(t)
	identity := consumer(t, e)
	for media, want := range map[string]struct {
		files []string
		code  int
		says  string
	}{
		fixtures.MediaA: {[]string{"video.media.created.json", "video.media.ready.json"}, 0, ""},
		fixtures.MediaC: {[]string{"video.media.created.failing.json", "video.media.failed.json"}, 1, "FastPix could not process the media"},
	} {
		e.MustDeliver(t, fixtures.Payload(want.files[0]))
		framework.WaitJournalEmpty(t)
		ctx, cancel := context.WithTimeout(t.Context(), framework.PollTimeout)
		defer cancel()
		script := script(ctx, e, identity, "wait.sh", media, "10m")
		var out bytes.Buffer
		script.Stdout, script.Stderr = &out, &out
		if err := script.Start(); err != nil {
			t.Fatal(err)
		}
		e.MustDeliver(t, fixtures.Payload(want.files[1]))
		err := script.Wait()
		if code := script.ProcessState.ExitCode(); code != want.code || !strings.Contains(out.String(), want.says) {
			t.Errorf("of %s it ends with %d (%v) and says %q, want %d and %q", media, code, err, out.String(), want.code, want.says)
		}
	}
}
