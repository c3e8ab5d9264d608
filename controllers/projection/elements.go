package projection

import (
	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

var playbackIDs = &schema[fastpixv1.PlaybackID]{
	id:   func(p *fastpixv1.PlaybackID) string { return p.ID },
	bare: func(id string) fastpixv1.PlaybackID { return fastpixv1.PlaybackID{ID: id} },
	fit: func(p fastpixv1.PlaybackID) fastpixv1.PlaybackID {
		p.AccessPolicy = cut(p.AccessPolicy, maxWord)
		p.AccessRestrictions = cutRestrictions(p.AccessRestrictions)
		return p
	},
	attributes: []attribute[fastpixv1.PlaybackID]{
		newAttribute("accessPolicy", func(p *fastpixv1.PlaybackID) *string { return &p.AccessPolicy }),
		newAttribute("accessRestrictions", func(p *fastpixv1.PlaybackID) **fastpixv1.AccessRestrictions { return &p.AccessRestrictions }),
	},
}

var tracks = &schema[fastpixv1.Track]{
	id:   func(t *fastpixv1.Track) string { return t.ID },
	bare: func(id string) fastpixv1.Track { return fastpixv1.Track{ID: id} },
	fit: func(t fastpixv1.Track) fastpixv1.Track {
		t.Type = cut(t.Type, maxWord)
		t.State = cut(t.State, maxState)
		t.LanguageCode = cut(t.LanguageCode, maxLanguage)
		t.LanguageName = cut(t.LanguageName, maxLanguageName)
		t.FrameRate = cut(t.FrameRate, maxWord)
		return t
	},
	attributes: []attribute[fastpixv1.Track]{
		newAttribute("type", func(t *fastpixv1.Track) *string { return &t.Type }),
		newAttribute("state", func(t *fastpixv1.Track) *string { return &t.State }),
		newAttribute("languageCode", func(t *fastpixv1.Track) *string { return &t.LanguageCode }),
		newAttribute("languageName", func(t *fastpixv1.Track) *string { return &t.LanguageName }),
		newAttribute("width", func(t *fastpixv1.Track) *int64 { return &t.Width }),
		newAttribute("height", func(t *fastpixv1.Track) *int64 { return &t.Height }),
		newAttribute("frameRate", func(t *fastpixv1.Track) *string { return &t.FrameRate }),
	},
}

var subtitles = &schema[fastpixv1.Subtitle]{
	id:   func(s *fastpixv1.Subtitle) string { return s.ID },
	bare: func(id string) fastpixv1.Subtitle { return fastpixv1.Subtitle{ID: id} },
	fit: func(s fastpixv1.Subtitle) fastpixv1.Subtitle {
		s.State = cut(s.State, maxState)
		s.LanguageCode = cut(s.LanguageCode, maxLanguage)
		s.LanguageName = cut(s.LanguageName, maxLanguageName)
		return s
	},
	attributes: []attribute[fastpixv1.Subtitle]{
		newAttribute("state", func(s *fastpixv1.Subtitle) *string { return &s.State }),
		newAttribute("languageCode", func(s *fastpixv1.Subtitle) *string { return &s.LanguageCode }),
		newAttribute("languageName", func(s *fastpixv1.Subtitle) *string { return &s.LanguageName }),
	},
}

// simulcastTargets leaves out the state, which has rules of its own.
var simulcastTargets = &schema[fastpixv1.SimulcastTarget]{
	id:   func(t *fastpixv1.SimulcastTarget) string { return t.ID },
	bare: func(id string) fastpixv1.SimulcastTarget { return fastpixv1.SimulcastTarget{ID: id} },
	fit: func(t fastpixv1.SimulcastTarget) fastpixv1.SimulcastTarget {
		t.State = ""
		if t.Enabled != nil {
			t.Enabled = new(*t.Enabled)
		}
		return t
	},
	attributes: []attribute[fastpixv1.SimulcastTarget]{
		newAttribute("enabled", func(t *fastpixv1.SimulcastTarget) **bool { return &t.Enabled }),
	},
}

var mediaReferences = &schema[fastpixv1.MediaReference]{
	id:   func(r *fastpixv1.MediaReference) string { return r.MediaID },
	bare: func(id string) fastpixv1.MediaReference { return fastpixv1.MediaReference{MediaID: id} },
	fit:  func(r fastpixv1.MediaReference) fastpixv1.MediaReference { return r },
}
