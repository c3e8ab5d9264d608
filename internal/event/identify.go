package event

import (
	"slices"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// ids are the usable ids of one body, and the kind of its object. The family decides which of them names the resource: see section 6.1 of
// the protocol notes.
type ids struct {
	kind                                objectKind
	object                              string // object.id
	data, media, upload, stream, target string // data.id, .mediaId, .uploadId, .streamId or .livestreamId, .simulcastId
}

func (d *decoder) ids() ids {
	p := &d.payload
	i := ids{
		kind:   d.objectKind(),
		object: d.id("object.id", d.object.id),
		data:   d.id("data.id", p.id),
		media:  d.id("data.mediaId", p.mediaID),
		upload: d.id("data.uploadId", p.uploadID),
		target: d.id("data.simulcastId", p.simulcastID),
	}
	i.stream = first(d.id("data.streamId", p.streamID), d.id("data.livestreamId", p.livestreamID))
	return i
}

// objectIf returns object.id if the object is of one of those kinds.
func (i ids) objectIf(kinds ...objectKind) string {
	if slices.Contains(kinds, i.kind) {
		return i.object
	}
	return ""
}

// wholeMedia finds the media of an event whose data is the media itself.
func (i ids) wholeMedia() string {
	return first(i.objectIf(objectMedia), i.data, i.media, i.objectIf(objectUnnamed, objectOther, objectUpload))
}

// fromUpload finds the media that an upload became.
func (i ids) fromUpload() string {
	return first(i.objectIf(objectMedia, objectUnnamed), i.media, i.data, i.objectIf(objectOther, objectUpload))
}

// partOfMedia finds the media of an event whose data is a part of it. The part's own id is data.id.
func (i ids) partOfMedia() string {
	return first(i.objectIf(objectMedia, objectUnnamed), i.media, i.objectIf(objectOther, objectUpload), i.wholeOfPart())
}

// wholeOfPart returns object.id if the object is called a part and is not the part in data.
func (i ids) wholeOfPart() string {
	if i.data == "" && i.target == "" || i.object == i.data || i.object == i.target {
		return ""
	}
	return i.objectIf(objectPart)
}

// uploadSession finds the upload of an event about an upload. FastPix's SDKs call a cancelled upload a media.
func (i ids) uploadSession() string {
	return first(i.upload, i.objectIf(objectUnnamed, objectOther, objectMedia, objectUpload), i.data, i.media)
}

// mediaOfUpload finds the media that an upload became, if the body names another id than the upload's own; empty otherwise.
func (i ids) mediaOfUpload() string {
	upload := first(i.upload, i.objectIf(objectUpload))
	if upload == "" {
		return ""
	}
	for _, id := range []string{i.media, i.objectIf(objectMedia), i.data} {
		if id != "" && id != upload {
			return id
		}
	}
	return ""
}

// cutFromStream finds the media of an event about a recording or clip. It never returns the stream's id, which may be in a field where the
// media's id is expected.
func (i ids) cutFromStream() string {
	stream := i.sourceStream()
	for _, id := range []string{i.objectIf(objectMedia, objectUnnamed), i.data, i.media, i.objectIf(objectOther)} {
		if id != stream && id != "" {
			return id
		}
	}
	return ""
}

// sourceStream finds the stream that a media, or a part of it, was made of.
func (i ids) sourceStream() string { return first(i.stream, i.objectIf(objectLive)) }

// wholeStream finds the stream of an event whose data is the stream itself.
func (i ids) wholeStream() string {
	return first(i.objectIf(objectLive), i.stream, i.data, i.objectIf(objectUnnamed, objectOther))
}

// partOfStream finds the stream of an event about a simulcast target.
func (i ids) partOfStream() string {
	return first(i.objectIf(objectLive, objectUnnamed), i.stream, i.objectIf(objectOther), i.wholeOfPart())
}

func first(ids ...string) string {
	for _, id := range ids {
		if id != "" {
			return id
		}
	}
	return ""
}

func mediaChange(id string, m *record.MediaChange) record.Change {
	return record.Change{Kind: record.MediaAsset, ID: id, Media: m}
}

func streamChange(id string, s *record.StreamChange) record.Change {
	return record.Change{Kind: record.LiveStream, ID: id, Stream: s}
}

// notEmpty returns a pointer to s; nil if it is empty.
func notEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
