package event

// The wire structs are the allow-list: a field that they do not name is not read. Names are folded (see reader.fold), so one case covers
// all spellings that differ in case, "_" or "-". The fields and their older names come from FastPix's documentation and from captured
// deliveries: sections 4, 6 and 8 of the protocol notes.

// envelope is the outer object of every event.
type envelope struct {
	typ, event, eventType       value // one of them names the type
	id, eventID                 value
	object                      value
	workspace, environment      value // environment is the older name
	workspaceID                 value
	createdAt, occurredAt       value // created_at is the older name; occurredAt comes from the fixtures of one integration
	data                        value
	streamID, uploadID, mediaID value // not documented here; they only distinguish an event from a probe
}

func (e *envelope) field(name []byte) *value {
	switch string(name) {
	case "type":
		return &e.typ
	case "event":
		return &e.event
	case "eventtype":
		return &e.eventType
	case "id":
		return &e.id
	case "eventid":
		return &e.eventID
	case "object":
		return &e.object
	case "workspace":
		return &e.workspace
	case "environment":
		return &e.environment
	case "workspaceid":
		return &e.workspaceID
	case "createdat":
		return &e.createdAt
	case "occurredat":
		return &e.occurredAt
	case "data":
		return &e.data
	case "streamid", "livestreamid":
		return &e.streamID
	case "uploadid":
		return &e.uploadID
	case "mediaid":
		return &e.mediaID
	}
	return nil
}

// named is an object of which only the kind and the id are read: the envelope's object and workspace.
type named struct{ typ, name, id value }

func (n *named) field(name []byte) *value {
	switch string(name) {
	case "type":
		return &n.typ
	case "name":
		return &n.name
	case "id":
		return &n.id
	}
	return nil
}

// payload is the envelope's data: of a media, an upload, a track, a subtitle, a stream, a simulcast target, or of the results of AI.
type payload struct {
	id, mediaID, uploadID, streamID, livestreamID, simulcastID, workspaceID value

	status                                     value
	title, creatorID, metadata                 value
	maxResolution, availableResolution         value // availableresolution is an older name of maxResolution
	sourceResolution, aspectRatio, frameRate   value
	duration, mediaQuality, isAudioOnly, audio value
	sourceAccess, mp4Support, thumbnail        value
	createdAt, updatedAt                       value
	playbackIDs, tracks                        value
	summary, chapters, namedEntities           value
	moderation, moderationResult, found        value
	pushMediaSettings                          value // the settings of the media that a direct upload will become
	maxDuration, reconnectWindow               value
	enableRecording, enableDVRMode, lowLatency value
	closedCaptions, mediaPolicy                value
	simulcastResponses, mediaIDs               value
	isEnabled, typ, languageCode, languageName value
	width, height                              value
}

func (p *payload) field(name []byte) *value {
	if to := p.identity(name); to != nil {
		return to
	}
	if to := p.aboutMedia(name); to != nil {
		return to
	}
	if to := p.aboutFindings(name); to != nil {
		return to
	}
	return p.aboutOthers(name)
}

func (p *payload) identity(name []byte) *value {
	switch string(name) {
	case "id":
		return &p.id
	case "mediaid":
		return &p.mediaID
	case "uploadid":
		return &p.uploadID
	case "streamid":
		return &p.streamID
	case "livestreamid":
		return &p.livestreamID
	case "simulcastid":
		return &p.simulcastID
	case "workspaceid":
		return &p.workspaceID
	case "status":
		return &p.status
	case "metadata":
		return &p.metadata
	case "createdat":
		return &p.createdAt
	case "updatedat":
		return &p.updatedAt
	case "maxresolution":
		return &p.maxResolution
	case "playbackids":
		return &p.playbackIDs
	}
	return nil
}

func (p *payload) aboutMedia(name []byte) *value {
	switch string(name) {
	case "title":
		return &p.title
	case "creatorid":
		return &p.creatorID
	case "availableresolution":
		return &p.availableResolution
	case "sourceresolution":
		return &p.sourceResolution
	case "aspectratio":
		return &p.aspectRatio
	case "framerate":
		return &p.frameRate
	case "duration":
		return &p.duration
	case "mediaquality":
		return &p.mediaQuality
	case "isaudioonly":
		return &p.isAudioOnly
	case "audioonly":
		return &p.audio
	case "sourceaccess":
		return &p.sourceAccess
	case "mp4support":
		return &p.mp4Support
	case "thumbnail":
		return &p.thumbnail
	case "tracks":
		return &p.tracks
	case "pushmediasettings":
		return &p.pushMediaSettings
	}
	return nil
}

func (p *payload) aboutFindings(name []byte) *value {
	switch string(name) {
	case "summary":
		return &p.summary
	case "chapters":
		return &p.chapters
	case "namedentities":
		return &p.namedEntities
	case "moderation":
		return &p.moderation
	case "moderationresult":
		return &p.moderationResult
	case "data":
		return &p.found
	}
	return nil
}

func (p *payload) aboutOthers(name []byte) *value {
	switch string(name) {
	case "maxduration":
		return &p.maxDuration
	case "reconnectwindow":
		return &p.reconnectWindow
	case "enablerecording":
		return &p.enableRecording
	case "enabledvrmode":
		return &p.enableDVRMode
	case "lowlatency":
		return &p.lowLatency
	case "closedcaptions":
		return &p.closedCaptions
	case "mediapolicy":
		return &p.mediaPolicy
	case "simulcastresponses":
		return &p.simulcastResponses
	case "mediaids":
		return &p.mediaIDs
	case "isenabled":
		return &p.isEnabled
	case "type":
		return &p.typ
	case "languagecode":
		return &p.languageCode
	case "languagename":
		return &p.languageName
	case "width":
		return &p.width
	case "height":
		return &p.height
	}
	return nil
}

// item is one element of a list: a playback id, a track, a simulcast target, a media of a stream. The URL and the key of a simulcast
// target, and the URL of a track, are not read.
type item struct {
	id, simulcastID, mediaID                 value
	accessPolicy, policy, accessRestrictions value // policy is an older name of accessPolicy
	typ, status, languageCode, languageName  value
	width, height, frameRate, isEnabled      value
}

func (i *item) field(name []byte) *value {
	switch string(name) {
	case "id":
		return &i.id
	case "simulcastid":
		return &i.simulcastID
	case "mediaid":
		return &i.mediaID
	case "accesspolicy":
		return &i.accessPolicy
	case "policy":
		return &i.policy
	case "accessrestrictions":
		return &i.accessRestrictions
	case "type":
		return &i.typ
	case "status":
		return &i.status
	case "languagecode":
		return &i.languageCode
	case "languagename":
		return &i.languageName
	case "width":
		return &i.width
	case "height":
		return &i.height
	case "framerate":
		return &i.frameRate
	case "isenabled":
		return &i.isEnabled
	}
	return nil
}

// restrictions limit where a media may be played; rule is one of the two kinds.
type restrictions struct{ domains, userAgents value }

func (s *restrictions) field(name []byte) *value {
	switch string(name) {
	case "domains":
		return &s.domains
	case "useragents":
		return &s.userAgents
	}
	return nil
}

type rule struct{ defaultPolicy, allow, deny value }

func (u *rule) field(name []byte) *value {
	switch string(name) {
	case "defaultpolicy":
		return &u.defaultPolicy
	case "allow":
		return &u.allow
	case "deny":
		return &u.deny
	}
	return nil
}

// finding is one result of AI, as a full media wraps it: {status, data}, where data may again be an object with one of the lists.
type finding struct{ status, content value }

func (f *finding) field(name []byte) *value {
	switch string(name) {
	case "status":
		return &f.status
	case "data", "summary", "chapters", "namedentities", "moderation", "moderationresult":
		return &f.content
	}
	return nil
}

// found is one chapter, named entity or moderation score.
type found struct{ chapter, startTime, endTime, title, entity, category, count, score value }

func (f *found) field(name []byte) *value {
	switch string(name) {
	case "chapter":
		return &f.chapter
	case "starttime":
		return &f.startTime
	case "endtime":
		return &f.endTime
	case "title":
		return &f.title
	case "entity":
		return &f.entity
	case "category":
		return &f.category
	case "count":
		return &f.count
	case "score":
		return &f.score
	}
	return nil
}
