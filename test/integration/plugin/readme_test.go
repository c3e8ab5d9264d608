package plugin

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fastpixfake"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// TestReadmeQuickStart protects the README: its commands of the plugin, one after the other, lead from nothing to the mirror of a media that existed before.
func TestReadmeQuickStart(t *testing.T) {
	api := framework.ServeAPI(t)
	access := fastpixfake.Access{TokenID: string(uuid.NewUUID()), SecretKey: string(uuid.NewUUID())}
	media := fastpixfake.MediaID(1)
	api.AddWorkspace(string(uuid.NewUUID()), access).PutMedia(fastpixfake.NewMedia(media, time.Now().Add(-time.Hour)))
	framework.StartSyncer(t, "syncer", api.URL(), "--sync-grace=1s")
	t.Cleanup(func() { // the syncer of another test has another API
		whe := &fastpixv1.WebhookEndpoint{ObjectMeta: metav1.ObjectMeta{Namespace: "video", Name: "fastpix"}}
		if err := framework.Deployed.Admin.Delete(context.WithoutCancel(t.Context()), whe); err != nil {
			t.Error(err)
		}
	})
	token := filepath.Join(t.TempDir(), "token.txt")
	if err := os.WriteFile(token, []byte("token-id="+access.TokenID+"\nsecret-key="+access.SecretKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	commands := quickStart(t)
	if len(commands) < 5 {
		t.Fatalf("the README has the commands %v", commands)
	}
	var out string
	for _, command := range commands {
		args := strings.Fields(strings.ReplaceAll(command, "token.txt", token))
		got := call{args: args, input: fixtures.SigningSecret}.run(t)
		if want := map[bool]int{true: 3}[args[0] == "status"]; got.code != want { // no pod runs here, and status says so
			t.Fatalf("kubectl fastpix %s exits with %d and prints\n%s%s", command, got.code, got.out, got.problem)
		}
		out = got.out
		if args[0] == "sync" {
			framework.Endpoint{Namespace: "video"}.WaitState(t, media, "Ready")
		}
	}
	wantLines(t, out, "namespace/video", "└── webhookendpoint/fastpix Ready", "└── mediaasset/"+media+" Ready")
}

// quickStart returns the commands of the plugin in the README's section, without "kubectl fastpix".
func quickStart(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n### Set up an endpoint\n")
	section, _, _ = strings.Cut(section, "\n### ")
	var commands []string
	for line := range strings.Lines(section) {
		if command, ok := strings.CutPrefix(line, "    kubectl fastpix "); ok {
			commands = append(commands, strings.TrimSpace(command))
		}
	}
	return commands
}
