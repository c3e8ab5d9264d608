package sync

import (
	"fmt"
	"io"
	"strings"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/cli"
	"github.com/fastpix-operator/fastpix-operator/internal/progress"
)

// barWidth is the number of characters of the bar.
const barWidth = 24

// bar shows how far a run is: as a bar that is drawn again on a terminal, and as a line for each change elsewhere.
type bar struct {
	out      io.Writer
	terminal bool
	now      func() time.Time
	started  time.Time
	shown    string
}

// newBar returns the bar of a run that was requested at a time.
func newBar(o *cli.Options, requested time.Time) *bar {
	return &bar{out: o.ErrOut, terminal: cli.IsTerminal(o.ErrOut), now: o.Now, started: requested}
}

// show shows how far the run of an endpoint is.
func (b *bar) show(e *fastpixv1.WebhookEndpoint) {
	text := b.text(e)
	switch {
	case b.terminal:
		fmt.Fprintf(b.out, "\r\x1b[K%s, %s", text, b.now().Sub(b.started).Round(time.Second))
	case text != b.shown:
		fmt.Fprintln(b.out, text)
	}
	b.shown = text
}

// clear removes the bar from a terminal.
func (b *bar) clear() {
	if b.terminal && b.shown != "" {
		fmt.Fprint(b.out, "\r\x1b[K")
	}
}

// text says how far the run is. The syncer says it of a first run alone, because a later one that finds nothing writes nothing.
func (b *bar) text(e *fastpixv1.WebhookEndpoint) string {
	synced := apimeta.FindStatusCondition(e.Status.Conditions, fastpixv1.ConditionSynced)
	started := e.Status.Sync != nil && e.Status.Sync.LastStartedTime != nil && !e.Status.Sync.LastStartedTime.Time.Before(b.started)
	switch {
	case synced != nil && synced.Reason == fastpixv1.ReasonSyncing:
		if p, ok := progress.Parse(synced.Message); ok {
			return fmt.Sprintf("[%s] %s: page %d of %d", drawn(p.Page, max(p.Pages, p.Page)), p.Of, p.Page, max(p.Pages, p.Page))
		}
		return "The first run has begun"
	case started:
		return "The run has begun"
	default:
		return "Waiting for the run to begin"
	}
}

func drawn(done, all int) string {
	full := barWidth * done / max(all, 1)
	return strings.Repeat("#", full) + strings.Repeat(".", barWidth-full)
}
