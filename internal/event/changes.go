package event

import (
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// Types that their family alone does not describe.
const (
	typeMediaCreated   = "video.upload.media_created"
	typeRecordingReady = "video.live_stream.recording.ready"
	typeSummary        = "video.mediaAI.summary.ready"
	typeChapters       = "video.mediaAI.chapters.ready"
	typeNamedEntities  = "video.mediaAI.named-entities.ready"
	typeModeration     = "video.mediaAI.moderation.ready"
)

// changes returns what the event says about each object that it concerns; none if it names no resource.
func (d *decoder) changes() []record.Change {
	i := d.ids()
	if d.typ.Family != record.FamilyAI && isBare(d.envelope.data) {
		d.skip("data")
	}
	switch d.typ.Family {
	case record.FamilyUpload:
		return d.upload(i)
	case record.FamilyMedia:
		if d.typ.Name == typeMediaCreated {
			return d.mediaCreated(i)
		}
		return d.wholeMedia(i)
	case record.FamilyTrack, record.FamilySubtitle, record.FamilyAI:
		return d.partOfMedia(i)
	case record.FamilyRecording, record.FamilyClip:
		if d.typ.Name == typeRecordingReady {
			return d.recordingReady(i)
		}
		return d.cutFromStream(i)
	case record.FamilyStream:
		return d.wholeStream(i)
	case record.FamilySimulcast:
		return d.simulcast(i)
	}
	return nil
}

// upload reads an event about an upload session. Its mirror is that of the media that it will become, because both have the same id. If the
// ids differ, the upload's own mirror records which media the upload became.
func (d *decoder) upload(i ids) []record.Change {
	id := i.uploadSession()
	if id == "" {
		return nil
	}
	m := d.uploadFacts()
	m.State, m.UploadID, m.WorkspaceID = d.typ.State, &id, notEmpty(d.workspaceID)
	media := i.mediaOfUpload()
	if media == "" {
		return []record.Change{mediaChange(id, m)}
	}
	m.BecameMediaID = &media
	became := &record.MediaChange{UploadID: &id, WorkspaceID: notEmpty(d.workspaceID)}
	return []record.Change{mediaChange(media, became), mediaChange(id, m)}
}

// mediaCreated reads an event about a media that came from an upload.
func (d *decoder) mediaCreated(i ids) []record.Change {
	id := i.fromUpload()
	if id == "" {
		return nil
	}
	m := d.mediaFacts()
	m.State, m.StreamID = d.typ.State, notEmpty(i.sourceStream())
	changes := []record.Change{mediaChange(id, m)}
	upload := first(i.upload, i.objectIf(objectUpload))
	if m.UploadID = notEmpty(upload); upload != "" && upload != id {
		changes = append(changes, mediaChange(upload, &record.MediaChange{BecameMediaID: &id, WorkspaceID: notEmpty(d.workspaceID)}))
	}
	return changes
}

// wholeMedia reads an event about a media; data is the media, even if it does not repeat the id.
func (d *decoder) wholeMedia(i ids) []record.Change {
	id := i.wholeMedia()
	if id == "" {
		return nil
	}
	m := d.mediaFacts()
	m.UploadID, m.StreamID, m.State = notEmpty(i.upload), notEmpty(i.sourceStream()), d.typ.State
	if d.typ.StateFromData {
		m.State = d.state("data.status", d.payload.status)
	}
	return []record.Change{mediaChange(id, m)}
}

// partOfMedia reads an event about a track, a subtitle or a result of AI. FastPix's SDKs say that data is the whole media; integrations
// received the part alone. The id in data shows which of the two it is.
func (d *decoder) partOfMedia(i ids) []record.Change {
	id := i.partOfMedia()
	if id == "" {
		return nil
	}
	m := &record.MediaChange{WorkspaceID: notEmpty(d.workspaceID)}
	whole := i.data == id
	if whole {
		m = d.mediaFacts()
		m.UploadID = notEmpty(i.upload)
	}
	m.StreamID = notEmpty(i.sourceStream())
	switch {
	case d.typ.Family == record.FamilyAI:
		d.aiEvent(m)
	case whole:
	case d.typ.Family == record.FamilySubtitle:
		d.subtitleEvent(m, i.data)
	default:
		d.trackEvent(m, i.data)
	}
	return []record.Change{mediaChange(id, m)}
}

// cutFromStream reads an event about a media that was made of a stream: a recording or a clip. The type distinguishes them.
func (d *decoder) cutFromStream(i ids) []record.Change {
	id, stream := i.cutFromStream(), i.sourceStream()
	if id == "" {
		return nil
	}
	m := d.mediaFacts()
	m.State, m.StreamID, m.UploadID = d.typ.State, notEmpty(stream), notEmpty(i.upload)
	changes := []record.Change{mediaChange(id, m)}
	if stream == "" {
		return changes
	}
	s := &record.StreamChange{WorkspaceID: notEmpty(d.workspaceID)}
	if list := reference(id); d.typ.Family == record.FamilyClip {
		s.Clips = list
	} else {
		s.Recordings = list
	}
	return append(changes, streamChange(stream, s))
}

// recordingReady reads an event that names a stream and the media that its broadcast became, and says nothing else about either. If one of
// the two ids is missing, it returns a change of the other alone.
func (d *decoder) recordingReady(i ids) []record.Change {
	stream := first(i.objectIf(objectLive), i.stream)
	media := first(i.media, i.objectIf(objectMedia))
	for _, id := range []string{i.data, i.objectIf(objectUnnamed, objectOther)} {
		if stream == "" && id != media {
			stream = id
		}
	}
	if media = first(media, i.data); media == stream {
		media = ""
	}
	var changes []record.Change
	if media != "" {
		changes = append(changes, mediaChange(media, &record.MediaChange{StreamID: notEmpty(stream), WorkspaceID: notEmpty(d.workspaceID)}))
	}
	if stream != "" {
		s := &record.StreamChange{WorkspaceID: notEmpty(d.workspaceID)}
		if media != "" {
			s.Recordings = reference(media)
		}
		changes = append(changes, streamChange(stream, s))
	}
	return changes
}

func (d *decoder) wholeStream(i ids) []record.Change {
	id := i.wholeStream()
	if id == "" {
		return nil
	}
	s := d.streamFacts()
	s.State = d.typ.State
	return []record.Change{streamChange(id, s)}
}

func (d *decoder) simulcast(i ids) []record.Change {
	id := i.partOfStream()
	if id == "" {
		return nil
	}
	s := &record.StreamChange{WorkspaceID: notEmpty(d.workspaceID)}
	target := first(i.target, i.data)
	if target == id {
		target = "" // data repeats the stream's id
	}
	d.targetEvent(s, target)
	return []record.Change{streamChange(id, s)}
}

// state reads a state word and returns it in the spelling that mirrors use.
func (d *decoder) state(field string, v value) string {
	return record.StateWord(d.word(field, v, maxState))
}
