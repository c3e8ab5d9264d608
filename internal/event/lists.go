package event

import (
	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// snapshot reads the whole list of a full object. It drops elements without a usable id. Of two elements with one id the last counts. Of
// more than maxElements the first stay, and the result is marked as truncated. A single element without a list is read as a list of one.
func snapshot[T any](r *reader, field string, v value, read func(value) (id string, element T)) record.ListChange[T] {
	var list record.ListChange[T]
	var known []string
	for element := range v.elements() {
		id, e := read(element)
		if id == "" {
			r.skip(field)
			continue
		}
		at := indexOf(known, id)
		switch {
		case at >= 0:
			list.Snapshot[at] = e
		case len(known) == maxElements:
			list.Truncated = true
		default:
			known, list.Snapshot = append(known, id), append(list.Snapshot, e)
		}
	}
	return list
}

// item reads an element that is an object. A text is not an element: read as an id it would remove all known elements from the list.
func (r *reader) item(field string, element value) item {
	var i item
	r.fill(field, element, &i)
	return i
}

func indexOf(ids []string, id string) int {
	for i := range ids {
		if ids[i] == id {
			return i
		}
	}
	return -1
}

func (r *reader) playbackIDs(field string, v value) record.ListChange[fastpixv1.PlaybackID] {
	return snapshot(r, field, v, func(element value) (string, fastpixv1.PlaybackID) {
		i := r.item(field, element)
		id := r.id("playbackIds.id", i.id)
		return id, fastpixv1.PlaybackID{
			ID:                 id,
			AccessPolicy:       r.word("playbackIds.accessPolicy", either(i.accessPolicy, i.policy), maxWord),
			AccessRestrictions: r.accessRestrictions(i.accessRestrictions),
		}
	})
}

func (r *reader) accessRestrictions(v value) *fastpixv1.AccessRestrictions {
	var s restrictions
	r.fill("playbackIds.accessRestrictions", v, &s)
	a := fastpixv1.AccessRestrictions{Domains: r.accessRule(s.domains), UserAgents: r.accessRule(s.userAgents)}
	if a.Domains == nil && a.UserAgents == nil {
		return nil
	}
	return &a
}

func (r *reader) accessRule(v value) *fastpixv1.AccessRule {
	const field = "playbackIds.accessRestrictions"
	var u rule
	r.fill(field, v, &u)
	a := fastpixv1.AccessRule{
		DefaultPolicy: r.word(field, u.defaultPolicy, maxWord),
		Allow:         r.rules(field, u.allow),
		Deny:          r.rules(field, u.deny),
	}
	if a.DefaultPolicy == "" && a.Allow == nil && a.Deny == nil {
		return nil
	}
	return &a
}

func (r *reader) rules(field string, v value) []string {
	var list []string
	for element := range v.elements() {
		if len(list) == maxRules {
			break
		}
		if s := r.word(field, element, maxRule); s != "" {
			list = append(list, s)
		}
	}
	return list
}

func (r *reader) tracks(field string, v value) record.ListChange[fastpixv1.Track] {
	return snapshot(r, field, v, func(element value) (string, fastpixv1.Track) {
		t := r.track(r.item(field, element))
		return t.ID, t
	})
}

func (r *reader) track(i item) fastpixv1.Track {
	t := fastpixv1.Track{
		ID:           r.id("tracks.id", i.id),
		Type:         r.word("tracks.type", i.typ, maxWord),
		State:        r.availability("tracks.status", i.status),
		LanguageCode: r.word("tracks.languageCode", i.languageCode, maxLanguageCode),
		LanguageName: r.word("tracks.languageName", i.languageName, maxLanguageName),
		Width:        r.count("tracks.width", i.width, maxPixels),
		Height:       r.count("tracks.height", i.height, maxPixels),
	}
	if rate := r.frameRate("tracks.frameRate", i.frameRate, false); rate != nil {
		t.FrameRate = *rate
	}
	return t
}

// availability reads the state of a part of a media. FastPix calls a usable part available in its own events and Ready in lists.
func (r *reader) availability(field string, v value) string {
	word := record.StateWord(r.word(field, v, maxState))
	if word == record.StateReady {
		return record.StateAvailable
	}
	return word
}

// trackOfPayload reads data as one track.
func (d *decoder) trackOfPayload() fastpixv1.Track {
	p := &d.payload
	return d.track(item{
		id: p.id, typ: p.typ, status: p.status, languageCode: p.languageCode, languageName: p.languageName,
		width: p.width, height: p.height, frameRate: p.frameRate,
	})
}

// trackEvent sets or removes the track in data. Removing a track removes the subtitle with the same id too: a generated subtitle is a
// track.
func (d *decoder) trackEvent(m *record.MediaChange, id string) {
	switch {
	case id == "":
		d.skip("data.id")
		return
	case d.typ.RemovesPart:
		m.Tracks.Remove, m.Subtitles.Remove = []string{id}, []string{id}
		return
	}
	t := d.trackOfPayload()
	if t.State == "" || d.typ.PartState == record.StateFailed {
		t.State = d.typ.PartState
	}
	m.Tracks.Set = []fastpixv1.Track{t}
}

// subtitleEvent sets the generated subtitle in data.
func (d *decoder) subtitleEvent(m *record.MediaChange, id string) {
	if id == "" {
		d.skip("data.id")
		return
	}
	t := d.trackOfPayload()
	if t.State == "" {
		t.State = d.typ.PartState
	}
	m.Subtitles.Set = []fastpixv1.Subtitle{{ID: t.ID, State: t.State, LanguageCode: t.LanguageCode, LanguageName: t.LanguageName}}
}

func (r *reader) targets(field string, v value) record.ListChange[fastpixv1.SimulcastTarget] {
	return snapshot(r, field, v, func(element value) (string, fastpixv1.SimulcastTarget) {
		i := r.item(field, element)
		id := r.id("simulcastResponses.simulcastId", either(i.simulcastID, i.id))
		return id, fastpixv1.SimulcastTarget{ID: id, Enabled: r.flag("simulcastResponses.isEnabled", i.isEnabled)}
	})
}

// references reads a list of ids, or of objects with ids.
func (r *reader) references(field string, v value) record.ListChange[fastpixv1.MediaReference] {
	return snapshot(r, field, v, func(element value) (string, fastpixv1.MediaReference) {
		if element.is('{') {
			i := r.item(field, element)
			element = either(i.mediaID, i.id)
		}
		id := r.id(field, element)
		return id, fastpixv1.MediaReference{MediaID: id}
	})
}

func reference(mediaID string) record.ListChange[fastpixv1.MediaReference] {
	return record.ListChange[fastpixv1.MediaReference]{Set: []fastpixv1.MediaReference{{MediaID: mediaID}}}
}
