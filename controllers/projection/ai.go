package projection

import (
	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/controllers/projection/merge"
)

// aiRegisters are the registers of what in-video AI found. A deletion of the media clears its texts and lists.
var aiRegisters = []merge.Register[mediaStatus, mediaChange]{
	merge.NonEmptyText("ai.summary.availability", merge.MaxState, func(c *mediaChange) string { return aiOf(c).Summary.Availability },
		func(s *mediaStatus) *string { return &ensure(&ai(s).Summary).Availability }),
	merge.ClearedByDeletion(merge.NonEmptyText("ai.summary.text", merge.MaxSummary, func(c *mediaChange) string { return aiOf(c).Summary.Text },
		func(s *mediaStatus) *string { return &ensure(&ai(s).Summary).Text })),
	merge.NonEmptyText("ai.chapters.availability", merge.MaxState, func(c *mediaChange) string { return aiOf(c).Chapters.Availability },
		func(s *mediaStatus) *string { return &ensure(&ai(s).Chapters).Availability }),
	merge.ClearedByDeletion(merge.WholeList("ai.chapters.items", fitChapter, func(c *mediaChange) []fastpixv1.AIChapter { return aiOf(c).Chapters.Items },
		func(s *mediaStatus) *[]fastpixv1.AIChapter { return &ensure(&ai(s).Chapters).Items })),
	merge.NonEmptyText("ai.namedEntities.availability", merge.MaxState, func(c *mediaChange) string { return aiOf(c).NamedEntities.Availability },
		func(s *mediaStatus) *string { return &ensure(&ai(s).NamedEntities).Availability }),
	merge.ClearedByDeletion(merge.WholeList("ai.namedEntities.items", fitEntity, func(c *mediaChange) []fastpixv1.AINamedEntity { return aiOf(c).NamedEntities.Items },
		func(s *mediaStatus) *[]fastpixv1.AINamedEntity { return &ensure(&ai(s).NamedEntities).Items })),
	merge.NonEmptyText("ai.moderation.availability", merge.MaxState, func(c *mediaChange) string { return aiOf(c).Moderation.Availability },
		func(s *mediaStatus) *string { return &ensure(&ai(s).Moderation).Availability }),
	merge.ClearedByDeletion(merge.WholeList("ai.moderation.items", fitScore, func(c *mediaChange) []fastpixv1.AIModerationScore { return aiOf(c).Moderation.Items },
		func(s *mediaStatus) *[]fastpixv1.AIModerationScore { return &ensure(&ai(s).Moderation).Items })),
}

// aiChange is MediaAI without pointers.
type aiChange struct {
	Summary       fastpixv1.AISummary
	Chapters      fastpixv1.AIChapters
	NamedEntities fastpixv1.AINamedEntities
	Moderation    fastpixv1.AIModeration
}

// aiOf returns the AI part of a change. A part that the change does not carry is empty.
func aiOf(c *mediaChange) aiChange {
	if c.AI == nil {
		return aiChange{}
	}
	return aiChange{
		Summary:       orZero(c.AI.Summary),
		Chapters:      orZero(c.AI.Chapters),
		NamedEntities: orZero(c.AI.NamedEntities),
		Moderation:    orZero(c.AI.Moderation),
	}
}

func orZero[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

func ai(s *mediaStatus) *fastpixv1.MediaAI { return ensure(&s.AI) }

// ensure returns the value that p points to, and creates it if it does not exist.
func ensure[T any](p **T) *T {
	if *p == nil {
		*p = new(T)
	}
	return *p
}

// withoutEmpty removes the parts that are empty.
func withoutEmpty(ai *fastpixv1.MediaAI) *fastpixv1.MediaAI {
	if ai == nil {
		return nil
	}
	if s := ai.Summary; s != nil && *s == (fastpixv1.AISummary{}) {
		ai.Summary = nil
	}
	if c := ai.Chapters; c != nil && c.Availability == "" && len(c.Items) == 0 {
		ai.Chapters = nil
	}
	if n := ai.NamedEntities; n != nil && n.Availability == "" && len(n.Items) == 0 {
		ai.NamedEntities = nil
	}
	if m := ai.Moderation; m != nil && m.Availability == "" && len(m.Items) == 0 {
		ai.Moderation = nil
	}
	if *ai == (fastpixv1.MediaAI{}) {
		return nil
	}
	return ai
}

func fitChapter(c fastpixv1.AIChapter) fastpixv1.AIChapter {
	return fastpixv1.AIChapter{
		Chapter: merge.Cut(c.Chapter, merge.MaxWord), StartTime: merge.Cut(c.StartTime, merge.MaxWord), EndTime: merge.Cut(c.EndTime, merge.MaxWord), Title: merge.Cut(c.Title, merge.MaxFinding),
	}
}

func fitEntity(e fastpixv1.AINamedEntity) fastpixv1.AINamedEntity {
	return fastpixv1.AINamedEntity{Entity: merge.Cut(e.Entity, merge.MaxFinding), Category: merge.Cut(e.Category, merge.MaxCategory), Count: e.Count}
}

func fitScore(s fastpixv1.AIModerationScore) fastpixv1.AIModerationScore {
	return fastpixv1.AIModerationScore{Category: merge.Cut(s.Category, merge.MaxCategory), Score: merge.Cut(s.Score, merge.MaxWord)}
}
