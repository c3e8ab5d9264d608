// These tests protect the identity of the resource, row by row of section 6.1 of the protocol notes: for every type of the catalogue the
// first usable id in the order of the family counts, and no id of another thing is ever used.
package event

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// position is a position of an id: a field of data, or the object with a kind.
type position string

const (
	asMedia    position = "object as media"
	asUpload   position = "object as upload"
	asLive     position = "object as live"
	asOther    position = "object as account"
	asUnnamed  position = "object"
	dataID     position = "id"
	dataMedia  position = "mediaId"
	dataUpload position = "uploadId"
	dataStream position = "streamId"
	dataLive   position = "livestreamId"
	dataTarget position = "simulcastId"
	dataMade   position = "playbackId" // a field that names nothing
)

var objectTypes = map[position]string{asMedia: "media", asUpload: "upload", asLive: "live", asOther: "account", asUnnamed: ""}

// bodyWith returns an event with a different id in each of the positions. If several positions are objects, it uses the first.
func bodyWith(t *testing.T, typ string, positions []position) []byte {
	t.Helper()
	data := map[string]any{}
	body := map[string]any{"type": typ, "id": "event", "data": data}
	for _, p := range positions {
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

func idAt(p position) string { return "id at " + string(p) }

// resource describes the events of some families: which ids name the resource, and which ids do not.
type resource struct {
	families []record.Family
	types    []string // only these of the families, if any
	except   []string
	kind     record.Kind
	from     []position // in the order of priority
	never    []position // ids that alone name no resource
	with     position   // an id that every body has
}

func TestTheFirstUsableIDNamesTheResource(t *testing.T) {
	t.Parallel()
	covered := map[string]bool{}
	for name, row := range map[string]resource{
		"media": {
			families: []record.Family{record.FamilyMedia}, except: []string{typeMediaCreated}, kind: record.MediaAsset,
			from: []position{asMedia, dataID, dataMedia, asUnnamed}, never: []position{dataStream, dataLive, dataUpload, asLive},
		},
		"upload": {
			families: []record.Family{record.FamilyUpload}, kind: record.MediaAsset,
			from: []position{dataUpload, asMedia, dataID, dataMedia}, never: []position{dataStream, dataTarget, asLive},
		},
		"upload of an older page": {
			families: []record.Family{record.FamilyUpload}, kind: record.MediaAsset,
			from: []position{dataUpload, asUpload, dataID}, never: []position{dataStream, asLive},
		},
		"media of an upload": {
			families: []record.Family{record.FamilyMedia}, types: []string{typeMediaCreated}, kind: record.MediaAsset,
			from: []position{asMedia, dataMedia, dataID}, never: []position{dataStream, dataLive, asLive},
		},
		"media of an upload, whose object has no type": {
			families: []record.Family{record.FamilyMedia}, types: []string{typeMediaCreated}, kind: record.MediaAsset,
			from: []position{asUnnamed, dataMedia, dataID}, never: []position{dataStream, asLive},
		},
		"part of a media": {
			families: []record.Family{record.FamilyTrack, record.FamilySubtitle, record.FamilyAI}, kind: record.MediaAsset,
			from: []position{asMedia, dataMedia}, never: []position{dataID, dataStream, dataUpload, asLive},
		},
		"part of a media, whose object has no type": {
			families: []record.Family{record.FamilyTrack, record.FamilySubtitle, record.FamilyAI}, kind: record.MediaAsset,
			from: []position{asUnnamed, dataMedia, asOther}, never: []position{dataID, dataStream, asLive},
		},
		"stream": {
			families: []record.Family{record.FamilyStream}, kind: record.LiveStream,
			from: []position{asLive, dataStream, dataID, asUnnamed}, never: []position{dataMedia, dataUpload, asMedia},
		},
		"simulcast target": {
			families: []record.Family{record.FamilySimulcast}, kind: record.LiveStream,
			from: []position{asLive, dataStream, dataLive}, never: []position{dataID, dataTarget, dataMedia, asMedia},
		},
		"simulcast target, whose object has no type": {
			families: []record.Family{record.FamilySimulcast}, kind: record.LiveStream,
			from: []position{asUnnamed, dataStream}, never: []position{dataID, dataTarget},
		},
		"media cut from a stream": {
			families: []record.Family{record.FamilyRecording, record.FamilyClip}, except: []string{typeRecordingReady}, kind: record.MediaAsset,
			from: []position{asMedia, dataID, dataMedia}, never: []position{dataStream, dataLive, dataUpload, asLive},
		},
		"stream that a media was cut from": {
			families: []record.Family{record.FamilyRecording, record.FamilyClip}, except: []string{typeRecordingReady}, kind: record.LiveStream,
			from: []position{dataStream, dataLive, asLive}, never: []position{dataUpload}, with: dataMedia,
		},
		"stream of a finished recording": {
			families: []record.Family{record.FamilyRecording}, types: []string{typeRecordingReady}, kind: record.LiveStream,
			from: []position{asLive, dataStream, dataID}, never: []position{dataUpload, dataTarget},
		},
		"media of a finished recording": {
			families: []record.Family{record.FamilyRecording}, types: []string{typeRecordingReady}, kind: record.MediaAsset,
			from: []position{dataMedia, asMedia}, never: []position{dataUpload},
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
			covered[typ.Name] = covered[typ.Name] || row.covers(typ)
		}
	}
	for _, typ := range record.Catalogue() {
		if !covered[typ.Name] {
			t.Errorf("no row is about %s", typ.Name)
		}
	}
}

func (r resource) covers(t record.Type) bool {
	return slices.Contains(r.families, t.Family) && !slices.Contains(r.except, t.Name) && (r.types == nil || slices.Contains(r.types, t.Name))
}

// check removes the positions one by one.
func (r resource) check(t *testing.T, typ string) {
	t.Helper()
	never := slices.Concat([]position{dataMade}, r.never)
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
