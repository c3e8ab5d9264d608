package plugin

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
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

// TestTreeShowsMoreThanOnePage protects lists that the API server gives in pages, and the limit of what is shown.
func TestTreeShowsMoreThanOnePage(t *testing.T) {
	const count = 510 // a page has 500
	namespace := framework.NewNamespace(t)
	framework.InParallel(t, count, func(i int) error {
		id := fmt.Sprintf("stream-%d", i)
		return framework.Deployed.Admin.Create(t.Context(), &fastpixv1.LiveStream{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: id}, Spec: fastpixv1.LiveStreamSpec{StreamID: id},
		})
	})
	in := []string{"tree", "--namespace", namespace}
	if shown := strings.Count(mustRun(t, append(in, "--limit", "0")...), "livestream/"); shown != count {
		t.Errorf("it shows %d live streams of %d", shown, count)
	}
	wantLines(t, mustRun(t, in...), "└── ... and 490 more; see them with --limit 0")
}
