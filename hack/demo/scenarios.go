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

// measurements are the durations that the demo measured.
type measurements struct {
	acknowledged, mirrored []time.Duration // for each event, since it was sent
	scenarios              time.Duration   // of all scenarios together
	backfilled, repaired   time.Duration   // since sync was configured, and since the run was requested
}

// titles describe the scenarios. The key is the file of the first event.
var titles = map[string]string{
	"video.media.created.seed.json":     "The sample that FastPix publishes",
	"video.media.created.json":          "A film is pulled from a URL, gets tracks, subtitles and AI texts, and is deleted",
	"video.media.upload.json":           "A user uploads a video from a browser",
	"video.media.upload.cancelled.json": "Another user cancels an upload",
	"video.media.created.failing.json":  "A video cannot be processed",
	"video.live_stream.created.json":    "A live stream with a simulcast target starts, disconnects and reconnects; a clip is created, and the recording becomes a media",
}

// runScenarios sends every event and waits until the mirrors show it.
func (d *demo) runScenarios(ctx context.Context) error {
	started := time.Now()
	rows := &rows{plane: d.plane}
	for _, s := range fixtures.Steps() {
		if title, ok := titles[s.File]; ok {
			fmt.Printf("\n%s\n", title)
			rows.newSection()
		}
		if err := d.runStep(ctx, s, rows); err != nil {
			return fmt.Errorf("%s: %w", s.File, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(d.options.pace):
		}
	}
	d.measured.scenarios = time.Since(started)
	return nil
}

// runStep changes the workspace, sends the event about it, waits until it is mirrored, and prints what changed.
func (d *demo) runStep(ctx context.Context, s fixtures.Step, rows *rows) error {
	body := fixtures.Payload(s.File)
	if err := d.workspace.applyIfOwn(body); err != nil {
		return err
	}
	sent := time.Now()
	if err := d.receiver.Deliver(ctx, path, body, fixtures.Sign(fixtures.SigningSecret, body)); err != nil {
		return err
	}
	acknowledged := time.Since(sent)
	for _, want := range s.Then {
		err := withProgress(s.File+" is mirrored", func() error { return controlplane.WaitMirror(ctx, d.client, namespace, want) })
		if err != nil {
			return err
		}
	}
	mirrored := time.Since(sent)
	d.measured.acknowledged = append(d.measured.acknowledged, acknowledged)
	d.measured.mirrored = append(d.measured.mirrored, mirrored)
	fmt.Printf("  POST %-47s 200 in %3d ms, mirrored in %4d ms  %s\n", eventType(body), acknowledged.Milliseconds(), mirrored.Milliseconds(), details(s))
	return rows.print(ctx, s)
}

func eventType(body []byte) string {
	var event struct{ Type string }
	_ = json.Unmarshal(body, &event) // every sample of a scenario has a type
	return event.Type
}

var (
	filter = regexp.MustCompile(`\[\?\(@\.\w+=="([^"]*)"\)\]|\[[*0]\]`)
	longID = regexp.MustCompile(`^([0-9a-f]{8})[0-9a-f-]{24,}$`)
)

// details returns the fields that the event set, for example tracks[it].state="Available".
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

// median returns the median of a list that is not empty.
func median(list []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)/2]
}
