// These tests protect the time line: each event once, in its order, with what it set.
package events

import (
	"strings"
	"testing"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/mirror"
)

func describe(entries []Entry) string {
	var lines []string
	for _, e := range entries {
		lines = append(lines, strings.TrimSpace(e.ID+" "+strings.Join(e.Fields, ",")))
	}
	return strings.Join(lines, "; ")
}

func TestTimeLineHasEachEventOnceInOrder(t *testing.T) {
	t.Parallel()
	m := mirror.Mirror{
		Recent: []fastpixv1.EventLine{
			"2026-03-01T12:00:03.000000Z video.media.updated e3", "2026-03-01T12:00:02.000000Z video.media.ready e2",
			"?2036-01-01T00:00:00.000000Z video.media.updated e0", "- video.media.updated e9",
		},
		Provenance: []fastpixv1.ProvenanceLine{
			"2026-03-01T12:00:02.000000Z video.media.ready e2: state title", "2026-03-01T12:00:01.000000Z video.media.created e1: mediaQuality",
		},
	}
	entries := timeLine(&m)
	if got, want := describe(entries), "e0; e9; e1 mediaQuality; e2 state,title; e3"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	shown := map[string]bool{}
	if got := news(entries[:3], shown); len(got) != 3 {
		t.Errorf("got %s", describe(got))
	}
	if got := describe(news(entries, shown)); got != "e2 state,title; e3" {
		t.Errorf("got %s", got)
	}
}

func TestSummaryShowsTheStateFirst(t *testing.T) {
	t.Parallel()
	for want, set := range map[string][]string{
		"": nil, "title": {"title"}, "state,duration,title": {"duration", "state", "title"}, "state,a,b,c and 2 more": {"a", "b", "c", "d", "e", "state"},
	} {
		if got := summary(set); got != want {
			t.Errorf("%v: got %q, want %q", set, got, want)
		}
	}
}
