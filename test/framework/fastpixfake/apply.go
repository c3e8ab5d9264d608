package fastpixfake

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// apiEvent is what Apply reads of an event.
type apiEvent struct {
	Type      string `json:"type"`
	CreatedAt string `json:"createdAt"`
	Object    struct {
		ID string `json:"id"`
	} `json:"object"`
	Data Row `json:"data"`
}

// Apply changes the workspace as FastPix does when it sends an event: after it, the API and the event say the same. An event about an upload
// changes nothing, because uploads are no media.
func (w *Workspace) Apply(body []byte) error {
	var e apiEvent
	if err := json.Unmarshal(body, &e); err != nil {
		return fmt.Errorf("decode the event: %w", err)
	}
	t, ok := record.Lookup(e.Type)
	if !ok {
		return nil // the API does not show what is not known
	}
	switch t.Family {
	case record.FamilyStream:
		w.applyStream(t, &e)
	case record.FamilySimulcast:
		w.applyTarget(t, &e)
	case record.FamilyTrack:
		w.applyTrack(t, &e)
	case record.FamilyMedia, record.FamilyRecording, record.FamilyClip:
		w.applyMedia(t, &e)
	case record.FamilyUpload, record.FamilySubtitle, record.FamilyAI, record.FamilyPart, record.FamilyOther:
		// a list of the API omits what AI found, and uploads are no media
	}
	return nil
}

// mediaWords are the API's words for the states that types of events set.
var mediaWords = map[string]string{record.StateCreated: "Created", record.StateReady: "Ready", record.StateFailed: "Failed"}

func (w *Workspace) applyMedia(t record.Type, e *apiEvent) {
	id := first(text(e.Data, "id"), text(e.Data, "mediaId"), e.Object.ID)
	if t.State == record.StateDeleted {
		w.DeleteMedia(id)
		return
	}
	row := w.Media(id)
	if row == nil {
		row = Row{"id": id, "status": "Created", "createdAt": first(text(e.Data, "createdAt"), e.CreatedAt)}
	}
	created := row["createdAt"]
	maps.Copy(row, e.Data)
	row["id"], row["createdAt"] = id, created
	if word, ok := mediaWords[t.State]; ok {
		row["status"] = word
	}
	row["updatedAt"] = first(text(e.Data, "updatedAt"), e.CreatedAt)
	w.PutMedia(row)
}

// applyTrack changes one track of a media.
func (w *Workspace) applyTrack(t record.Type, e *apiEvent) {
	media := first(text(e.Data, "mediaId"), e.Object.ID)
	row := w.Media(media)
	if row == nil {
		return
	}
	id := first(text(e.Data, "id"), text(e.Data, "trackId"))
	tracks, _ := row["tracks"].([]any)
	tracks = slices.DeleteFunc(tracks, func(track any) bool { return elementID(track, "id") == id })
	if !t.RemovesPart {
		tracks = append(tracks, any(e.Data))
	}
	row["tracks"], row["updatedAt"] = tracks, e.CreatedAt
	w.PutMedia(row)
}

// streamWords are the API's four words for the six states that events know.
var streamWords = map[string]string{
	record.StateIdle: "idle", record.StateConnected: "idle", record.StatePreparing: "preparing", record.StateActive: "active",
	record.StateDisconnected: "idle", record.StateDisabled: "disabled",
}

func (w *Workspace) applyStream(t record.Type, e *apiEvent) {
	id := first(text(e.Data, "streamId"), text(e.Data, "id"), e.Object.ID)
	if t.State == record.StateDeleted {
		w.DeleteStream(id)
		return
	}
	row := w.Stream(id)
	if row == nil {
		row = Row{"streamId": id, "status": "idle", "createdAt": first(text(e.Data, "createdAt"), e.CreatedAt)}
	}
	created, status := row["createdAt"], row["status"]
	maps.Copy(row, e.Data)
	delete(row, "id")
	row["streamId"], row["createdAt"], row["status"] = id, created, status
	if word, ok := streamWords[t.State]; ok {
		row["status"] = word
	}
	w.PutStream(row)
}

// applyTarget changes one simulcast target of a stream.
func (w *Workspace) applyTarget(t record.Type, e *apiEvent) {
	row := w.Stream(first(text(e.Data, "streamId"), text(e.Data, "livestreamId"), e.Object.ID))
	if row == nil {
		return
	}
	id := first(text(e.Data, "simulcastId"), text(e.Data, "id"))
	targets, _ := row["simulcastResponses"].([]any)
	targets = slices.DeleteFunc(targets, func(target any) bool { return elementID(target, "simulcastId") == id })
	if !t.RemovesPart {
		targets = append(targets, any(Row{"simulcastId": id, "isEnabled": e.Data["isEnabled"], "url": e.Data["url"], "streamKey": e.Data["streamKey"]}))
	}
	row["simulcastResponses"] = targets
	w.PutStream(row)
}

func elementID(element any, field string) string {
	switch e := element.(type) {
	case map[string]any:
		return strings.ToLower(text(e, field))
	case Row:
		return strings.ToLower(text(e, field))
	}
	return ""
}

func first(texts ...string) string {
	for _, s := range texts {
		if s != "" {
			return s
		}
	}
	return ""
}
