package event

import (
	"maps"
	"slices"
	"strings"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
	"github.com/fastpix-operator/fastpix-operator/internal/text"
)

// mediaFacts reads data as a media, which is a full object: an empty text, an empty metadata object and a thumbnail that must not be shown
// clear the field of the mirror.
func (d *decoder) mediaFacts() *record.MediaChange {
	const full = true
	p := &d.payload
	m := &record.MediaChange{
		Title:            d.textOf("title", p.title, maxTitle, full),
		CreatorID:        d.textOf("creatorId", p.creatorID, maxTitle, full),
		Metadata:         d.metadata("metadata", p.metadata, full),
		WorkspaceID:      notEmpty(d.workspaceID),
		SourceResolution: d.resolution("sourceResolution", p.sourceResolution, full),
		MaxResolution:    d.resolution("maxResolution", either(p.maxResolution, p.availableResolution), full),
		AspectRatio:      d.textOf("aspectRatio", p.aspectRatio, maxWord, full),
		FrameRate:        d.frameRate("frameRate", p.frameRate, full),
		Duration:         d.span("duration", p.duration),
		MediaQuality:     d.textOf("mediaQuality", p.mediaQuality, maxWord, full),
		AudioOnly:        d.flag("isAudioOnly", either(p.isAudioOnly, p.audio)),
		SourceAccess:     d.flag("sourceAccess", p.sourceAccess),
		MP4Support:       d.mp4Support("mp4Support", p.mp4Support),
		CreatedTime:      d.moment("data.createdAt", p.createdAt),
		UpdatedTime:      d.moment("data.updatedAt", p.updatedAt),
		PlaybackIDs:      d.playbackIDs("playbackIds", p.playbackIDs),
		Tracks:           d.tracks("tracks", p.tracks),
		AI:               d.mediaAI(),
	}
	m.Thumbnail = d.thumbnail("thumbnail", p.thumbnail, m.PlaybackIDs.Snapshot)
	return m
}

// uploadFacts reads what an upload session says about the media that it will become: pushMediaSettings, or the same fields outside of it,
// as in the API's answer to a cancelled upload. It has no playback ids yet, and its URL is a secret. It clears no field.
func (d *decoder) uploadFacts() *record.MediaChange {
	var settings payload
	d.fill("pushMediaSettings", d.payload.pushMediaSettings, &settings)
	p, s := &d.payload, &settings
	return &record.MediaChange{
		Title:         d.textOf("title", either(s.title, p.title), maxTitle, false),
		CreatorID:     d.textOf("creatorId", either(s.creatorID, p.creatorID), maxTitle, false),
		Metadata:      d.metadata("metadata", either(s.metadata, p.metadata), false),
		MaxResolution: d.resolution("maxResolution", either(s.maxResolution, p.maxResolution), false),
		MediaQuality:  d.textOf("mediaQuality", either(s.mediaQuality, p.mediaQuality), maxWord, false),
		SourceAccess:  d.flag("sourceAccess", either(s.sourceAccess, p.sourceAccess)),
	}
}

func either(a, b value) value {
	if a != nil {
		return a
	}
	return b
}

// metadata reads the customer's own text by key. Numbers and booleans are read as texts. Nested values are skipped, and so are values whose
// key names a secret. If there are too many keys, the first ones in order stay, so that the same delivery always gives the same result.
func (r *reader) metadata(field string, v value, full bool) *map[string]fastpixv1.MetadataValue {
	if v == nil {
		return nil
	}
	if v.is('[') {
		v = onlyElement(v)
	}
	if !v.is('{') {
		r.skip(field)
		return nil
	}
	texts := map[string]fastpixv1.MetadataValue{}
	empty := true
	for name, member := range v.members() {
		empty = false
		key, safe := text.SafeKey(value(name).unquote())
		content, ok := r.metadataValue(field, member)
		if !safe || cut(key, maxMetadataKey) != key {
			r.skip(field)
		} else if ok {
			texts[key] = fastpixv1.MetadataValue(content)
		}
	}
	if len(texts) == 0 && (!empty || !full) {
		return nil
	}
	keepFirstKeys(texts, maxMetadataKeys)
	return &texts
}

func (r *reader) metadataValue(field string, v value) (string, bool) {
	if v.is('t') || v.is('f') {
		return string(v), true
	}
	return r.figure(field, v, maxMetadataValue)
}

func keepFirstKeys(texts map[string]fastpixv1.MetadataValue, n int) {
	if len(texts) <= n {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(texts))[n:] {
		delete(texts, key)
	}
}

// mp4Support reads which MP4 renditions exist: a text such as audioOnly,capped_4k, or a list of {type, ...}, whose types are joined.
func (r *reader) mp4Support(field string, v value) *string {
	if !v.is('[') && !v.is('{') {
		return r.textOf(field, v, maxMP4Support, true)
	}
	var types []string
	for element := range v.elements() {
		e := item{typ: element}
		if element.is('{') {
			e = item{}
			r.fill(field, element, &e)
		}
		if typ := r.word(field, e.typ, maxWord); typ != "" && !slices.Contains(types, typ) && len(types) < maxRules {
			types = append(types, typ)
		}
	}
	slices.Sort(types)
	joined := strings.Join(types, ",")
	for cut(joined, maxMP4Support) != joined {
		joined = joined[:strings.LastIndexByte(joined, ',')]
	}
	return notEmpty(joined)
}

// thumbnail returns the URL of a still only if it is public: its path starts with a playback id that this event calls public, and it
// carries no credentials. Any other thumbnail clears the field. An event without a thumbnail also clears the field if not all its playback
// ids are public, because the known thumbnail may be of one that was public before. An event without playback ids changes nothing.
func (r *reader) thumbnail(field string, v value, playbackIDs []fastpixv1.PlaybackID) *string {
	isPrivate := func(p fastpixv1.PlaybackID) bool { return p.AccessPolicy != "" && !isPublic(p) }
	private := slices.ContainsFunc(playbackIDs, isPrivate)
	switch {
	case string(v) == `""`, v == nil && private:
		return new("")
	case len(playbackIDs) == 0, v == nil:
		return nil
	case !v.is('"'):
		r.skip(field)
		return r.thumbnail(field, nil, playbackIDs)
	}
	s := v.unquote()
	path, ok := text.PublicURL(s)
	if !ok || len(s) > maxThumbnail {
		return new("")
	}
	segment, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	for _, p := range playbackIDs {
		if p.ID == record.NormalizeID(segment) && isPublic(p) {
			return &s
		}
	}
	return new("")
}

func isPublic(p fastpixv1.PlaybackID) bool { return strings.EqualFold(p.AccessPolicy, "public") }
