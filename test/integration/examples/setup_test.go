package examples

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fastpixfake"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
	"github.com/fastpix-operator/fastpix-operator/test/framework/tenant"
)

// These tests protect the set-up of an endpoint: a user who follows its conditions, or the README, gets an endpoint that accepts events.
// Meanwhile FastPix gets the answers that it needs.

// soon is how quickly a condition follows what was done about it.
const soon = 2 * time.Second

// waitReadyCondition waits until Ready has a reason and a message that holds a text.
func waitReadyCondition(t *testing.T, e framework.Endpoint, reason, text string) metav1.Condition {
	t.Helper()
	var c metav1.Condition
	framework.Eventually(t, fmt.Sprintf("Ready says %s %q", reason, text), func(context.Context) error {
		ready := apimeta.FindStatusCondition(e.Read(t).Status.Conditions, fastpixv1.ConditionReady)
		if ready == nil || ready.Reason != reason || !strings.Contains(ready.Message, text) {
			return fmt.Errorf("it says %+v", ready)
		}
		c = *ready
		return nil
	})
	return c
}

// obey runs the commands of a condition's message in a shell, with a signing secret in the place of what stands for it.
func obey(t *testing.T, c metav1.Condition, secret string) {
	t.Helper()
	var script []string
	for line := range strings.Lines(c.Message) {
		if strings.HasPrefix(line, "kubectl ") {
			script = append(script, strings.ReplaceAll(line, "the signing secret that FastPix shows", secret))
		}
	}
	if script == nil {
		t.Fatalf("no command in %q", c.Message)
	}
	if _, err := framework.Deployed.Shell(t.Context(), strings.Join(script, "")); err != nil {
		t.Fatal(err)
	}
}

// waitAnswer delivers events until they are answered with a status code.
func waitAnswer(t *testing.T, e framework.Endpoint, want int, secret string) {
	t.Helper()
	framework.Eventually(t, fmt.Sprintf("deliveries are answered %d", want), func(ctx context.Context) error {
		_, body := framework.NewAsset()
		got, err := framework.Deployed.Receiver.Post(ctx, e.Path(), body, fixtures.Sign(secret, body))
		if err == nil && got != want {
			err = fmt.Errorf("answer %d", got)
		}
		return err
	})
}

// checkUnready checks what the dashboard and FastPix are answered while no key is usable.
func checkUnready(t *testing.T, e framework.Endpoint) {
	t.Helper()
	event := fixtures.Payload("video.media.created.json")
	newer := fixtures.Payload("probe.no-id-no-type.json")
	var wg sync.WaitGroup
	defer wg.Wait()
	for name, tt := range map[string]struct {
		body      []byte
		signature string
		want      int
	}{
		"the dashboard's probe": {body: []byte("{}"), want: http.StatusOK},
		"its newer probe":       {body: newer, signature: fixtures.Sign(fixtures.SigningSecret, newer), want: http.StatusOK},
		"an event":              {body: event, signature: fixtures.Sign(fixtures.SigningSecret, event), want: http.StatusServiceUnavailable},
		"an unsigned event":     {body: event, want: http.StatusServiceUnavailable},
	} {
		wg.Go(func() { // at once: each waits until the Secret is read again
			if got, err := framework.Deployed.Receiver.Post(t.Context(), e.Path(), tt.body, tt.signature); err != nil || got != tt.want {
				t.Errorf("%s is answered %d (%v), want %d", name, got, err, tt.want)
			}
		})
	}
}

// TestFollowingTheConditionsLeadsToReady takes every wrong turn, and each time does what the condition says and nothing else.
func TestFollowingTheConditionsLeadsToReady(t *testing.T) {
	e := framework.Endpoint{Namespace: framework.NewNamespace(t)}
	framework.Create(t, &fastpixv1.WebhookEndpoint{
		ObjectMeta: metav1.ObjectMeta{Namespace: e.Namespace, Name: "fastpix"},
		Spec:       fastpixv1.WebhookEndpointSpec{SigningSecrets: []fastpixv1.SigningSecretReference{{Name: "signing.secret"}}},
	})
	var took []time.Duration
	ready := waitReadyCondition(t, e, fastpixv1.ReasonSecretForbidden, "")
	for _, turn := range []struct {
		store      string // what is stored as the signing secret
		wantReason string
		wantText   string
	}{
		{"", fastpixv1.ReasonSecretNotFound, ""}, // the first only allows reading
		{"hunter2!", fastpixv1.ReasonSecretInvalid, "not base64"},
		{"", fastpixv1.ReasonSecretInvalid, "empty"},
		{"====", fastpixv1.ReasonSecretInvalid, "not base64"},
		{fixtures.SigningSecret, fastpixv1.ReasonAccepting, "1 of 1"},
	} {
		checkUnready(t, e)
		obey(t, ready, turn.store)
		start := time.Now()
		ready = waitReadyCondition(t, e, turn.wantReason, turn.wantText)
		took = append(took, time.Since(start))
		if strings.Contains(ready.Message, "hunter2") {
			t.Errorf("the message quotes the Secret: %s", ready.Message)
		}
	}
	slices.Sort(took)
	t.Logf("conditions follow in %v", took)
	if median := took[len(took)/2]; median > soon { // one may meet a busy machine
		t.Errorf("conditions follow in %v, want %v", took, soon)
	}
	waitAnswer(t, e, http.StatusOK, fixtures.SigningSecret)

	t.Run("the next key", func(t *testing.T) {
		const next = "c2hvcnQ="
		e.Edit(t, func(s *fastpixv1.WebhookEndpointSpec) {
			s.SigningSecrets = append(s.SigningSecrets, fastpixv1.SigningSecretReference{Name: "signing.secret", Key: "next"})
		})
		obey(t, waitReadyCondition(t, e, fastpixv1.ReasonAccepting, `no key "next"`), next)
		waitAnswer(t, e, http.StatusOK, next)
		waitAnswer(t, e, http.StatusOK, fixtures.SigningSecret) // the command did not take it away
		waitReadyCondition(t, e, fastpixv1.ReasonAccepting, "2 of 2")
		weak := apimeta.FindStatusCondition(e.Read(t).Status.Conditions, fastpixv1.ConditionWeakKey)
		if weak == nil || !strings.Contains(weak.Message, "signing.secret") {
			t.Errorf("a key of five bytes is not warned about: %v", weak)
		}
	})
	framework.WaitJournalEmpty(t)
}

// TestSecretThatCannotBeChangedIsReplaced does the same for Secrets of another type, and for immutable ones.
func TestSecretThatCannotBeChangedIsReplaced(t *testing.T) {
	for name, secret := range map[string]*corev1.Secret{
		"another type": {Type: corev1.SecretTypeOpaque, StringData: map[string]string{fastpixv1.DefaultSigningSecretKey: fixtures.SigningSecret}},
		"immutable":    {Type: fastpixv1.SigningSecretType, Immutable: new(true), StringData: map[string]string{"typo": fixtures.SigningSecret}},
	} {
		t.Run(name, func(t *testing.T) {
			e := framework.NewEndpointWith(t, secret)
			obey(t, waitReadyCondition(t, e, fastpixv1.ReasonSecretInvalid, "cannot be changed"), fixtures.SigningSecret)
			e.WaitReady(t)
		})
	}
}

// readmeCommands returns the first commands of the README behind a text.
func readmeCommands(t *testing.T, behind string) string {
	t.Helper()
	return pageCommands(t, "README.md", behind)
}

// pageCommands returns the first commands of a page behind a text.
func pageCommands(t *testing.T, page, behind string) string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), behind)
	var script strings.Builder
	for line := range strings.Lines(rest) {
		if command, ok := strings.CutPrefix(line, "    "); ok {
			script.WriteString(command)
		} else if strings.TrimSpace(line) != "" && script.Len() > 0 {
			break
		}
	}
	if script.Len() == 0 {
		t.Fatalf("%s has no commands behind %q", page, behind)
	}
	return script.String()
}

// sendReadmeDelivery sends the README's signed test delivery to the receiver, and deletes the asset that it brings.
func sendReadmeDelivery(t *testing.T) {
	t.Helper()
	for _, program := range []string{"openssl", "curl", "base64", "od"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Logf("SKIPPED the README's test delivery: %v", err)
			return
		}
	}
	script := strings.ReplaceAll(readmeCommands(t, "and in another one:"), "http://localhost:8080", framework.Deployed.Receiver.ReceiverURL)
	out, err := framework.Deployed.Shell(t.Context(), script)
	if err != nil || !strings.Contains(out, "200 OK") || !strings.Contains(out, fixtures.MediaA) {
		t.Fatalf("the README's test delivery ends with %v:\n%s", err, out)
	}
	framework.Kubectl(t, "delete", "--namespace=video", "mediaasset", fixtures.MediaA)
}

// syncWithReadme runs the README's commands that configure sync, against a workspace with one media, and checks that the media is mirrored. It undoes
// what the commands did, because other tests use the namespace too.
func syncWithReadme(t *testing.T, run func(step, paste string)) {
	t.Helper()
	fake := fastpixfake.New()
	media := fastpixfake.MediaID(1)
	fake.AddWorkspace(string(uuid.NewUUID()), fastpixfake.Access{TokenID: "token", SecretKey: "token"}).
		PutMedia(fastpixfake.NewMedia(media, time.Now().Add(-time.Hour)))
	server, err := fastpixfake.Serve(fake, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	framework.StartSyncer(t, "syncer", server.URL(), "--sync-grace=1s")

	run("6. Compare with FastPix", "token")
	framework.Kubectl(t, "wait", "-n", "video", "--for=create", "mediaasset/"+media, "--timeout=30s")

	framework.Kubectl(t, "patch", "-n", "video", "webhookendpoint", "fastpix", "--type=merge", "-p", `{"spec":{"sync":null}}`)
	framework.Kubectl(t, "delete", "-n", "video", "mediaasset/"+media, "secret/"+tenant.APISecretName)
	framework.Kubectl(t, "delete", "-f", "config/samples/syncer_role.yaml")
}

// TestReadmeWalkthrough runs the commands of the README, and then what a pipeline does: it applies an asset and waits for it while events arrive.
func TestReadmeWalkthrough(t *testing.T) {
	run := func(step, paste string) {
		t.Helper()
		script := strings.ReplaceAll(readmeCommands(t, "**"+step), "PASTE", paste)
		if _, err := framework.Deployed.Shell(t.Context(), script); err != nil {
			t.Fatal(err)
		}
	}
	run("1. Apply an endpoint", "")
	e := framework.Endpoint{Namespace: "video"}
	waitReadyCondition(t, e, fastpixv1.ReasonSecretNotFound, "")
	checkUnready(t, e)
	run("4. Store the signing secret", fixtures.SigningSecret)
	e.WaitReady(t)
	sendReadmeDelivery(t)
	syncWithReadme(t, run)

	framework.Kubectl(t, "apply", "-f", "config/samples/media_asset.yaml")
	waited := make(chan error)
	go func() {
		_, err := framework.Deployed.Kubectl(t.Context(), "wait", "-n", "video", "--for=condition=Ready", "mediaasset/"+fixtures.MediaA, "--timeout=60s")
		waited <- err
	}()
	e.MustDeliver(t, fixtures.Payload("video.media.created.json"))
	e.MustDeliver(t, fixtures.Payload("video.media.ready.json"))
	if err := <-waited; err != nil {
		t.Error(err)
	}
}
