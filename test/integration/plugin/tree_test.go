package plugin

import (
	"strings"
	"testing"

	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// TestTreeShowsWhatBelongsTogether protects the tree: endpoints in their namespace, live streams and media below their endpoint, recordings below their live
// stream, and no more than the limit.
func TestTreeShowsWhatBelongsTogether(t *testing.T) {
	e := framework.NewEndpoint(t)
	for _, body := range framework.ScenarioBodies() {
		e.MustDeliver(t, body)
	}
	framework.WaitJournalEmpty(t)
	in := []string{"tree", "--namespace", e.Namespace}
	out := mustRun(t, in...)
	lines := strings.Split(out, "\n")
	if lines[0] != "namespace/"+e.Namespace || lines[1] != "└── webhookendpoint/fastpix  Ready" {
		t.Errorf("the tree begins with\n%s\n%s", lines[0], lines[1])
	}
	wantLines(t, out, "├── livestream/"+fixtures.Stream+" Deleted", "│ ├── mediaasset/"+fixtures.Clip+" clip, Created", "│ └── mediaasset/"+fixtures.Recording+" recording, Ready",
		"── mediaasset/"+fixtures.MediaC+" Failed")
	if strings.Count(out, fixtures.Recording) != 1 {
		t.Error("the recording is shown twice")
	}
	wantLines(t, mustRun(t, append(in, "--limit", "2")...), "more; see them with --limit 0")
	if kind := mustRun(t, append(in, "-o", "jsonpath={.namespaces[0].children[0].kind}")...); kind != "webhookendpoint" {
		t.Errorf("-o jsonpath prints %q", kind)
	}
	wantMissingRight(t, e.Namespace, "list webhookendpoints.video.fastpix.com in namespace "+e.Namespace, in...)
}
