package plugin

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// mirrored delivers samples, and waits until the mirror of the last one's object is written and in a state.
func mirrored(t *testing.T, e framework.Endpoint, kind, id, state string, files ...string) {
	t.Helper()
	for _, f := range files {
		e.MustDeliver(t, framework.RecentPayload(f))
	}
	framework.Eventually(t, kind+" "+id+" is "+state, func(ctx context.Context) error {
		key := client.ObjectKey{Namespace: e.Namespace, Name: id}
		var a fastpixv1.MediaAsset
		var s fastpixv1.LiveStream
		got, events, err := "", 0, error(nil)
		if kind == "livestream" {
			err = framework.Deployed.Admin.Get(ctx, key, &s)
			got, events = s.Status.State, len(s.Status.RecentEvents)
		} else {
			err = framework.Deployed.Admin.Get(ctx, key, &a)
			got, events = a.Status.State, len(a.Status.RecentEvents)
		}
		if err == nil && (got != state || events == 0) {
			err = fmt.Errorf("it is %q after %d events", got, events)
		}
		return err
	})
}

// TestExplainSaysWhy protects people who ask why an object is as it is: for each state the plugin names the event that decides, and exits with 0.
func TestExplainSaysWhy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kind, id, state string
		files           []string
		why             string
		lines           []string
	}{
		"a media that can be played": {
			"mediaasset", fixtures.MediaA, "Ready", []string{"video.media.created.json", "video.media.ready.json"},
			"MediaAsset " + fixtures.MediaA + " can be played, because event video.media.ready of ",
			[]string{"state Ready video.media.ready", "duration 1m34s video.media.ready", "tracks 2 elements video.media.ready", "conditions[Ready] True, Ready follows from the status and the time"},
		},
		"a media that failed": {
			"ma", fixtures.MediaC, "Failed", []string{"video.media.created.failing.json", "video.media.failed.json"},
			"can never be played, because FastPix could not process it: event video.media.failed of ", []string{"conditions[Stalled] True, Failed"},
		},
		"a media that is processed": {
			"mediaasset", fixtures.MediaA, "Created", []string{"video.media.created.json"},
			"cannot be played yet, because FastPix works on it: event video.media.created of ", []string{"conditions[Reconciling] True, Processing"},
		},
		"a deleted media": {
			"mediaasset", fixtures.MediaA, "Deleted", []string{"video.media.ready.json", "video.media.deleted.json"},
			"is a tombstone, because it was deleted on FastPix: event video.media.deleted of ", []string{"deletedTime", "follows from state", "timerTime"},
		},
		"an upload": {
			"mediaasset", fixtures.UploadB, "Waiting", []string{"video.media.upload.json"},
			"cannot be played yet, because FastPix waits for the file: event video.media.upload of ", []string{"uploadID " + fixtures.UploadB},
		},
		"a part alone": {
			"mediaasset", fixtures.MediaA, "", []string{"video.media.track.ready.json"},
			"waits, because only events about its parts have arrived (video.media.track.ready), and none about the object itself.", []string{"tracks["},
		},
		"a stream on air": {
			"livestream", fixtures.Stream, "Active", []string{"video.live_stream.created.json", "video.live_stream.active.json"},
			"LiveStream " + fixtures.Stream + " is on air, because event video.live_stream.active of ", []string{"activeSince", "conditions[Live] True, Active"},
		},
		"a stream whose encoder is gone": {
			"lvs", fixtures.Stream, "Disconnected", []string{"video.live_stream.active.json", "video.live_stream.disconnected.json"},
			"is not on air, because its encoder has disconnected and did not come back in time: event video.live_stream.disconnected of ", []string{"lastActiveTime"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := framework.NewEndpoint(t)
			kind := map[string]string{"ma": "mediaasset", "lvs": "livestream"}[c.kind]
			if kind == "" {
				kind = c.kind
			}
			mirrored(t, e, kind, c.id, c.state, c.files...)
			out := mustRun(t, "explain", c.kind+"/"+c.id, "-n", e.Namespace)
			if first, _, _ := strings.Cut(out, "\n"); !strings.Contains(first, c.why) {
				t.Errorf("it says %q, want %q", first, c.why)
			}
			wantLines(t, out, c.lines...)
			if got := mustRun(t, "explain", c.kind, c.id, "-n", e.Namespace, "-o", "jsonpath={.why}"); !strings.Contains(got, c.why) {
				t.Errorf("-o jsonpath prints %q", got)
			}
		})
	}
}

// TestExplainAndEventsOfNothing protects pipelines that apply an object and wait: the plugin says that no event has arrived.
func TestExplainAndEventsOfNothing(t *testing.T) {
	t.Parallel()
	ns := framework.NewNamespace(t)
	framework.Create(t, &fastpixv1.MediaAsset{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: fixtures.MediaA}, Spec: fastpixv1.MediaAssetSpec{MediaID: fixtures.MediaA}})
	if out := mustRun(t, "explain", "ma/"+fixtures.MediaA, "-n", ns); !strings.Contains(out, "shows nothing yet, because no event about the id "+fixtures.MediaA+" has arrived") {
		t.Error(out)
	}
	if got := run(t, "events", "ma/"+fixtures.MediaA, "-n", ns); got.code != 0 || !strings.Contains(got.problem, "No event about "+fixtures.MediaA+" has been mirrored yet.") {
		t.Errorf("exits with %d: %s%s", got.code, got.out, got.problem)
	}
	for _, command := range []string{"explain", "events"} {
		if got := run(t, command, "ma/none", "-n", ns); got.code != 1 || !strings.Contains(got.problem, `"none" not found`) {
			t.Errorf("%s exits with %d: %s", command, got.code, got.problem)
		}
		if got := run(t, command, "whe/none", "-n", ns); got.code == 0 {
			t.Errorf("%s takes an endpoint: %s", command, got.out)
		}
		if got := run(t, command); got.code != 2 {
			t.Errorf("%s without an argument exits with %d: %s", command, got.code, got.problem)
		}
		wantMissingRight(t, ns, "get mediaassets.video.fastpix.com in namespace "+ns, command, "ma/"+fixtures.MediaA, "-n", ns)
	}
}

// TestEventsShowsATimeLine protects the answer to "did this event arrive".
func TestEventsShowsATimeLine(t *testing.T) {
	t.Parallel()
	e := framework.NewEndpoint(t)
	mirrored(t, e, "mediaasset", fixtures.MediaA, "Ready", "video.media.ready.json", "video.media.created.json", "video.media.track.created.json")
	framework.WaitJournalEmpty(t)
	out := mustRun(t, "events", "mediaasset/"+fixtures.MediaA, "-n", e.Namespace, "--no-headers")
	var types []string
	for line := range strings.Lines(out) {
		types = append(types, strings.Fields(line)[2])
	}
	if got, want := strings.Join(types, " "), "video.media.created video.media.ready video.media.track.created"; got != want {
		t.Errorf("the time line is %s, want %s:\n%s", got, want, out)
	}
	got := mustRun(t, "events", "ma/"+fixtures.MediaA, "-n", e.Namespace, "-o", `jsonpath={.state} {range .events[?(@.type=="video.media.ready")]}{.fields[*]}{end}`)
	if !strings.HasPrefix(got, "Ready ") || !strings.Contains(got, "duration") {
		t.Errorf("-o jsonpath prints %q", got)
	}
}

// output collects what a running command prints.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// TestEventsFollowsAnObject protects those who watch a broadcast: each new event appears once while the command runs, and Ctrl-C ends it.
func TestEventsFollowsAnObject(t *testing.T) {
	t.Parallel()
	e := framework.NewEndpoint(t)
	mirrored(t, e, "livestream", fixtures.Stream, "Idle", "video.live_stream.created.json")
	kubeconfig := user(t, e.Namespace, rbacv1.PolicyRule{APIGroups: []string{"video.fastpix.com"}, Resources: []string{"livestreams"}, Verbs: []string{"get", "watch"}})
	binary, err := plugin()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary, "events", "lvs/"+fixtures.Stream, "-n", e.Namespace, "-w")
	cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "KUBECACHEDIR="+t.TempDir())
	var out output
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	wait := func(text string) {
		framework.Eventually(t, "the command prints "+text, func(context.Context) error {
			if !strings.Contains(out.String(), text) {
				return fmt.Errorf("it printed\n%s", out.String())
			}
			return nil
		})
	}
	wait("video.live_stream.created")
	mirrored(t, e, "livestream", fixtures.Stream, "Active", "video.live_stream.active.json")
	wait("video.live_stream.active")
	mirrored(t, e, "livestream", fixtures.Stream, "Idle", "video.live_stream.idle.json")
	wait("video.live_stream.idle")
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("after Ctrl-C: %v\n%s", err, out.String())
		}
	case <-time.After(10 * time.Second):
		t.Errorf("it runs after Ctrl-C")
	}
	for _, once := range []string{"TYPE", "video.live_stream.created", "video.live_stream.active", "video.live_stream.idle"} {
		if n := strings.Count(out.String(), once); n != 1 {
			t.Errorf("%s is printed %d times:\n%s", once, n, out.String())
		}
	}
}
