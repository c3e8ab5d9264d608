package main

import (
	"encoding/json"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/util/uuid"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fastpixfake"
	"github.com/fastpix-operator/fastpix-operator/test/framework/fixtures"
)

// access is the access token of the fake workspace.
var access = fastpixfake.Access{TokenID: "demo-token", SecretKey: "demo-key"}

// workspace is the fake workspace that the endpoint mirrors, and the API that shows it.
type workspace struct {
	*fastpixfake.Workspace
	api *fastpixfake.Server
}

// past are the media that the workspace has before the operator is installed.
var past = []struct{ title, state, duration string }{
	{"Welcome", record.StateReady, "00:01:30"},
	{"First steps", record.StateReady, "00:04:12"},
	{"Spring collection", record.StateReady, "00:00:45"},
	{"Interview, uncut", record.StateReady, "01:02:03"},
	{"Broken upload", record.StateFailed, ""},
	{"Summer collection", record.StateReady, "00:00:50"},
	{"Town hall", record.StateReady, "00:41:07"},
	{"Winter collection", record.StateCreated, ""},
}

// processing is the index of the media that FastPix still processes. Its webhook gets lost.
const processing = 7

// newWorkspace serves the API of a workspace with a past. It has the id that the scenarios' events carry.
func newWorkspace(now time.Time) (*workspace, error) {
	scenarios, err := fixtures.LoadScenarios()
	if err != nil {
		return nil, err
	}
	fake := fastpixfake.New()
	w := &workspace{Workspace: fake.AddWorkspace(scenarios.IDs["workspace"], access)}
	for i := range past {
		w.PutMedia(pastMedia(i, now))
	}
	w.PutStream(fastpixfake.NewStream(fastpixfake.StreamID(0), now.AddDate(0, -2, 0)))
	w.api, err = fastpixfake.Serve(fake, "127.0.0.1:0")
	return w, err
}

// pastMedia returns a media of the past, as the API shows it. They were created one a week.
func pastMedia(i int, now time.Time) fastpixfake.Row {
	row := fastpixfake.NewMedia(fastpixfake.MediaID(i), now.AddDate(0, 0, -7*(len(past)-i)))
	row["title"], row["status"], row["duration"] = past[i].title, past[i].state, past[i].duration
	if past[i].state != record.StateReady {
		for _, unknown := range []string{"duration", "aspectRatio", "sourceResolution", "tracks"} {
			delete(row, unknown)
		}
	}
	return row
}

// pastMirrors returns what the mirrors of the past show.
func pastMirrors() []fixtures.Mirror {
	mirrors := []fixtures.Mirror{{Kind: "LiveStream", ID: fastpixfake.StreamID(0), State: record.StateIdle}}
	for i, p := range past {
		mirrors = append(mirrors, fixtures.Mirror{
			Kind: "MediaAsset", ID: fastpixfake.MediaID(i), State: p.state, Fields: map[string]string{"{.status.title}": p.title},
		})
	}
	return mirrors
}

// finalPastMirrors returns what the mirrors of the past show after the lost webhook was repaired.
func finalPastMirrors() []fixtures.Mirror {
	mirrors := pastMirrors()
	for i := range mirrors {
		if mirrors[i].ID == fastpixfake.MediaID(processing) {
			mirrors[i].State = record.StateReady
			mirrors[i].Fields["{.status.duration}"] = "2m3s"
		}
	}
	return mirrors
}

// readyEvent returns the event that FastPix sends when it has processed that media.
func readyEvent(workspaceID string, now time.Time) ([]byte, error) {
	id := fastpixfake.MediaID(processing)
	media := fastpixfake.NewMedia(id, now)
	media["title"], media["duration"], media["updatedAt"] = past[processing].title, "00:02:03", fastpixfake.Time(now)
	return json.Marshal(map[string]any{
		"type": "video.media.ready", "id": uuid.NewUUID(), "createdAt": fastpixfake.Time(now),
		"object": map[string]any{"type": "media", "id": id}, "workspace": map[string]any{"name": "Development", "id": workspaceID}, "data": media,
	})
}

// applyIfOwn changes the workspace as an event says, if the event is of this workspace. The sample that FastPix publishes is of another one.
func (w *workspace) applyIfOwn(body []byte) error {
	var event struct{ Workspace struct{ ID string } }
	if err := json.Unmarshal(body, &event); err != nil {
		return fmt.Errorf("decode the event: %w", err)
	}
	if event.Workspace.ID != w.ID {
		return nil
	}
	return w.Apply(body)
}

// requests returns how many requests the API got since the last call.
func (w *workspace) requests() (n int) {
	for _, of := range w.api.Requests() {
		n += of
	}
	return n
}

// close ends the API.
func (w *workspace) close() error {
	if w == nil || w.api == nil {
		return nil
	}
	return w.api.Close()
}
