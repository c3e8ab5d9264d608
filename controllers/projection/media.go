package projection

import (
	"cmp"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

type (
	mediaStatus = fastpixv1.MediaAssetStatus
	mediaChange = record.MediaChange
)

// MediaAsset returns status with what the records tell about the media id folded into it. The result depends on the set of
// records that were ever folded, not on their order, number or batches; records that were folded before change nothing.
// Neither status nor records are changed, and the result shares nothing with them.
func MediaAsset(status fastpixv1.MediaAssetStatus, id string, records []*record.Record) fastpixv1.MediaAssetStatus {
	f := mediaKind.open(status)
	for _, r := range records {
		by := eventOf(r)
		for i := range r.Changes {
			if c := &r.Changes[i]; c.Kind == record.MediaAsset && c.ID == id && c.Media != nil {
				f.merge(by, c.Media)
			}
		}
	}
	f.status.DeletedTime = nil
	if f.status.State == record.StateDeleted {
		f.status.DeletedTime = f.setBy("state").believedTime()
		f.forgetPersonal()
		f.status.AI = withoutEmpty(f.status.AI)
	}
	f.close()
	return *f.status
}

// OmitMediaAssetText returns status without the customer's own text: title, creator and metadata. It is the policy Omit, after each fold.
func OmitMediaAssetText(status fastpixv1.MediaAssetStatus) fastpixv1.MediaAssetStatus {
	f := mediaKind.open(status)
	f.forgetCustomers()
	f.close()
	return *f.status
}

var mediaKind = indexed(kind[mediaStatus, mediaChange]{
	registers: append([]register[mediaStatus, mediaChange]{
		mediaState(),
		customers(text("title", maxText, func(c *mediaChange) *string { return c.Title }, func(s *mediaStatus) *string { return &s.Title })),
		customers(text("creatorID", maxText, func(c *mediaChange) *string { return c.CreatorID }, func(s *mediaStatus) *string { return &s.CreatorID })),
		customers(metadata("metadata", func(c *mediaChange) *map[string]fastpixv1.MetadataValue { return c.Metadata },
			func(s *mediaStatus) *map[string]fastpixv1.MetadataValue { return &s.Metadata })),
		text("workspaceID", maxID, func(c *mediaChange) *string { return c.WorkspaceID }, func(s *mediaStatus) *string { return &s.WorkspaceID }),
		text("uploadID", maxID, func(c *mediaChange) *string { return c.UploadID }, func(s *mediaStatus) *string { return &s.UploadID }),
		text("becameMediaID", maxID, func(c *mediaChange) *string { return c.BecameMediaID }, func(s *mediaStatus) *string { return &s.BecameMediaID }),
		text("streamID", maxID, func(c *mediaChange) *string { return c.StreamID }, func(s *mediaStatus) *string { return &s.StreamID }),
		text("maxResolution", maxWord, func(c *mediaChange) *string { return c.MaxResolution }, func(s *mediaStatus) *string { return &s.MaxResolution }),
		text("sourceResolution", maxWord, func(c *mediaChange) *string { return c.SourceResolution }, func(s *mediaStatus) *string { return &s.SourceResolution }),
		text("aspectRatio", maxWord, func(c *mediaChange) *string { return c.AspectRatio }, func(s *mediaStatus) *string { return &s.AspectRatio }),
		text("frameRate", maxWord, func(c *mediaChange) *string { return c.FrameRate }, func(s *mediaStatus) *string { return &s.FrameRate }),
		duration("duration", func(c *mediaChange) *metav1.Duration { return c.Duration }, func(s *mediaStatus) **metav1.Duration { return &s.Duration }),
		text("mediaQuality", maxWord, func(c *mediaChange) *string { return c.MediaQuality }, func(s *mediaStatus) *string { return &s.MediaQuality }),
		boolean("audioOnly", func(c *mediaChange) *bool { return c.AudioOnly }, func(s *mediaStatus) **bool { return &s.AudioOnly }),
		boolean("sourceAccess", func(c *mediaChange) *bool { return c.SourceAccess }, func(s *mediaStatus) **bool { return &s.SourceAccess }),
		text("mp4Support", maxMP4Support, func(c *mediaChange) *string { return c.MP4Support }, func(s *mediaStatus) *string { return &s.MP4Support }),
		text("thumbnail", maxURL, func(c *mediaChange) *string { return c.Thumbnail }, func(s *mediaStatus) *string { return &s.Thumbnail }),
		moment("createdTime", func(c *mediaChange) *metav1.MicroTime { return c.CreatedTime }, func(s *mediaStatus) **metav1.MicroTime { return &s.CreatedTime }),
		moment("updatedTime", func(c *mediaChange) *metav1.MicroTime { return c.UpdatedTime }, func(s *mediaStatus) **metav1.MicroTime { return &s.UpdatedTime }),
	}, aiRegisters...),
	lists: func() map[string]member[mediaStatus, mediaChange] {
		return map[string]member[mediaStatus, mediaChange]{
			"playbackIDs": &field[mediaStatus, mediaChange, fastpixv1.PlaybackID]{
				name: "playbackIDs", list: list[fastpixv1.PlaybackID]{schema: playbackIDs},
				in:  func(c *mediaChange) *record.ListChange[fastpixv1.PlaybackID] { return &c.PlaybackIDs },
				out: func(s *mediaStatus) *[]fastpixv1.PlaybackID { return &s.PlaybackIDs },
			},
			"tracks": &field[mediaStatus, mediaChange, fastpixv1.Track]{
				name: "tracks", list: list[fastpixv1.Track]{schema: tracks},
				in:  func(c *mediaChange) *record.ListChange[fastpixv1.Track] { return &c.Tracks },
				out: func(s *mediaStatus) *[]fastpixv1.Track { return &s.Tracks },
			},
			"subtitles": &field[mediaStatus, mediaChange, fastpixv1.Subtitle]{
				name: "subtitles", list: list[fastpixv1.Subtitle]{schema: subtitles},
				in:  func(c *mediaChange) *record.ListChange[fastpixv1.Subtitle] { return &c.Subtitles },
				out: func(s *mediaStatus) *[]fastpixv1.Subtitle { return &s.Subtitles },
			},
		}
	},
	copy:         func(s *mediaStatus) *mediaStatus { return s.DeepCopy() },
	lastEvent:    func(s *mediaStatus) **fastpixv1.EventReference { return &s.LastEvent },
	recentEvents: func(s *mediaStatus) *[]fastpixv1.EventReference { return &s.RecentEvents },
	provenance:   func(s *mediaStatus) *[]fastpixv1.Provenance { return &s.Provenance },
})

// mediaState is the register of a media's state, in which a state's rank comes before its time: a late "created" never
// undoes a "ready", and nothing undoes a deletion.
func mediaState() register[mediaStatus, mediaChange] {
	return register[mediaStatus, mediaChange]{
		name: "state",
		merge: func(s *mediaStatus, c *mediaChange, by, held event) bool {
			state := toldState(c, by.typ)
			if state == "" {
				return false
			}
			rank := cmp.Compare(mediaRank(state), mediaRank(s.State))
			if rank < 0 || rank == 0 && !supersedes(by, held, state, s.State) {
				return false
			}
			s.State = state
			return true
		},
	}
}

// toldState returns the state that a change tells; empty if its event is of a type that tells none.
func toldState(c *mediaChange, typ string) string {
	t, known := record.Lookup(typ)
	switch {
	case c.State == "" || !known:
		return ""
	case t.StateFromData:
		return cut(c.State, maxState)
	}
	return t.State
}

// mediaRank orders the states that a media goes through.
func mediaRank(state string) int {
	switch state {
	case "":
		return 0
	case record.StateWaiting:
		return 1
	case record.StateCreated:
		return 2
	case record.StateReady, record.StateFailed, record.StateCancelled:
		return 4
	case record.StateDeleted:
		return 5
	}
	return 3 // the platform's words for being at work, known or not
}
