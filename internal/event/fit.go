package event

import (
	"errors"

	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// Fit encodes a record. It cuts a record that is too large, in place, until it fits: the receiver never loses an event because of its size.
// It always cuts the same event in the same way. It cuts the least important fields first, and never states, ids or times.
func Fit(r *record.Record) (string, error) {
	encoded, err := record.Encode(r)
	for _, shrink := range cuts {
		if !errors.Is(err, record.ErrTooLarge) {
			return encoded, err
		}
		for i := range r.Changes {
			shrink(&r.Changes[i])
		}
		encoded, err = record.Encode(r)
	}
	return encoded, err
}

// cuts are applied one after the other.
var cuts = []func(*record.Change){
	findingsTo(8, 1024),
	findingsTo(0, 128),
	metadataTo(16, 128),
	dropAccessRestrictions,
	metadataTo(4, 64),
	listsTo(32),
	listsTo(16),
	findingsTo(0, 0),
	titlesTo(128),
	listsTo(8),
	listsTo(2),
	metadataTo(1, 32),
}

func findingsTo(items, characters int) func(*record.Change) {
	return func(c *record.Change) {
		if c.Media == nil || c.Media.AI == nil {
			return
		}
		ai := c.Media.AI
		if ai.Summary != nil {
			ai.Summary.Text = cut(ai.Summary.Text, characters)
		}
		if ai.Chapters != nil {
			ai.Chapters.Items = head(ai.Chapters.Items, items)
		}
		if ai.NamedEntities != nil {
			ai.NamedEntities.Items = head(ai.NamedEntities.Items, items)
		}
		if ai.Moderation != nil {
			ai.Moderation.Items = head(ai.Moderation.Items, items)
		}
	}
}

func metadataTo(keys, characters int) func(*record.Change) {
	return func(c *record.Change) {
		var texts *map[string]fastpixv1.MetadataValue
		if c.Media != nil {
			texts = c.Media.Metadata
		} else if c.Stream != nil {
			texts = c.Stream.Metadata
		}
		if texts == nil {
			return
		}
		keepFirstKeys(*texts, keys)
		for key, text := range *texts {
			(*texts)[key] = fastpixv1.MetadataValue(cut(string(text), characters))
		}
	}
}

func titlesTo(characters int) func(*record.Change) {
	return func(c *record.Change) {
		if c.Media == nil {
			return
		}
		for _, text := range []*string{c.Media.Title, c.Media.CreatorID} {
			if text != nil {
				*text = cut(*text, characters)
			}
		}
	}
}

// dropAccessRestrictions drops whole restrictions: half a list would say that the rest is not restricted. The condition Truncated then
// shows that the playback ids are incomplete.
func dropAccessRestrictions(c *record.Change) {
	var ids *record.ListChange[fastpixv1.PlaybackID]
	switch {
	case c.Media != nil:
		ids = &c.Media.PlaybackIDs
	case c.Stream != nil:
		ids = &c.Stream.PlaybackIDs
	default:
		return
	}
	for i := range ids.Snapshot {
		if id := &ids.Snapshot[i]; id.AccessRestrictions != nil {
			id.AccessRestrictions, ids.Truncated = nil, true
		}
	}
}

func listsTo(n int) func(*record.Change) {
	return func(c *record.Change) {
		if m := c.Media; m != nil {
			truncate(&m.PlaybackIDs, n)
			truncate(&m.Tracks, n)
			truncate(&m.Subtitles, n)
		}
		if s := c.Stream; s != nil {
			truncate(&s.PlaybackIDs, n)
			truncate(&s.SimulcastTargets, n)
			truncate(&s.Recordings, n)
			truncate(&s.Clips, n)
		}
	}
}

func truncate[T any](list *record.ListChange[T], n int) {
	if len(list.Snapshot) > n {
		list.Snapshot, list.Truncated = list.Snapshot[:n], true
	}
}

func head[T any](items []T, n int) []T {
	if len(items) > n {
		return items[:n]
	}
	return items
}
