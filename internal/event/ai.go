package event

import (
	fastpixv1 "github.com/fastpix-operator/fastpix-operator/api/v1alpha1"
	"github.com/fastpix-operator/fastpix-operator/internal/record"
)

// maxNesting is how deep a result of AI may be wrapped: {status, data: {chapters: [...]}} is 2.
const maxNesting = 3

// mediaAI reads the results of AI in a full media: each of them is {status, data}. It returns nil if there is none.
func (d *decoder) mediaAI() *fastpixv1.MediaAI {
	p := &d.payload
	var ai fastpixv1.MediaAI
	if s := d.summary(p.summary); s.Availability != "" || s.Text != "" {
		ai.Summary = &s
	}
	if c := d.chapters(p.chapters); c.Availability != "" || c.Items != nil {
		ai.Chapters = &c
	}
	if n := d.namedEntities(p.namedEntities); n.Availability != "" || n.Items != nil {
		ai.NamedEntities = &n
	}
	if m := d.moderation(either(p.moderation, p.moderationResult)); m.Availability != "" || m.Items != nil {
		ai.Moderation = &m
	}
	if ai == (fastpixv1.MediaAI{}) {
		return nil
	}
	return &ai
}

// aiEvent reads the one result that the event's type names. The type says that it is ready.
func (d *decoder) aiEvent(m *record.MediaChange) {
	if m.AI == nil {
		m.AI = &fastpixv1.MediaAI{}
	}
	p := &d.payload
	unnamed := p.found // data.data, or data itself if there is no object around the result
	if unnamed == nil && !d.envelope.data.is('{') {
		unnamed = d.envelope.data
	}
	switch d.typ.Name {
	case typeSummary:
		s := d.summary(either(p.summary, unnamed))
		s.Availability = d.typ.PartState
		m.AI.Summary = &s
	case typeChapters:
		c := d.chapters(either(p.chapters, unnamed))
		c.Availability = d.typ.PartState
		m.AI.Chapters = &c
	case typeNamedEntities:
		n := d.namedEntities(either(p.namedEntities, unnamed))
		n.Availability = d.typ.PartState
		m.AI.NamedEntities = &n
	case typeModeration:
		s := d.moderation(either(either(p.moderationResult, p.moderation), unnamed))
		s.Availability = d.typ.PartState
		m.AI.Moderation = &s
	}
}

// unwrap returns the text or list inside {status, data}, and the status word of the outermost wrapping that has one.
func (r *reader) unwrap(field string, v value) (availability string, content value) {
	for range maxNesting {
		if !v.is('{') {
			return availability, v
		}
		var f finding
		r.fill(field, v, &f)
		if availability == "" {
			availability = r.availability(field, f.status)
		}
		v = f.content
	}
	return availability, nil
}

func (r *reader) summary(v value) fastpixv1.AISummary {
	availability, content := r.unwrap("summary", v)
	return fastpixv1.AISummary{Availability: availability, Text: r.word("summary", content, maxSummary)}
}

func (r *reader) chapters(v value) fastpixv1.AIChapters {
	const field = "chapters"
	availability, content := r.unwrap(field, v)
	items := findings(r, field, content, func(f found) fastpixv1.AIChapter {
		c := fastpixv1.AIChapter{Title: r.word(field, f.title, maxFindingTitle)}
		c.Chapter, _ = r.figure(field, f.chapter, maxWord)
		c.StartTime, _ = r.figure(field, f.startTime, maxWord)
		c.EndTime, _ = r.figure(field, f.endTime, maxWord)
		return c
	})
	return fastpixv1.AIChapters{Availability: availability, Items: items}
}

func (r *reader) namedEntities(v value) fastpixv1.AINamedEntities {
	const field = "namedEntities"
	availability, content := r.unwrap(field, v)
	items := findings(r, field, content, func(f found) fastpixv1.AINamedEntity {
		return fastpixv1.AINamedEntity{
			Entity:   r.word(field, f.entity, maxFindingTitle),
			Category: r.word(field, f.category, maxCategory),
			Count:    r.count(field, f.count, maxCount),
		}
	})
	return fastpixv1.AINamedEntities{Availability: availability, Items: items}
}

func (r *reader) moderation(v value) fastpixv1.AIModeration {
	const field = "moderation"
	availability, content := r.unwrap(field, v)
	items := findings(r, field, content, func(f found) fastpixv1.AIModerationScore {
		return fastpixv1.AIModerationScore{Category: r.word(field, f.category, maxCategory), Score: r.score(field, f.score)}
	})
	return fastpixv1.AIModeration{Availability: availability, Items: items}
}

// findings reads the first maxFindings elements of a list that are not empty.
func findings[T comparable](r *reader, field string, v value, read func(found) T) []T {
	var items []T
	for element := range v.elements() {
		if len(items) == maxFindings {
			break
		}
		var f found
		r.fill(field, element, &f)
		var nothing T
		if item := read(f); item != nothing {
			items = append(items, item)
		}
	}
	return items
}
