package projection

import (
	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
)

// aiRegisters are the registers of what in-video AI found. Its texts and lists are forgotten when the media is deleted.
var aiRegisters = []register[mediaStatus, mediaChange]{
	word("ai.summary.availability", maxState, func(c *mediaChange) string { return told(c).Summary.Availability },
		func(s *mediaStatus) *string { return &own(&ai(s).Summary).Availability }),
	personal(word("ai.summary.text", maxSummary, func(c *mediaChange) string { return told(c).Summary.Text },
		func(s *mediaStatus) *string { return &own(&ai(s).Summary).Text })),
	word("ai.chapters.availability", maxState, func(c *mediaChange) string { return told(c).Chapters.Availability },
		func(s *mediaStatus) *string { return &own(&ai(s).Chapters).Availability }),
	personal(findings("ai.chapters.items", fitChapter, func(c *mediaChange) []fastpixv1.AIChapter { return told(c).Chapters.Items },
		func(s *mediaStatus) *[]fastpixv1.AIChapter { return &own(&ai(s).Chapters).Items })),
	word("ai.namedEntities.availability", maxState, func(c *mediaChange) string { return told(c).NamedEntities.Availability },
		func(s *mediaStatus) *string { return &own(&ai(s).NamedEntities).Availability }),
	personal(findings("ai.namedEntities.items", fitEntity, func(c *mediaChange) []fastpixv1.AINamedEntity { return told(c).NamedEntities.Items },
		func(s *mediaStatus) *[]fastpixv1.AINamedEntity { return &own(&ai(s).NamedEntities).Items })),
	word("ai.moderation.availability", maxState, func(c *mediaChange) string { return told(c).Moderation.Availability },
		func(s *mediaStatus) *string { return &own(&ai(s).Moderation).Availability }),
	personal(findings("ai.moderation.items", fitScore, func(c *mediaChange) []fastpixv1.AIModerationScore { return told(c).Moderation.Items },
		func(s *mediaStatus) *[]fastpixv1.AIModerationScore { return &own(&ai(s).Moderation).Items })),
}

// toldAI is MediaAI without its pointers.
type toldAI struct {
	Summary       fastpixv1.AISummary
	Chapters      fastpixv1.AIChapters
	NamedEntities fastpixv1.AINamedEntities
	Moderation    fastpixv1.AIModeration
}

// told returns what a change tells, with nothing where it tells nothing.
func told(c *mediaChange) toldAI {
	if c.AI == nil {
		return toldAI{}
	}
	return toldAI{
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

func ai(s *mediaStatus) *fastpixv1.MediaAI { return own(&s.AI) }

// own makes what p points to exist.
func own[T any](p **T) *T {
	if *p == nil {
		*p = new(T)
	}
	return *p
}

// withoutEmpty drops what has nothing in it any more.
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
		Chapter: cut(c.Chapter, maxWord), StartTime: cut(c.StartTime, maxWord), EndTime: cut(c.EndTime, maxWord), Title: cut(c.Title, maxFinding),
	}
}

func fitEntity(e fastpixv1.AINamedEntity) fastpixv1.AINamedEntity {
	return fastpixv1.AINamedEntity{Entity: cut(e.Entity, maxFinding), Category: cut(e.Category, maxCategory), Count: e.Count}
}

func fitScore(s fastpixv1.AIModerationScore) fastpixv1.AIModerationScore {
	return fastpixv1.AIModerationScore{Category: cut(s.Category, maxCategory), Score: cut(s.Score, maxWord)}
}
