// These tests protect the identity of what an event is about, row by row of section 6.1 of the protocol notes: for every type of the
// catalogue the first usable id in the family's order counts, and no id of anything else is ever taken for it.
package event

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// place is where an id can stand: a field of data, or the object as something.
type place string

const (
	asMedia    place = "object as media"
	asUpload   place = "object as upload"
	asLive     place = "object as live"
	asOther    place = "object as account"
	asUnsaid   place = "object"
	dataID     place = "id"
	dataMedia  place = "mediaId"
	dataUpload place = "uploadId"
	dataStream place = "streamId"
	dataLive   place = "livestreamId"
	dataTarget place = "simulcastId"
	dataMade   place = "playbackId" // a field that names nothing
)

var objectTypes = map[place]string{asMedia: "media", asUpload: "upload", asLive: "live", asOther: "account", asUnsaid: ""}

// bodyWith returns an event with an id of its own in each of the places; of several objects the first.
func bodyWith(t *testing.T, typ string, places []place) []byte {
	t.Helper()
	data := map[string]any{}
	body := map[string]any{"type": typ, "id": "event", "data": data}
	for _, p := range places {
		kind, isObject := objectTypes[p]
		switch {
		case !isObject:
			data[string(p)] = idAt(p)
		case body["object"] == nil:
			body["object"] = map[string]string{"type": kind, "id": idAt(p)}
		}
	}
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func idAt(p place) string { return "id at " + string(p) }

// resource is what an event of these families is about, and what else may stand in its body.
type resource struct {
	families []record.Family
	types    []string // only these of the families, if any
	except   []string
	kind     record.Kind
	from     []place // in the order in which they count
	never    []place // what alone names no resource
	with     place   // what is always there
}

func TestTheFirstUsableIDNamesTheResource(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for name, row := range map[string]resource{
		"media": {
			families: []record.Family{record.FamilyMedia}, except: []string{typeMediaCreated}, kind: record.MediaAsset,
			from: []place{asMedia, dataID, dataMedia, asUnsaid}, never: []place{dataStream, dataLive, dataUpload, asLive},
		},
		"upload": {
			families: []record.Family{record.FamilyUpload}, kind: record.MediaAsset,
			from: []place{dataUpload, asMedia, dataID, dataMedia}, never: []place{dataStream, dataTarget, asLive},
		},
		"upload of an older page": {
			families: []record.Family{record.FamilyUpload}, kind: record.MediaAsset,
			from: []place{dataUpload, asUpload, dataID}, never: []place{dataStream, asLive},
		},
		"media of an upload": {
			families: []record.Family{record.FamilyMedia}, types: []string{typeMediaCreated}, kind: record.MediaAsset,
			from: []place{asMedia, dataMedia, dataID}, never: []place{dataStream, dataLive, asLive},
		},
		"media of an upload, whose object has no type": {
			families: []record.Family{record.FamilyMedia}, types: []string{typeMediaCreated}, kind: record.MediaAsset,
			from: []place{asUnsaid, dataMedia, dataID}, never: []place{dataStream, asLive},
		},
		"part of a media": {
			families: []record.Family{record.FamilyTrack, record.FamilySubtitle, record.FamilyAI}, kind: record.MediaAsset,
			from: []place{asMedia, dataMedia}, never: []place{dataID, dataStream, dataUpload, asLive},
		},
		"part of a media, whose object has no type": {
			families: []record.Family{record.FamilyTrack, record.FamilySubtitle, record.FamilyAI}, kind: record.MediaAsset,
			from: []place{asUnsaid, dataMedia, asOther}, never: []place{dataID, dataStream, asLive},
		},
		"stream": {
			families: []record.Family{record.FamilyStream}, kind: record.LiveStream,
			from: []place{asLive, dataStream, dataID, asUnsaid}, never: []place{dataMedia, dataUpload, asMedia},
		},
		"simulcast target": {
			families: []record.Family{record.FamilySimulcast}, kind: record.LiveStream,
			from: []place{asLive, dataStream, dataLive}, never: []place{dataID, dataTarget, dataMedia, asMedia},
		},
		"simulcast target, whose object has no type": {
			families: []record.Family{record.FamilySimulcast}, kind: record.LiveStream,
			from: []place{asUnsaid, dataStream}, never: []place{dataID, dataTarget},
		},
		"media cut from a stream": {
			families: []record.Family{record.FamilyRecording, record.FamilyClip}, except: []string{typeRecordingReady}, kind: record.MediaAsset,
			from: []place{asMedia, dataID, dataMedia}, never: []place{dataStream, dataLive, dataUpload, asLive},
		},
		"stream that a media was cut from": {
			families: []record.Family{record.FamilyRecording, record.FamilyClip}, except: []string{typeRecordingReady}, kind: record.LiveStream,
			from: []place{dataStream, dataLive, asLive}, never: []place{dataUpload}, with: dataMedia,
		},
		"stream of a finished recording": {
			families: []record.Family{record.FamilyRecording}, types: []string{typeRecordingReady}, kind: record.LiveStream,
			from: []place{asLive, dataStream, dataID}, never: []place{dataUpload, dataTarget},
		},
		"media of a finished recording": {
			families: []record.Family{record.FamilyRecording}, types: []string{typeRecordingReady}, kind: record.MediaAsset,
			from: []place{dataMedia, asMedia}, never: []place{dataUpload},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, typ := range record.Catalogue() {
				if row.covers(typ) {
					row.check(t, typ.Name)
				}
			}
		})
		for _, typ := range record.Catalogue() {
			seen[typ.Name] = seen[typ.Name] || row.covers(typ)
		}
	}
	for _, typ := range record.Catalogue() {
		if !seen[typ.Name] {
			t.Errorf("no row is about %s", typ.Name)
		}
	}
}

func (r resource) covers(t record.Type) bool {
	return slices.Contains(r.families, t.Family) && !slices.Contains(r.except, t.Name) && (r.types == nil || slices.Contains(r.types, t.Name))
}

// check takes the places away one by one.
func (r resource) check(t *testing.T, typ string) {
	t.Helper()
	never := slices.Concat([]place{dataMade}, r.never)
	if r.with != "" {
		never = append(never, r.with)
	}
	for i, p := range r.from {
		body := bodyWith(t, typ, slices.Concat(r.from[i:], never))
		e, err := Decode(body)
		if err != nil {
			t.Errorf("%v: %s", err, body)
			continue
		}
		if !slices.ContainsFunc(e.Changes, func(c record.Change) bool { return c.Kind == r.kind && c.ID == idAt(p) }) {
			t.Errorf("%s is not about %s: %s", typ, p, body)
		}
	}
	body := bodyWith(t, typ, never)
	switch e, err := Decode(body); {
	case err != nil && !errors.Is(err, ErrNoID):
		t.Errorf("%v: %s", err, body)
	case err == nil && slices.ContainsFunc(e.Changes, func(c record.Change) bool { return c.Kind == r.kind }):
		t.Errorf("%s finds a resource in %s", typ, body)
	}
}
