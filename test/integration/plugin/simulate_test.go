package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// simulation is what simulate prints as JSON.
type simulation struct {
	Event, Type, URL, Answer string
	Objects                  []struct{ Kind, ID, Name string }
}

// simulate posts a sample event to the endpoint of a namespace.
func simulate(t *testing.T, namespace, typ string, args ...string) simulation {
	t.Helper()
	out := mustRun(t, append([]string{"simulate", typ, "-n", namespace, "--url", framework.Deployed.Receiver.ReceiverURL, "-o", "json"}, args...)...)
	var s simulation
	if err := json.Unmarshal([]byte(out), &s); err != nil || len(s.Objects) == 0 {
		t.Fatalf("%v: %s", err, out)
	}
	return s
}

// TestSimulateMirrorsEveryType protects those who try out an endpoint: an event of every type is accepted, and its objects appear and are recognizable.
func TestSimulateMirrorsEveryType(t *testing.T) {
	t.Parallel()
	e := framework.NewEndpoint(t)
	types := record.Catalogue()
	all := make([]simulation, len(types))
	framework.InParallel(t, len(types), func(i int) error {
		all[i] = simulate(t, e.Namespace, types[i].Name)
		return nil
	})
	for _, s := range all {
		for _, o := range s.Objects {
			framework.Eventually(t, s.Type+" is mirrored", func(ctx context.Context) error {
				recent, err := recentEvents(ctx, e.Namespace, o.Kind, o.Name)
				if err == nil && !slices.ContainsFunc(recent, func(line fastpixv1.EventLine) bool { return line.Event().ID == s.Event }) {
					err = fmt.Errorf("event %s is not in %v", s.Event, recent)
				}
				return err
			})
			if !strings.HasPrefix(o.Name, "00000000") {
				t.Errorf("%s %s cannot be told from a real one", o.Kind, o.Name)
			}
		}
	}
	// The command says how to remove what it made.
	out := mustRun(t, "simulate", "video.media.ready", "-n", e.Namespace, "--url", framework.Deployed.Receiver.ReceiverURL+e.Path())
	_, remove, found := strings.Cut(out, "To remove it:\n  kubectl ")
	if !found {
		t.Fatal(out)
	}
	args := strings.Fields(remove)
	framework.Eventually(t, "it can be removed as the command says", func(ctx context.Context) error {
		_, err := framework.Deployed.Kubectl(ctx, args...)
		return err
	})
}

func recentEvents(ctx context.Context, namespace, kind, name string) ([]fastpixv1.EventLine, error) {
	key := client.ObjectKey{Namespace: namespace, Name: name}
	if kind == "LiveStream" {
		var s fastpixv1.LiveStream
		err := framework.Deployed.Admin.Get(ctx, key, &s)
		return s.Status.RecentEvents, err
	}
	var a fastpixv1.MediaAsset
	err := framework.Deployed.Admin.Get(ctx, key, &a)
	return a.Status.RecentEvents, err
}

// TestSimulateGoesOnWithAnObject protects those who play a whole scenario: --media continues with the same media, and the endpoint is not refused.
func TestSimulateGoesOnWithAnObject(t *testing.T) {
	t.Parallel()
	e := framework.NewEndpoint(t)
	e.Edit(t, func(s *fastpixv1.WebhookEndpointSpec) { s.WorkspaceID = "11111111-2222-4333-8444-555555555555" })
	id := simulate(t, e.Namespace, "video.media.created").Objects[0].ID
	e.WaitState(t, id, "Created")
	simulate(t, e.Namespace, "video.media.ready", "--media", id, "--signing-secret-file", file(t, []byte(fixtures.SigningSecret)))
	if a := e.WaitState(t, id, "Ready"); a.Status.WorkspaceID != "11111111-2222-4333-8444-555555555555" {
		t.Errorf("it belongs to workspace %s", a.Status.WorkspaceID)
	}
	stream := simulate(t, e.Namespace, "video.live_stream.active").Objects[0].ID
	simulate(t, e.Namespace, "video.live_stream.idle", "--stream", stream)
	framework.Eventually(t, "the stream is idle", func(ctx context.Context) error {
		var s fastpixv1.LiveStream
		err := framework.Deployed.Admin.Get(ctx, client.ObjectKey{Namespace: e.Namespace, Name: stream}, &s)
		if err == nil && s.Status.State != record.StateIdle {
			err = fmt.Errorf("it is %s", s.Status.State)
		}
		return err
	})
}

// TestSimulateRefusesRealEndpoints protects real mirrors: nothing is posted beside them without --yes.
func TestSimulateRefusesRealEndpoints(t *testing.T) {
	t.Parallel()
	e := framework.NewEndpoint(t)
	genuine := e.MirrorAsset(t)
	args := []string{"simulate", "video.media.ready", "-n", e.Namespace, "--url", framework.Deployed.Receiver.ReceiverURL, "--media", genuine}
	got := run(t, args...)
	if got.code != 1 || !strings.Contains(got.problem, "mirrors real objects, such as MediaAsset "+genuine) || !strings.Contains(got.problem, "--yes") {
		t.Errorf("exits with %d: %s%s", got.code, got.out, got.problem)
	}
	if a, err := e.Asset(t, genuine); err != nil || a.Status.State != "Created" {
		t.Errorf("the real media is %q: %v", a.Status.State, err)
	}
	out := mustRun(t, append(args, "--yes")...)
	if !strings.Contains(out, "stays until a newer event or sync corrects it") {
		t.Errorf("it does not warn:\n%s", out)
	}
	e.WaitState(t, genuine, "Ready")

	// Without the mirror the endpoint's last event is still a real one.
	framework.Eventually(t, "the endpoint shows its last event", func(context.Context) error {
		if e.Read(t).Status.LastEventTime == nil {
			return fmt.Errorf("it does not")
		}
		return nil
	})
	framework.Kubectl(t, "delete", "mediaasset", genuine, "-n", e.Namespace)
	if got := run(t, args[:6]...); got.code != 1 || !strings.Contains(got.problem, "no simulated object explains it") {
		t.Errorf("exits with %d: %s%s", got.code, got.out, got.problem)
	}
}

// TestSimulateSaysWhatIsWrong protects those who mistype, and those with few rights.
func TestSimulateSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	e := framework.NewEndpoint(t)
	url := framework.Deployed.Receiver.ReceiverURL
	for want, c := range map[string]struct {
		code int
		args []string
	}{
		"the operator does not know the type":       {2, []string{"video.media.holographic.ready"}},
		"is not about a media":                      {2, []string{"video.live_stream.idle", "--media", "m-1"}},
		"is no URL of HTTP or HTTPS":                {2, []string{"video.media.ready", "--url", "localhost:8080"}},
		"401 Unauthorized: the endpoint does not":   {1, []string{"video.media.ready", "--url", url, "--signing-secret-file", file(t, []byte(framework.OtherSigningSecret))}},
		"404 Not Found: there is no such endpoint":  {1, []string{"video.media.ready", "--url", url + "/webhooks/nobody/nothing"}},
		"the signing secret is not base64":          {1, []string{"video.media.ready", "--url", url, "--signing-secret-file", file(t, []byte("not base64!"))}},
		`webhookendpoints.video.fastpix.com "none"`: {1, []string{"video.media.ready", "--endpoint", "none"}},
		"none of the 0 pods of the receiver":        {1, []string{"video.media.ready"}}, // the control plane of tests runs no pods
		"no Service of the receiver":                {1, []string{"video.media.ready", "--operator-namespace", "default"}},
	} {
		got := run(t, append([]string{"simulate", "-n", e.Namespace}, c.args...)...)
		if got.code != c.code || !strings.Contains(got.problem, want) {
			t.Errorf("%v exits with %d, want %d and %q: %s%s", c.args, got.code, c.code, want, got.out, got.problem)
		}
	}
	if got := run(t, "simulate", "video.media.ready", "-n", framework.NewNamespace(t)); got.code != 1 || !strings.Contains(got.problem, "has no WebhookEndpoint") {
		t.Errorf("exits with %d: %s%s", got.code, got.out, got.problem)
	}
	createOther(t, e.Namespace, framework.OtherSigningSecret)
	if got := run(t, "simulate", "video.media.ready", "-n", e.Namespace); got.code != 2 || !strings.Contains(got.problem, "several WebhookEndpoints") {
		t.Errorf("exits with %d: %s%s", got.code, got.out, got.problem)
	}

	args := []string{"simulate", "video.media.ready", "-n", e.Namespace, "--endpoint", "fastpix", "--url", url}
	wantMissingRight(t, e.Namespace, "get webhookendpoints.video.fastpix.com in namespace "+e.Namespace, args...)
	look := rbacv1.PolicyRule{APIGroups: []string{"video.fastpix.com"}, Resources: []string{"webhookendpoints", "mediaassets", "livestreams"}, Verbs: []string{"get", "list"}}
	got := call{kubeconfig: user(t, e.Namespace, look), args: args}.run(t)
	if got.code != 4 || !strings.Contains(got.problem, "you need the right to get secrets in namespace "+e.Namespace) {
		t.Errorf("exits with %d: %s%s", got.code, got.out, got.problem)
	}
	secret := rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{"signing-secret"}, Verbs: []string{"get"}}
	if got := (call{kubeconfig: user(t, e.Namespace, look, secret), args: args}).run(t); got.code != 0 {
		t.Errorf("exits with %d: %s%s", got.code, got.out, got.problem)
	}
	got = call{kubeconfig: user(t, e.Namespace, look, secret), args: args[:6]}.run(t)
	if got.code != 4 || !strings.Contains(got.problem, "you need the right to get services in namespace "+framework.OperatorNamespace) {
		t.Errorf("exits with %d: %s%s", got.code, got.out, got.problem)
	}
}
