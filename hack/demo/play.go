package main

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// tally is what the demo measured.
type tally struct {
	acknowledged, mirrored []time.Duration // for each event, after it was sent
	took                   time.Duration
}

// titles say what a story is about, before its first event.
var titles = map[string]string{
	"video.media.created.seed.json":     "The sample that FastPix publishes",
	"video.media.created.json":          "A film is pulled from a URL, gets tracks, subtitles and AI texts, and is deleted",
	"video.media.upload.json":           "Somebody uploads a video from a browser",
	"video.media.upload.cancelled.json": "Somebody else cancels the upload",
	"video.media.created.failing.json":  "A video cannot be processed",
	"video.live_stream.created.json":    "A live stream with a simulcast target goes on air, drops, comes back; a clip is cut, the recording becomes a media",
}

// play sends every event and waits for what it leads to.
func (d *demo) play(ctx context.Context) error {
	started := time.Now()
	rows := &rows{plane: d.plane}
	for _, s := range fixtures.Steps() {
		if title, ok := titles[s.File]; ok {
			fmt.Printf("\n%s\n", title)
			rows.newSection()
		}
		if err := d.tell(ctx, s, rows); err != nil {
			return fmt.Errorf("%s: %w", s.File, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(d.options.pace):
		}
	}
	d.told.took = time.Since(started)
	return nil
}

// tell sends one event and shows what has changed when it is mirrored.
func (d *demo) tell(ctx context.Context, s fixtures.Step, rows *rows) error {
	body := fixtures.Payload(s.File)
	sent := time.Now()
	if err := d.receiver.Deliver(ctx, path, body, fixtures.Sign(fixtures.SigningSecret, body)); err != nil {
		return err
	}
	acknowledged := time.Since(sent)
	for _, want := range s.Then {
		err := patiently(s.File+" is mirrored", func() error { return controlplane.WaitMirror(ctx, d.client, namespace, want) })
		if err != nil {
			return err
		}
	}
	mirrored := time.Since(sent)
	d.told.acknowledged = append(d.told.acknowledged, acknowledged)
	d.told.mirrored = append(d.told.mirrored, mirrored)
	fmt.Printf("  POST %-47s 200 in %3d ms, mirrored in %4d ms  %s\n", eventType(body), acknowledged.Milliseconds(), mirrored.Milliseconds(), details(s))
	return rows.print(ctx, s)
}

func eventType(body []byte) string {
	var event struct{ Type string }
	_ = json.Unmarshal(body, &event) // a sample without a type is none of the stories'
	return event.Type
}

var (
	filter = regexp.MustCompile(`\[\?\(@\.\w+=="([^"]*)"\)\]|\[[*0]\]`)
	longID = regexp.MustCompile(`^([0-9a-f]{8})[0-9a-f-]{24,}$`)
)

// details names the fields that the event set and no column shows: tracks[it].state="Available".
func details(s fixtures.Step) string {
	var fields []string
	for _, m := range s.Then {
		for path, value := range m.Fields {
			name := strings.TrimSuffix(strings.TrimPrefix(path, "{.status."), "}")
			if strings.HasPrefix(name, "conditions") || value == "" {
				continue
			}
			name = strings.ReplaceAll(filter.ReplaceAllString(name, "[$1]"), "[]", "")
			fields = append(fields, fmt.Sprintf("%s=%q", name, longID.ReplaceAllString(value, "$1…")))
		}
	}
	slices.Sort(fields)
	return strings.Join(fields, " ")
}

// median of a list that is not empty.
func median(list []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)/2]
}
