package event

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/fastpix-operator/fastpix-operator/internal/record"
	"github.com/fastpix-operator/fastpix-operator/internal/text"
)

// maxNameBytes is longer than every known field name.
const maxNameBytes = 32

// reader reads single values and records which known fields it skipped.
type reader struct {
	skipped []string
	name    [maxNameBytes]byte
}

// skip records that a known field has no usable value. The name is a constant of this package, never text of the body.
func (r *reader) skip(field string) {
	if !slices.Contains(r.skipped, field) {
		r.skipped = append(r.skipped, field)
	}
}

// shape is a wire struct: an allow-list of the fields that are read.
type shape interface {
	// field returns where to store the field of that folded name; nil for every field that is not read.
	field(name []byte) *value
}

// fill reads an object into a wire struct. If a field comes in several spellings, or twice, the last value that is not null counts. A list
// of one object is read as that object. Everything else is skipped.
func (r *reader) fill(field string, v value, s shape) {
	if v == nil {
		return
	}
	if v.is('[') {
		v = onlyElement(v)
	}
	if !v.is('{') {
		r.skip(field)
		return
	}
	for name, member := range v.members() {
		if to := s.field(r.fold(name)); to != nil {
			*to = member
		}
	}
}

func onlyElement(list value) value {
	var only value
	for v := range list.elements() {
		if only != nil {
			return nil
		}
		only = v
	}
	return only
}

// fold gives all spellings of a field name one form: mediaPolicy, mediapolicy and media_policy; Workspace and workspace. The result is
// valid until the next call.
func (r *reader) fold(quoted []byte) []byte {
	name := quoted[1 : len(quoted)-1]
	if slices.Contains(name, '\\') {
		name = []byte(value(quoted).unquote())
	}
	if len(name) > maxNameBytes {
		return nil
	}
	folded := r.name[:0]
	for _, c := range name {
		switch {
		case c == '_' || c == '-':
		case c >= 'A' && c <= 'Z':
			folded = append(folded, c+'a'-'A')
		default:
			folded = append(folded, c)
		}
	}
	return folded
}

// text reads a text and cuts it to limit characters. It returns false when the field is absent. It skips a text that looks like a secret.
func (r *reader) text(field string, v value, limit int) (string, bool) {
	switch {
	case v == nil:
		return "", false
	case !v.is('"'):
		r.skip(field)
		return "", false
	}
	s, ok := text.Safe(v.unquote())
	if !ok {
		r.skip(field)
		return "", false
	}
	return cut(s, limit), true
}

// figure is text for a field that may also be a number: a resolution, a rate, a time within a media.
func (r *reader) figure(field string, v value, limit int) (string, bool) {
	if v.is('0') {
		return cut(string(v), limit), true
	}
	return r.text(field, v, limit)
}

// textOf is text for a field of a mirror; nil means no change. An empty text clears the field if it is in a full object, and means no
// change elsewhere.
func (r *reader) textOf(field string, v value, limit int, full bool) *string {
	s, ok := r.text(field, v, limit)
	return textOrNil(s, ok, full)
}

// figureOf is textOf for a figure.
func (r *reader) figureOf(field string, v value, limit int, full bool) *string {
	s, ok := r.figure(field, v, limit)
	return textOrNil(s, ok, full)
}

func textOrNil(s string, ok, full bool) *string {
	if !ok || s == "" && !full {
		return nil
	}
	return &s
}

// id reads an id in its normal form; empty if there is no usable id.
func (r *reader) id(field string, v value) string {
	if v == nil {
		return ""
	}
	s := string(v)
	switch {
	case v.is('"'):
		if s = v.unquote(); s == "" {
			return ""
		}
	case !v.is('0') || strings.Trim(s, "0123456789") != "":
		r.skip(field)
		return ""
	}
	// U+FFFD replaces what is not UTF-8: two different ids could become the same text.
	if !record.UsableID(s) || strings.ContainsRune(s, utf8.RuneError) {
		r.skip(field)
		return ""
	}
	return record.NormalizeID(s)
}

// flag reads a boolean, which may also be a text, 0 or 1.
func (r *reader) flag(field string, v value) *bool {
	if v == nil {
		return nil
	}
	s := string(v)
	if v.is('"') {
		s = strings.ToLower(v.unquote())
	}
	switch s {
	case "true", "1":
		return new(true)
	case "false", "0":
		return new(false)
	case "":
		return nil
	}
	r.skip(field)
	return nil
}

// word reads one of the platform's words; empty if there is no usable one.
func (r *reader) word(field string, v value, limit int) string {
	s, _ := r.text(field, v, limit)
	return s
}

// cut returns the first limit characters of s. The API server's MaxLength counts characters, not bytes.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	n := 0
	for i := range s {
		if n == limit {
			return strings.Clone(s[:i])
		}
		n++
	}
	return s
}
