package examples

import (
	"slices"
	"strings"
	"testing"

	"github.com/fastpix-operator/fastpix-operator/test/framework"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// These tests run the kubectl commands of the documentation against the samples, and compare what kubectl prints.

func TestKubectlShowsWhatAUserExpects(t *testing.T) {
	e := framework.NewEndpoint(t)
	for _, body := range framework.ScenarioBodies() {
		e.MustDeliver(t, body)
	}
	framework.WaitJournalEmpty(t)
	in := "--namespace=" + e.Namespace

	tests := map[string]struct {
		args []string
		want []string // the columns of the lines, whatever the widths; ages as "*"
	}{
		"assets":           {[]string{"get", "mediaassets", in, "--field-selector=status.state=Created"}, []string{"NAME STATE READY DURATION AGE", fixtures.Clip + " Created False *", fixtures.Seed + " Created False *"}},
		"by short name":    {[]string{"get", "ma", in, "--field-selector=status.state=Ready", "--no-headers"}, []string{fixtures.Recording + " Ready True 59m34s *", fixtures.UploadB + " Ready True 12m7.48s *"}},
		"by what it is":    {[]string{"get", "ma", in, "--field-selector=status.state=Failed", "-o", "name"}, []string{"mediaasset.video.fastpix.com/" + fixtures.MediaC}},
		"not by the timer": {[]string{"get", "ma", in, "--field-selector=status.timer=Upload", "-o", "name"}, nil},
		"streams":          {[]string{"get", "livestreams", in}, []string{"NAME STATE LIVE ACTIVE SINCE AGE", fixtures.Stream + " Deleted False * *"}},
		"by short names":   {[]string{"get", "lvs,whe", in, "-o", "name"}, []string{"livestream.video.fastpix.com/" + fixtures.Stream, "webhookendpoint.video.fastpix.com/fastpix"}},
		"batches":          {[]string{"get", "eventbatches", "--namespace=" + framework.OperatorNamespace, "-o", "name"}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := columns(framework.Kubectl(t, tt.args...)); !slices.EqualFunc(got, tt.want, fits) {
				t.Errorf("kubectl %s prints\n%s\nwant\n%s", strings.Join(tt.args, " "), strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
	t.Run("endpoints", func(t *testing.T) {
		got := columns(framework.Kubectl(t, "get", "webhookendpoints", in))
		if len(got) != 2 || got[0] != "NAME READY REASON SYNCED LAST EVENT URL AGE" || !strings.HasPrefix(got[1], "fastpix True Accepting ") {
			t.Errorf("kubectl get webhookendpoints prints\n%s", strings.Join(got, "\n"))
		}
	})
	t.Run("everything of FastPix", func(t *testing.T) {
		out := framework.Kubectl(t, "get", "fastpix", "-A")
		for _, want := range []string{"mediaasset.video.fastpix.com/" + fixtures.UploadB, "livestream.video.fastpix.com/" + fixtures.Stream, "webhookendpoint.video.fastpix.com/fastpix"} {
			if !strings.Contains(out, want) {
				t.Errorf("kubectl get fastpix -A does not show %s", want)
			}
		}
		if strings.Contains(out, "eventbatch") {
			t.Error("kubectl get fastpix -A shows the operator's journal")
		}
	})
	t.Run("wait", func(t *testing.T) {
		framework.Kubectl(t, "wait", in, "--for=condition=Ready", "mediaasset/"+fixtures.UploadB, "--timeout=10s")
		framework.Kubectl(t, "wait", in, "--for=condition=Stalled", "mediaasset/"+fixtures.MediaC, "--timeout=10s")
		framework.Kubectl(t, "wait", in, "--for=jsonpath={.status.state}=Deleted", "livestream/"+fixtures.Stream, "--timeout=10s")
	})
}

// TestEveryFieldIsExplained protects kubectl explain: every field of every kind has a description.
func TestEveryFieldIsExplained(t *testing.T) {
	for _, kind := range []string{"mediaasset", "livestream", "webhookendpoint", "eventbatch"} {
		for _, part := range []string{"", ".spec", ".status"} {
			out := framework.Kubectl(t, "explain", kind+part)
			if strings.Contains(out, "<no description>") {
				t.Errorf("kubectl explain %s%s has fields without a description:\n%s", kind, part, out)
			}
		}
	}
	for _, field := range []string{"webhookendpoint.spec.sync", "webhookendpoint.spec.sync.credentialsSecret", "webhookendpoint.status.sync"} {
		if out := framework.Kubectl(t, "explain", field); strings.Contains(out, "<no description>") {
			t.Errorf("kubectl explain %s has fields without a description:\n%s", field, out)
		}
	}
	if out := framework.Kubectl(t, "explain", "mediaasset.status"); !strings.Contains(out, "status is the state of the media") || !strings.Contains(out, "playbackIDs") {
		t.Errorf("kubectl explain mediaasset.status prints\n%s", out)
	}
}

// columns splits what kubectl printed into lines with one space between columns.
func columns(out string) []string {
	var lines []string
	for line := range strings.Lines(out) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return lines
}

// fits compares word by word; "*" fits any word.
func fits(got, want string) bool {
	return slices.EqualFunc(strings.Fields(got), strings.Fields(want), func(g, w string) bool { return w == "*" || g == w })
}
