package sync

import (
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	apimeta "k8s.io/apimachinery/pkg/api/meta"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/plugin/cli"
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

func (b *bar) text(e *fastpixv1.WebhookEndpoint) string {
	synced := apimeta.FindStatusCondition(e.Status.Conditions, fastpixv1.ConditionSynced)
	started := e.Status.Sync != nil && e.Status.Sync.LastStartedTime != nil && !e.Status.Sync.LastStartedTime.Time.Before(b.started)
	switch {
	case synced != nil && synced.Reason == fastpixv1.ReasonSyncing:
		if what, done, all, ok := pages(synced.Message); ok {
			return fmt.Sprintf("[%s] %s: page %d of %d", drawn(done, all), what, done, all)
		}
		return "The first run has begun"
	case started:
		return "The run has begun"
	default:
		return "Waiting for the run to begin"
	}
}

// progress is what the syncer says of a first run. It says nothing of later ones, because a run that finds nothing writes nothing.
var progress = regexp.MustCompile(`read page (\d+) of (\d+) of the (media|live streams)`)

// pages returns how far a first run is, from the message of the condition Synced.
func pages(message string) (what string, done, all int, ok bool) {
	found := progress.FindStringSubmatch(message)
	if found == nil {
		return "", 0, 0, false
	}
	done, _ = strconv.Atoi(found[1])
	all, _ = strconv.Atoi(found[2])
	return found[3], done, max(all, done), true
}

func drawn(done, all int) string {
	full := barWidth * done / max(all, 1)
	return strings.Repeat("#", full) + strings.Repeat(".", barWidth-full)
}
