package event

import (
	"bytes"
	"encoding/json"
	"iter"
)

// value is one JSON value inside a body that json.Valid has accepted, without white space around it. It shares the memory of the body. It
// is nil when the field is absent or null; both mean no change.
//
// Values are read lazily and in place: encoding/json cannot skip one field and keep the rest, and walking a body that is known to be valid
// is several times faster.
type value []byte

// parse returns the JSON object that a body consists of. A byte order mark in front is not JSON, but a verified body that has one is still
// an event.
func parse(body []byte) (value, bool) {
	body = trim(body)
	if len(body) == 0 || body[0] != '{' || !json.Valid(body) {
		return nil, false
	}
	return value(body), true
}

func trim(body []byte) []byte {
	return bytes.Trim(bytes.TrimPrefix(body, []byte("\uFEFF")), " \t\r\n")
}

// is reports whether the value is of that kind: '{', '[', '"', 't', 'f', or '0' for any number.
func (v value) is(kind byte) bool {
	if len(v) == 0 {
		return false
	}
	if kind == '0' {
		return v[0] == '-' || v[0] >= '0' && v[0] <= '9'
	}
	return v[0] == kind
}

// members yields the names and values of an object in the order of the body, without nulls. A name is quoted as in the body. It yields
// nothing for any other value.
func (v value) members() iter.Seq2[[]byte, value] {
	return func(yield func([]byte, value) bool) {
		if !v.is('{') {
			return
		}
		for i := v.space(1); v[i] != '}'; {
			nameEnd := v.end(i)
			start := v.space(v.space(nameEnd) + 1) // past the colon
			end := v.end(start)
			if v[start] != 'n' && !yield(v[i:nameEnd], v[start:end]) {
				return
			}
			if i = v.space(end); v[i] == ',' {
				i = v.space(i + 1)
			}
		}
	}
}

// elements yields the elements of a list, without nulls. For a value that is not a list it yields the value itself, because the platform
// has written single elements without the list around them.
func (v value) elements() iter.Seq[value] {
	return func(yield func(value) bool) {
		if !v.is('[') {
			if v != nil {
				yield(v)
			}
			return
		}
		for i := v.space(1); v[i] != ']'; {
			end := v.end(i)
			if v[i] != 'n' && !yield(v[i:end]) {
				return
			}
			if i = v.space(end); v[i] == ',' {
				i = v.space(i + 1)
			}
		}
	}
}

// space returns the index of the first byte from i on that is not white space.
func (v value) space(i int) int {
	for v[i] == ' ' || v[i] == '\n' || v[i] == '\t' || v[i] == '\r' {
		i++
	}
	return i
}

// end returns the index behind the value that starts at i.
func (v value) end(i int) int {
	switch v[i] {
	case '"':
		return v.stringEnd(i)
	case '{', '[':
		depth := 0
		for {
			switch v[i] {
			case '"':
				i = v.stringEnd(i)
				continue
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
			i++
		}
	}
	for i < len(v) && bytes.IndexByte([]byte(" \t\r\n,]}"), v[i]) < 0 {
		i++
	}
	return i
}

func (v value) stringEnd(i int) int {
	for i++; v[i] != '"'; i++ {
		if v[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// unquote returns the text of a JSON string. U+FFFD replaces what is not UTF-8.
func (v value) unquote() string {
	for _, c := range v {
		if c == '\\' || c >= 0x80 {
			var s string
			_ = json.Unmarshal(v, &s) // cannot fail: it is a valid JSON string
			return s
		}
	}
	return string(v[1 : len(v)-1])
}
