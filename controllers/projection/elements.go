package projection

import (
	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/projection/merge"
)

var playbackIDs = &merge.Schema[fastpixv1.PlaybackID]{
	ID:   func(p *fastpixv1.PlaybackID) string { return p.ID },
	Bare: func(id string) fastpixv1.PlaybackID { return fastpixv1.PlaybackID{ID: id} },
	Fit: func(p fastpixv1.PlaybackID) fastpixv1.PlaybackID {
		p.AccessPolicy = merge.Cut(p.AccessPolicy, merge.MaxWord)
		p.AccessRestrictions = merge.CutRestrictions(p.AccessRestrictions)
		return p
	},
	InSnapshot: func(p fastpixv1.PlaybackID) fastpixv1.PlaybackID {
		p.AccessRestrictions = withoutDefaults(p.AccessRestrictions)
		return p
	},
	Attributes: []merge.Attribute[fastpixv1.PlaybackID]{
		merge.NewAttribute("accessPolicy", func(p *fastpixv1.PlaybackID) *string { return &p.AccessPolicy }),
		merge.NewAttribute("accessRestrictions", func(p *fastpixv1.PlaybackID) **fastpixv1.AccessRestrictions { return &p.AccessRestrictions }),
	},
}

// withoutDefaults returns a copy of restrictions without the rules that allow everyone; nil if no rule is left. FastPix sends both rules with
// every playback id.
func withoutDefaults(r *fastpixv1.AccessRestrictions) *fastpixv1.AccessRestrictions {
	if r == nil {
		return nil
	}
	out := *r
	for _, rule := range []**fastpixv1.AccessRule{&out.Domains, &out.UserAgents} {
		if *rule != nil && (*rule).DefaultPolicy == "allow" && len((*rule).Allow) == 0 && len((*rule).Deny) == 0 {
			*rule = nil
		}
	}
	if out == (fastpixv1.AccessRestrictions{}) {
		return nil
	}
	return &out
}

var tracks = &merge.Schema[fastpixv1.Track]{
	ID:   func(t *fastpixv1.Track) string { return t.ID },
	Bare: func(id string) fastpixv1.Track { return fastpixv1.Track{ID: id} },
	Fit: func(t fastpixv1.Track) fastpixv1.Track {
		t.Type = merge.Cut(t.Type, merge.MaxWord)
		t.State = merge.Cut(t.State, merge.MaxState)
		t.LanguageCode = merge.Cut(t.LanguageCode, merge.MaxLanguage)
		t.LanguageName = merge.Cut(t.LanguageName, merge.MaxLanguageName)
		t.FrameRate = merge.Cut(t.FrameRate, merge.MaxWord)
		return t
	},
	Attributes: []merge.Attribute[fastpixv1.Track]{
		merge.NewAttribute("type", func(t *fastpixv1.Track) *string { return &t.Type }),
		merge.NewAttribute("state", func(t *fastpixv1.Track) *string { return &t.State }),
		merge.NewAttribute("languageCode", func(t *fastpixv1.Track) *string { return &t.LanguageCode }),
		merge.NewAttribute("languageName", func(t *fastpixv1.Track) *string { return &t.LanguageName }),
		merge.NewAttribute("width", func(t *fastpixv1.Track) *int64 { return &t.Width }),
		merge.NewAttribute("height", func(t *fastpixv1.Track) *int64 { return &t.Height }),
		merge.NewAttribute("frameRate", func(t *fastpixv1.Track) *string { return &t.FrameRate }),
	},
}

var subtitles = &merge.Schema[fastpixv1.Subtitle]{
	ID:   func(s *fastpixv1.Subtitle) string { return s.ID },
	Bare: func(id string) fastpixv1.Subtitle { return fastpixv1.Subtitle{ID: id} },
	Fit: func(s fastpixv1.Subtitle) fastpixv1.Subtitle {
		s.State = merge.Cut(s.State, merge.MaxState)
		s.LanguageCode = merge.Cut(s.LanguageCode, merge.MaxLanguage)
		s.LanguageName = merge.Cut(s.LanguageName, merge.MaxLanguageName)
		return s
	},
	Attributes: []merge.Attribute[fastpixv1.Subtitle]{
		merge.NewAttribute("state", func(s *fastpixv1.Subtitle) *string { return &s.State }),
		merge.NewAttribute("languageCode", func(s *fastpixv1.Subtitle) *string { return &s.LanguageCode }),
		merge.NewAttribute("languageName", func(s *fastpixv1.Subtitle) *string { return &s.LanguageName }),
	},
}

// simulcastTargets omits the state, because simulcastList merges it by rules of its own.
var simulcastTargets = &merge.Schema[fastpixv1.SimulcastTarget]{
	ID:   func(t *fastpixv1.SimulcastTarget) string { return t.ID },
	Bare: func(id string) fastpixv1.SimulcastTarget { return fastpixv1.SimulcastTarget{ID: id} },
	Fit: func(t fastpixv1.SimulcastTarget) fastpixv1.SimulcastTarget {
		t.State = ""
		if t.Enabled != nil {
			t.Enabled = new(*t.Enabled)
		}
		return t
	},
	Attributes: []merge.Attribute[fastpixv1.SimulcastTarget]{
		merge.NewAttribute("enabled", func(t *fastpixv1.SimulcastTarget) **bool { return &t.Enabled }),
	},
}

var mediaReferences = &merge.Schema[fastpixv1.MediaReference]{
	ID:   func(r *fastpixv1.MediaReference) string { return r.MediaID },
	Bare: func(id string) fastpixv1.MediaReference { return fastpixv1.MediaReference{MediaID: id} },
	Fit:  func(r fastpixv1.MediaReference) fastpixv1.MediaReference { return r },
}
