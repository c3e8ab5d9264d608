package projection

import (
	"cmp"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/projection/merge"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

type (
	mediaStatus = fastpixv1.MediaAssetStatus
	mediaChange = record.MediaChange
)

// MediaAsset returns the status after folding into it what the records say about the media with that id. The result depends on the set of records
// that were ever folded, not on their order, number or batches. Records that were folded before change nothing. MediaAsset does not change its
// arguments, and the result shares no memory with them.
func MediaAsset(status fastpixv1.MediaAssetStatus, id string, records []*record.Record) fastpixv1.MediaAssetStatus {
	f := mediaKind.Open(status)
	revealState(f, &f.Status.State, record.IsMissing)
	for _, r := range records {
		by := merge.EventOf(r)
		for i := range r.Changes {
			if c := &r.Changes[i]; c.Kind == record.MediaAsset && c.ID == id && c.Media != nil {
				f.Merge(by, c.Media)
			}
		}
	}
	f.Status.DeletedTime = nil
	missing, inForce := f.Missing()
	switch {
	case f.Status.State == record.StateDeleted:
		f.Status.DeletedTime = f.SetBy("state").BelievedTime()
		f.ClearAfterDeletion()
	case inForce:
		showState(f, &f.Status.State, record.StateDeleted, missing)
		f.Status.DeletedTime = missing.BelievedTime()
	}
	f.ClearOlderThanMissing()
	f.Status.AI = withoutEmpty(f.Status.AI)
	f.Close()
	return *f.Status
}

// OmitMediaAssetText returns the status without the customer's own text: title, creator and metadata. It implements the policy Omit.
func OmitMediaAssetText(status fastpixv1.MediaAssetStatus) fastpixv1.MediaAssetStatus {
	f := mediaKind.Open(status)
	f.ClearCustomerText()
	f.Close()
	return *f.Status
}

var mediaKind = merge.NewKind(merge.Kind[mediaStatus, mediaChange]{
	Registers: append([]merge.Register[mediaStatus, mediaChange]{
		mediaState(),
		merge.CustomerText(merge.Text("title", merge.MaxText, func(c *mediaChange) *string { return c.Title }, func(s *mediaStatus) *string { return &s.Title })),
		merge.CustomerText(merge.Text("creatorID", merge.MaxText, func(c *mediaChange) *string { return c.CreatorID }, func(s *mediaStatus) *string { return &s.CreatorID })),
		merge.CustomerText(merge.Metadata("metadata", func(c *mediaChange) *map[string]fastpixv1.MetadataValue { return c.Metadata },
			func(s *mediaStatus) *map[string]fastpixv1.MetadataValue { return &s.Metadata })),
		merge.Text("workspaceID", merge.MaxID, func(c *mediaChange) *string { return c.WorkspaceID }, func(s *mediaStatus) *string { return &s.WorkspaceID }),
		merge.Text("uploadID", merge.MaxID, func(c *mediaChange) *string { return c.UploadID }, func(s *mediaStatus) *string { return &s.UploadID }),
		merge.Text("becameMediaID", merge.MaxID, func(c *mediaChange) *string { return c.BecameMediaID }, func(s *mediaStatus) *string { return &s.BecameMediaID }),
		merge.Text("streamID", merge.MaxID, func(c *mediaChange) *string { return c.StreamID }, func(s *mediaStatus) *string { return &s.StreamID }),
		merge.Text("maxResolution", merge.MaxWord, func(c *mediaChange) *string { return c.MaxResolution }, func(s *mediaStatus) *string { return &s.MaxResolution }),
		merge.Text("sourceResolution", merge.MaxWord, func(c *mediaChange) *string { return c.SourceResolution }, func(s *mediaStatus) *string { return &s.SourceResolution }),
		merge.Text("aspectRatio", merge.MaxWord, func(c *mediaChange) *string { return c.AspectRatio }, func(s *mediaStatus) *string { return &s.AspectRatio }),
		merge.Text("frameRate", merge.MaxWord, func(c *mediaChange) *string { return c.FrameRate }, func(s *mediaStatus) *string { return &s.FrameRate }),
		merge.Duration("duration", func(c *mediaChange) *metav1.Duration { return c.Duration }, func(s *mediaStatus) **metav1.Duration { return &s.Duration }),
		merge.Text("mediaQuality", merge.MaxWord, func(c *mediaChange) *string { return c.MediaQuality }, func(s *mediaStatus) *string { return &s.MediaQuality }),
		merge.Boolean("audioOnly", func(c *mediaChange) *bool { return c.AudioOnly }, func(s *mediaStatus) **bool { return &s.AudioOnly }),
		merge.Boolean("sourceAccess", func(c *mediaChange) *bool { return c.SourceAccess }, func(s *mediaStatus) **bool { return &s.SourceAccess }),
		merge.Text("mp4Support", merge.MaxMP4Support, func(c *mediaChange) *string { return c.MP4Support }, func(s *mediaStatus) *string { return &s.MP4Support }),
		merge.Text("thumbnail", merge.MaxURL, func(c *mediaChange) *string { return c.Thumbnail }, func(s *mediaStatus) *string { return &s.Thumbnail }),
		merge.Time("createdTime", func(c *mediaChange) *metav1.MicroTime { return c.CreatedTime }, func(s *mediaStatus) **metav1.MicroTime { return &s.CreatedTime }),
		merge.Time("updatedTime", func(c *mediaChange) *metav1.MicroTime { return c.UpdatedTime }, func(s *mediaStatus) **metav1.MicroTime { return &s.UpdatedTime }),
	}, aiRegisters...),
	Lists: func() map[string]merge.ListField[mediaStatus, mediaChange] {
		return map[string]merge.ListField[mediaStatus, mediaChange]{
			"playbackIDs": &merge.TypedList[mediaStatus, mediaChange, fastpixv1.PlaybackID]{
				Name: "playbackIDs", List: merge.List[fastpixv1.PlaybackID]{Schema: playbackIDs},
				In:  func(c *mediaChange) *record.ListChange[fastpixv1.PlaybackID] { return &c.PlaybackIDs },
				Out: func(s *mediaStatus) *[]fastpixv1.PlaybackID { return &s.PlaybackIDs },
			},
			"tracks": &merge.TypedList[mediaStatus, mediaChange, fastpixv1.Track]{
				Name: "tracks", List: merge.List[fastpixv1.Track]{Schema: tracks},
				In:  func(c *mediaChange) *record.ListChange[fastpixv1.Track] { return &c.Tracks },
				Out: func(s *mediaStatus) *[]fastpixv1.Track { return &s.Tracks },
			},
			"subtitles": &merge.TypedList[mediaStatus, mediaChange, fastpixv1.Subtitle]{
				Name: "subtitles", List: merge.List[fastpixv1.Subtitle]{Schema: subtitles},
				In:  func(c *mediaChange) *record.ListChange[fastpixv1.Subtitle] { return &c.Subtitles },
				Out: func(s *mediaStatus) *[]fastpixv1.Subtitle { return &s.Subtitles },
			},
		}
	},
	Copy:         func(s *mediaStatus) *mediaStatus { return s.DeepCopy() },
	Words:        []string{hiddenState},
	LastEvent:    func(s *mediaStatus) **fastpixv1.EventReference { return &s.LastEvent },
	RecentEvents: func(s *mediaStatus) *[]fastpixv1.EventLine { return &s.RecentEvents },
	Provenance:   func(s *mediaStatus) *[]fastpixv1.ProvenanceLine { return &s.Provenance },
})

// mediaState is the register of a media's state. The rank of a state decides before the time: a late "created" never replaces a "ready", and nothing
// replaces a deletion.
func mediaState() merge.Register[mediaStatus, mediaChange] {
	return merge.Register[mediaStatus, mediaChange]{
		Name: "state",
		Merge: func(s *mediaStatus, c *mediaChange, by, held merge.Event) bool {
			state := stateOf(c, by.Type)
			if state == "" {
				return false
			}
			rank := cmp.Compare(mediaRank(state), mediaRank(s.State))
			if rank < 0 || rank == 0 && !merge.Supersedes(by, held, state, s.State) {
				return false
			}
			s.State = state
			return true
		},
	}
}

// stateOf returns the state that a change sets; empty if the event's type sets no state.
func stateOf(c *mediaChange, typ string) string {
	t, known := record.LookupRecord(typ)
	switch {
	case c.State == "" || !known:
		return ""
	case t.StateFromData:
		return merge.Cut(c.State, merge.MaxState)
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
	return 3 // the platform's words for processing, known or not
}
